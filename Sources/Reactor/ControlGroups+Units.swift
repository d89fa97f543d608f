internal import Glibc

// Where systemd keeps a unit's processes.
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
        let names = ControlGroups.names(ofUnit: name)
        return groups(maxDirectories: maxDirectories) { names.contains($0) }
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

    /// The group that a unit of the system's manager has now; nil where the unit does not run.
    ///
    /// First where systemd puts units that say nothing else, then anywhere: at most `maxDirectories` groups
    /// are read for that.
    public func path(ofUnit unit: String, maxDirectories: Int = 20_000) -> String? {
        for candidate in ControlGroups.usualPaths(ofUnit: unit) where id(of: candidate) != nil {
            return candidate
        }
        let names = Set(ControlGroups.names(ofUnit: unit))
        return search(maxDirectories: maxDirectories) { name, _ in
            // What runs below a user's manager are that user's units, whatever they are called.
            if name.hasPrefix("user@") { return .skip }
            return names.contains(name) ? .found : .descend
        }
    }

    /// Where a unit's group will be unless the unit says something else (`Slice=`), the likeliest first.
    public static func usualPaths(ofUnit unit: String) -> [String] {
        if unit.hasSuffix(".slice") { return [slicePath(unit)] }
        var parent = "/system.slice"
        // Instances of a template share a slice (systemd.slice(5)), in whose name a dash is a level.
        if let at = unit.firstIndex(of: "@"), at != unit.startIndex {
            let template = unit[..<at].split(separator: "-", omittingEmptySubsequences: false)
                .joined(separator: "\\x2d")
            parent += "/system-\(template).slice"
        }
        return names(ofUnit: unit).map { "\(parent)/\($0)" }
    }

    /// `a-b.slice` is below `a.slice`.
    private static func slicePath(_ unit: String) -> String {
        if unit == "-.slice" { return "/" }
        var path = ""
        var name = ""
        for part in unit.dropLast(6).split(separator: "-") {
            name += (name.isEmpty ? "" : "-") + part
            path += "/\(name).slice"
        }
        return path
    }

    /// systemd puts an underscore before names that the kernel's own files could have.
    private static func names(ofUnit unit: String) -> [String] { [unit, "_" + unit] }
}
