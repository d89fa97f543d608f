internal import Glibc

extension ControlGroups {
    /// A group and how deep it lies, as a search finds it.
    public struct Group: Hashable, Sendable {
        /// From the root of the tree: `/system.slice/payments.service`.
        public var path: String
        /// The kernel's number, as ``SocketReport/cgroup`` tells it.
        public var id: UInt64
    }

    /// The groups of a systemd unit: every one of its name, wherever it lies (a user's manager has units of
    /// its own, below `user.slice`), and all that lie below.
    ///
    /// - Parameter maxDirectories: groups that are looked at; then the search is given up, and what was found
    ///   is all that is told.
    public func groups(ofUnit name: String, maxDirectories: Int = 20_000) -> [Group] {
        // systemd puts an underscore before names that the kernel's own files could have.
        groups(maxDirectories: maxDirectories) { last in last == name || last == "_" + name }
    }

    /// The group of a path from the root of the tree and all that lie below; none where it is not there, or
    /// lies outside of what is mounted.
    public func groups(atPath path: String, maxDirectories: Int = 20_000) -> [Group] {
        let wanted = "/" + path.split(separator: "/").joined(separator: "/")
        let base = root == "/" ? "" : root
        guard wanted == "/" || wanted == base || wanted.hasPrefix(base + "/") else { return [] }
        let below = wanted == "/" ? "" : String(wanted.dropFirst(base.count))
        var left = maxDirectories
        return descend(below, isMember: true, &left) { _ in true }
    }

    private func groups(maxDirectories: Int, _ isMeant: (String) -> Bool) -> [Group] {
        var left = maxDirectories
        return descend("", isMember: false, &left, isMeant)
    }

    /// Walks the tree from a group on; below one that is meant all are.
    private func descend(
        _ start: String,
        isMember: Bool,
        _ left: inout Int,
        _ isMeant: (String) -> Bool
    ) -> [Group] {
        var found: [Group] = []
        var pending = [(below: start, isMember: isMember)]
        while let (below, isMember) = pending.popLast(), left > 0 {
            left -= 1
            guard let directory = opendir(mountPoint + below) else { continue }
            defer { closedir(directory) }
            var status = stat()
            if isMember, fstat(dirfd(directory), &status) == 0 {
                let path = (root == "/" ? "" : root) + below
                found.append(Group(path: path.isEmpty ? "/" : path, id: UInt64(status.st_ino)))
            }
            while let entry = readdir(directory) {
                if entry.pointee.d_type != UInt8(DT_DIR) { continue }
                let name = DirectoryEntry.name(entry)
                if name == "." || name == ".." { continue }
                pending.append((below + "/" + name, isMember || isMeant(name)))
            }
        }
        return found.sorted { $0.path < $1.path }
    }
}
