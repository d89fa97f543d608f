internal import Glibc

/// A process that holds sockets that were looked for.
public struct ProcessFinding: Hashable, Sendable {
    /// Its number, as this process's /proc has it.
    public var pid: Int32
    /// What the kernel calls it: at most 15 bytes, of the program's own choice. Empty where it is gone.
    public var command: String
    /// The program's path, with ` (deleted)` where it was replaced since; nil where it may not be known.
    public var executable: String?
    /// The sockets.
    public var inodes: Set<UInt64>

    /// Puts together what was found.
    public init(pid: Int32, command: String, executable: String?, inodes: Set<UInt64>) {
        self.pid = pid
        self.command = command
        self.executable = executable
        self.inodes = inodes
    }

    /// The executable's path, or else the command.
    public var program: String { executable ?? command }
}

/// What a search for the holders of sockets brought.
public struct ProcessSearch: Hashable, Sendable {
    /// Processes that hold one or more of the sockets; a socket is held by several that inherited it.
    public var findings: [ProcessFinding]
    /// Processes whose descriptors may not be read by this one: any of them may be a holder, too. Those that
    /// /proc hides (`hidepid`, another PID namespace) are not even counted.
    public var unreadable: Int
    /// Whether every process was looked at; otherwise there were too many.
    public var isComplete: Bool

    /// Puts together what a search brought.
    public init(findings: [ProcessFinding] = [], unreadable: Int = 0, isComplete: Bool = true) {
        self.findings = findings
        self.unreadable = unreadable
        self.isComplete = isComplete
    }
}

extension ProcessSearch {
    /// How many processes it takes to hold these sockets: one that inherited what another holds as well is not
    /// counted. Nil unless a holder of each was found.
    public func holders(of inodes: Set<UInt64>) -> Int? {
        var left = inodes
        var count = 0
        for finding in findings.sorted(by: { $0.inodes.count > $1.inodes.count })
        where !left.isDisjoint(with: finding.inodes) {
            left.subtract(finding.inodes)
            count += 1
        }
        return left.isEmpty ? count : nil
    }
}

/// Finds processes by the sockets that they hold. Reads all of /proc, which takes milliseconds for a thousand
/// descriptors: for a helper thread.
public struct ProcessTable: Sendable {
    private let sought: Set<UInt64>
    private var descriptorsLeft: Int
    private var search = ProcessSearch()

    /// Looks into all processes that may be looked into; those of other users take CAP_SYS_PTRACE. Its own
    /// process comes last, and only for what no other holds: it may have more descriptors than all others.
    ///
    /// - Parameters:
    ///   - inodes: sockets, as ``SocketReport/inode`` tells them; 0 stands for none.
    ///   - maxDescriptors: looked at in all, then the search ends.
    public static func find(_ inodes: Set<UInt64>, maxDescriptors: Int = 500_000) -> ProcessSearch {
        var table = ProcessTable(sought: inodes.subtracting([0]), descriptorsLeft: maxDescriptors)
        if !table.sought.isEmpty { table.run() }
        return table.search
    }

    private init(sought: Set<UInt64>, descriptorsLeft: Int) {
        self.sought = sought
        self.descriptorsLeft = descriptorsLeft
    }

    private mutating func run() {
        guard let directory = opendir("/proc") else {
            search.isComplete = false
            return
        }
        defer { closedir(directory) }
        let own = getpid()
        while let entry = readdir(directory) {
            guard let pid = Int32(DirectoryEntry.name(entry)), pid != own else { continue }
            lookInto(pid)
            if !search.isComplete { return }
        }
        let found = search.findings.reduce(into: Set<UInt64>()) { $0.formUnion($1.inodes) }
        if found != sought { lookInto(own) }
    }

    private mutating func lookInto(_ pid: Int32) {
        // Everything is read below this descriptor: of a process that ends, nothing of a later one with its
        // number is taken for its own.
        let process = open("/proc/\(pid)", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        // Gone meanwhile.
        if process < 0 { return }
        defer { Sockets.close(process) }
        guard let inodes = sockets(of: process), !inodes.isEmpty else { return }
        search.findings.append(
            ProcessFinding(
                pid: pid,
                command: ProcessTable.command(in: process) ?? "",
                executable: SmallFile.link("exe", in: process),
                inodes: inodes
            )
        )
    }

    /// Those of the sockets that the process has open; nil where they may not be read.
    private mutating func sockets(of process: Int32) -> Set<UInt64>? {
        let list = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if list < 0 {
            if errno == EACCES || errno == EPERM { search.unreadable += 1 }
            return nil
        }
        // Takes the descriptor over.
        guard let directory = fdopendir(list) else {
            Sockets.close(list)
            return nil
        }
        defer { closedir(directory) }
        var found: Set<UInt64> = []
        var isRefused = false
        while let entry = readdir(directory) {
            if DirectoryEntry.rawName(entry).pointee == CChar(UInt8(ascii: ".")) { continue }
            if descriptorsLeft == 0 {
                search.isComplete = false
                break
            }
            descriptorsLeft -= 1
            let inode = ProcessTable.socket(entry, in: list, &isRefused)
            if let inode, sought.contains(inode) { found.insert(inode) }
        }
        // A process with more privilege than its user lets its descriptors be counted, but not looked at.
        if isRefused { search.unreadable += 1 }
        return found
    }

    /// The number in `socket:[123]`; nil for other descriptors. No text is made of what is none.
    private static func socket(
        _ entry: UnsafeMutablePointer<dirent>,
        in list: Int32,
        _ isRefused: inout Bool
    ) -> UInt64? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { room in
            guard let start = room.baseAddress else { return nil }
            let count = readlinkat(list, DirectoryEntry.rawName(entry), start, room.count)
            if count < 0 && (errno == EACCES || errno == EPERM) { isRefused = true }
            guard count > 9, count < room.count else { return nil }
            let target = UnsafeRawBufferPointer(room)[..<count]
            guard target.starts(with: "socket:[".utf8), target.last == UInt8(ascii: "]") else { return nil }
            return UInt64(String(decoding: target.dropFirst(8).dropLast(), as: UTF8.self))
        }
    }

    /// Those of the processes that are there, whatever they hold: for whom the number is known already.
    public static func describe(_ pids: some Sequence<Int32>) -> [ProcessFinding] {
        pids.compactMap { pid in
            let process = open("/proc/\(pid)", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            if process < 0 { return nil }
            defer { Sockets.close(process) }
            guard let command = command(in: process) else { return nil }
            let executable = SmallFile.link("exe", in: process)
            return ProcessFinding(pid: pid, command: command, executable: executable, inodes: [])
        }
    }

    /// The program's path, or the command name where the path may not be known; nil where the process is gone.
    public static func program(of pid: Int32) -> String? {
        let process = open("/proc/\(pid)", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if process < 0 { return nil }
        defer { Sockets.close(process) }
        return SmallFile.link("exe", in: process) ?? command(in: process)
    }

    /// The name in /proc/PID/comm, which everybody may read.
    private static func command(in process: Int32) -> String? {
        guard let text = SmallFile.read("comm", in: process, limit: 64) else { return nil }
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }
}
