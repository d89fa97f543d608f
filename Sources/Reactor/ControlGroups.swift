internal import CLinux
internal import Glibc

/// The tree of control groups, version 2, as this process sees it mounted: finds the path of a group that a
/// socket was opened in by its id.
///
/// Every look-up may block, and without privilege takes longer the more groups there are: for a helper
/// thread.
public struct ControlGroups: Hashable, Sendable {
    /// Where the tree is mounted.
    public let mountPoint: String
    /// Which group is mounted there: `/`, or in a container perhaps the container's own.
    public let root: String

    /// The tree that `/proc/self/mountinfo` lists; nil where there is none.
    public init?() {
        guard let text = SmallFile.read("/proc/self/mountinfo", limit: 1 << 20),
            let found = ControlGroups.find(in: text)
        else { return nil }
        self = found
    }

    init(mountPoint: String, root: String) {
        self.mountPoint = mountPoint
        self.root = root
    }

    /// The first mount of type cgroup2 in the text of mountinfo (proc(5)), one of the whole tree if there is
    /// one.
    static func find(in mountInfo: String) -> ControlGroups? {
        var found: ControlGroups?
        for line in mountInfo.utf8.split(separator: UInt8(ascii: "\n")) {
            let words = line.split(separator: UInt8(ascii: " "))
            // Six fields, any number of optional ones, a dash, the type of file system.
            guard words.count > 6, let dash = words[6...].firstIndex(where: { $0.elementsEqual("-".utf8) }),
                dash + 1 < words.count, words[dash + 1].elementsEqual("cgroup2".utf8)
            else { continue }
            let mount = ControlGroups(mountPoint: unescaped(words[4]), root: unescaped(words[3]))
            if mount.root == "/" { return mount }
            if found == nil { found = mount }
        }
        return found
    }

