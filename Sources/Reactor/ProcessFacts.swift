internal import Glibc

/// What /proc tells of other processes. Of another user's most of it takes CAP_SYS_PTRACE.
public enum ProcessFacts {
    /// Some of the variables that a process was started with; what it set later is not seen. Nil where they
    /// may not be read.
    public static func environment(of pid: Int32, names: Set<String>) -> [String: String]? {
        guard let text = SmallFile.read("/proc/\(pid)/environ", limit: 4 << 20) else { return nil }
        return environment(text, names: names)
    }

    /// The same from the file's text; of a name that is there twice the first counts, as for getenv(3).
    static func environment(_ text: String, names: Set<String>) -> [String: String] {
        var found: [String: String] = [:]
        for entry in text.split(separator: "\0") {
            guard let equals = entry.firstIndex(of: "=") else { continue }
            let name = String(entry[..<equals])
            if names.contains(name) && found[name] == nil {
                found[name] = String(entry[entry.index(after: equals)...])
            }
        }
        return found
    }

    /// The command line; nil where the process is gone. Everybody may read it, unless /proc hides it.
    public static func arguments(of pid: Int32) -> [String]? {
        SmallFile.read("/proc/\(pid)/cmdline", limit: 1 << 20)?.split(separator: "\0").map(String.init)
    }

    /// Those of the names that a file mapped into the process begins with; nil where it may not be known.
    public static func libraries(of pid: Int32, among names: [String]) -> Set<String>? {
        guard let text = SmallFile.read("/proc/\(pid)/maps", limit: 4 << 20) else { return nil }
        return libraries(text, among: names)
    }

    /// The same from the text of /proc/PID/maps (proc(5)).
    static func libraries(_ text: String, among names: [String]) -> Set<String> {
        var found: Set<String> = []
        for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
            guard let slash = line.lastIndex(of: UInt8(ascii: "/")) else { continue }
            let file = line[line.index(after: slash)...]
            for name in names where file.starts(with: name.utf8) { found.insert(name) }
        }
        return found
    }

    /// Whether the process's program was made by Go; nil where its file may not be read.
    public static func isGo(_ pid: Int32) -> Bool? {
        let file = open("/proc/\(pid)/exe", O_RDONLY | O_CLOEXEC)
        if file < 0 { return nil }
        defer { Sockets.close(file) }
        return ProgramSections.names(of: file).contains(".go.buildinfo")
    }

    /// Network namespaces other than this process's own, each with a process in it. Those of processes that
    /// may not be looked at are not found.
    ///
    /// - Parameter limit: processes that are looked at.
    public static func otherNetworks(limit: Int = 20_000) -> [String: Int32] {
        guard let own = SmallFile.link("/proc/self/ns/net"), let directory = opendir("/proc") else {
            return [:]
        }
        defer { closedir(directory) }
        var found: [String: Int32] = [:]
        var left = limit
        while left > 0, let entry = readdir(directory) {
            guard let pid = Int32(DirectoryEntry.name(entry)) else { continue }
            left -= 1
            guard let network = SmallFile.link("/proc/\(pid)/ns/net"), network != own else { continue }
            // Threads of the kernel have no program, and stay where the machine began.
            if SmallFile.link("/proc/\(pid)/exe") == nil { continue }
            found[network] = min(found[network] ?? pid, pid)
        }
        return found
    }
}

/// The sections of a program's file (elf(5)), 64 bits and little-endian.
enum ProgramSections {
    private static let headerSize = 64
    /// More than any program's.
    private static let maxSections = 512
    private static let maxNames = 64 * 1024

    /// Their names; none where it is no such file.
    static func names(of file: Int32) -> Set<String> {
        let header = bytes(of: file, at: 0, count: headerSize)
        // Magic, 64 bits, little-endian.
        guard header.count == headerSize, header.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2, 1]) else {
            return []
        }
        let (size, count, names) = (
            number(header, 0x3a, 2), number(header, 0x3c, 2), number(header, 0x3e, 2)
        )
        guard size == 64, count <= maxSections, names < count else { return [] }
        let table = bytes(of: file, at: number(header, 0x28, 8), count: size * count)
        guard table.count == size * count else { return [] }
        let texts = bytes(
            of: file,
            at: number(table, names * size + 0x18, 8),
            count: min(number(table, names * size + 0x20, 8), maxNames)
        )
        return Set(
            (0..<count).compactMap { index in
                let start = number(table, index * size, 4)
                guard start < texts.count else { return nil }
                return String(decoding: texts[start...].prefix { $0 != 0 }, as: UTF8.self)
            }
        )
    }

    /// What is there of a part of the file.
    private static func bytes(of file: Int32, at offset: Int, count: Int) -> [UInt8] {
        var room = [UInt8](repeating: 0, count: count)
        let read = pread(file, &room, count, off_t(offset))
        return Array(room.prefix(max(0, read)))
    }

    /// A number of so many bytes, the lowest first; what does not fit a length is made to.
    private static func number(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> Int {
        guard offset >= 0, offset + count <= bytes.count else { return 0 }
        let value = bytes[offset..<offset + count].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return Int(clamping: value)
    }
}