    /// Blanks and backslashes stand as `\` and three octal digits.
    private static func unescaped(_ word: Substring.UTF8View.SubSequence) -> String {
        var bytes: [UInt8] = []
        var rest = Substring(word).utf8[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3, let code = UInt8(String(digits) ?? "", radix: 8)
            {
                bytes.append(code)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The path of a group from the root of the tree, `/system.slice/payments.service`; `/` is the root.
    ///
    /// The kernel is asked where this thread may ask it, otherwise the tree is searched.
    ///
    /// - Parameter maxDirectories: groups that are looked at in the search; then it is given up.
    /// - Returns: nil where the group is gone, or lies outside of what is mounted or may be read.
    public func path(of id: UInt64, maxDirectories: Int = 20_000) -> String? {
        if ControlGroups.mayAskKernel {
            switch pathByHandle(id) {
            case .found(let path): return path
            case .unknown: return nil
            case .refused: break
            }
        }
        return pathBySearch(id, maxDirectories: maxDirectories)
    }

    /// Whether open_by_handle_at(2) may be tried: with CAP_DAC_READ_SEARCH, and without a filter of system
    /// calls. The call is one of systemd's `@privileged`, and a filter may well end the process for it.
    static var mayAskKernel: Bool {
        SmallFile.read("/proc/thread-self/status", limit: 16_384).map(mayAskKernel) ?? false
    }

    /// The same from the text of /proc/PID/status (proc(5)).
    static func mayAskKernel(_ status: String) -> Bool {
        func value(_ key: String) -> Substring? {
            status.split(separator: "\n").first { $0.hasPrefix(key + ":\t") }?.dropFirst(key.count + 2)
        }
        let readSearch: UInt64 = 1 << 2
        guard let capabilities = value("CapEff").flatMap({ UInt64($0, radix: 16) }) else { return false }
        // A kernel without filters does not list them.
        return capabilities & readSearch != 0 && (value("Seccomp") ?? "0") == "0"
    }

    /// The group of a process by its number, as ``path(of:)`` takes it; nil where it is gone, hidden, or lies
    /// outside of what is mounted. Two short files are looked at: some 13 µs, which no disk can make longer.
    public func group(of pid: Int32) -> UInt64? {
        SmallFile.read("/proc/\(pid)/cgroup", limit: 16_384).flatMap(directory(named:)).flatMap(inode(of:))
    }

    /// Where the group lies that the text of /proc/PID/cgroup names.
    func directory(named text: String) -> String? {
        guard let path = ControlGroups.path(named: text) else { return nil }
        // It is told from the root of this process's cgroup namespace, and may lie above it.
        return path.hasPrefix("/..") ? nil : directory(of: path)
    }

    /// The path in the line `0::/path` of the unified hierarchy (cgroups(7)).
    static func path(named text: String) -> String? {
        text.split(separator: "\n").first { $0.hasPrefix("0::/") }.map { String($0.dropFirst(3)) }
    }

    /// What the kernel says of a group.
    enum Answer: Hashable {
        case found(String)
        /// The group is gone, or lies outside of what is mounted.
        case unknown
        /// This process may not ask.
        case refused
    }

    /// Asks the kernel. Its handles have this form since Linux 5.5, and it tells of sockets' groups since 5.8.
    func pathByHandle(_ id: UInt64) -> Answer {
        let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC
        let mount = open(mountPoint, flags)
        if mount < 0 { return .refused }
        defer { Sockets.close(mount) }
        var handle = weir_cgroup_handle(byte_count: 8, type: Int32(WEIR_FILEID_KERNFS), id: id)
        let directory = open_by_handle_at(mount, &handle, flags)
        if directory < 0 { return errno == ESTALE ? .unknown : .refused }
        defer { Sockets.close(directory) }
        guard let path = SmallFile.link("/proc/self/fd/\(directory)"), let below = below(path),
            inode(of: path) == id
        else { return .unknown }
        return .found(fromRoot(below))
    }

    /// The inode of a directory is the group's id.
    func pathBySearch(_ id: UInt64, maxDirectories: Int) -> String? {
        if inode(of: mountPoint) == id { return fromRoot("") }
        return search(maxDirectories: maxDirectories) { _, found in found == id ? .found : .descend }
    }

    /// What a search does about a group that it meets.
    enum Step {
        case found
        case descend
        /// Nothing below it is looked at.
        case skip
    }

    /// The path of the first group that is meant. Reads the tree level by level, as groups of interest are rarely
    /// deep; nil where there is none among `maxDirectories`.
    func search(maxDirectories: Int, _ judge: (_ name: String, _ id: UInt64) -> Step) -> String? {
        var level = [""]
        var left = maxDirectories
        while !level.isEmpty {
            var next: [String] = []
            for parent in level {
                if left == 0 { return nil }
                left -= 1
                guard let directory = opendir(mountPoint + parent) else { continue }
                defer { closedir(directory) }
                while let entry = readdir(directory) {
                    if entry.pointee.d_type != UInt8(DT_DIR) { continue }
                    let name = DirectoryEntry.name(entry)
                    if name == "." || name == ".." { continue }
                    switch judge(name, UInt64(entry.pointee.d_ino)) {
                    case .found: return fromRoot(parent + "/" + name)
                    // What would not be looked at need not be remembered.
                    case .descend where next.count < left: next.append(parent + "/" + name)
                    case .descend, .skip: continue
                    }
                }
            }
            level = next
        }
        return nil
    }

    /// How many processes of a user are in a group, those in groups below it left out: whoever may list the
    /// tree may count them, without any privilege.
    ///
    /// - Parameter limit: counted at most; beyond it the number makes no difference.
    /// - Returns: nil where the group is gone, or lies outside of what is mounted or may be read.
    public func population(of id: UInt64, uid: UInt32, limit: Int = 1024) -> Int? {
        guard let directory = path(of: id).flatMap({ directory(of: $0) }),
            let text = SmallFile.read(directory + "/cgroup.procs", limit: 1 << 17)
        else { return nil }
        var count = 0
        for line in text.split(separator: "\n") where count < limit {
            guard let pid = Int32(line) else { continue }
            var status = stat()
            // One that cannot be seen (hidepid, another PID namespace) may be one of them.
            if stat("/proc/\(pid)", &status) == 0 && (status.st_uid != uid || isKernelThread(pid)) {
                continue
            }
            count += 1
        }
        return count
    }

    /// The number that the kernel knows a group by, from its making to its end; nil where there is no such
    /// group, or it lies outside of what is mounted.
    public func id(of path: String) -> UInt64? {
        guard let directory = directory(of: path) else { return nil }
        var status = stat()
        guard stat(directory, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return nil }
        return UInt64(status.st_ino)
    }

    /// The directory of a group, whether it exists or not; nil where it lies outside of what is mounted.
    public func directory(of path: String) -> String? {
        if root == "/" { return mountPoint + path }
        guard path == root || path.hasPrefix(root + "/") else { return nil }
        return mountPoint + path.dropFirst(root.count)
    }

    /// Kernel threads are in the root group, and have no command line; neither has a process that has ended.
    private func isKernelThread(_ pid: Int32) -> Bool {
        SmallFile.read("/proc/\(pid)/cmdline", limit: 1)?.isEmpty == true
    }

    /// What of a path lies below the mount point, beginning with a slash unless empty.
    private func below(_ path: String) -> String? {
        let base = mountPoint == "/" ? "" : mountPoint
        guard path.hasPrefix(base) else { return nil }
        let rest = path.dropFirst(base.count)
        return rest.isEmpty || rest.hasPrefix("/") ? String(rest) : nil
    }

    private func fromRoot(_ below: String) -> String {
        let path = (root == "/" ? "" : root) + below
        return path.isEmpty ? "/" : path
    }

    private func inode(of path: String) -> UInt64? {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }
}
