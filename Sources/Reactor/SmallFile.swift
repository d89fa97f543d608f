internal import Glibc

/// Short files and links of /proc, whose size nobody knows before they are read.
enum SmallFile {
    /// The text of a file, or of its first `limit` bytes; nil where it cannot be read.
    static func read(_ path: String, in directory: Int32 = AT_FDCWD, limit: Int) -> String? {
        let file = openat(directory, path, O_RDONLY | O_CLOEXEC)
        if file < 0 { return nil }
        defer { Sockets.close(file) }
        var text: [UInt8] = []
        var room = [UInt8](repeating: 0, count: min(limit, 16_384))
        while text.count < limit {
            let count = Glibc.read(file, &room, min(room.count, limit - text.count))
            if count < 0 && errno == EINTR { continue }
            if count < 0 { return nil }
            if count == 0 { break }
            text += room[..<count]
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Where a symbolic link leads; nil where it may not be read, or is longer than any path.
    static func link(_ path: String, in directory: Int32 = AT_FDCWD) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { room in
            guard let start = room.baseAddress else { return nil }
            let count = readlinkat(directory, path, start, room.count)
            if count <= 0 || count == room.count { return nil }
            return String(decoding: UnsafeRawBufferPointer(room)[..<count], as: UTF8.self)
        }
    }
}

/// What readdir(3) hands out.
enum DirectoryEntry {
    private static let nameOffset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 0

    /// The name where it lies: an entry ends with its name, so the whole structure is not there to be copied.
    static func rawName(_ entry: UnsafeMutablePointer<dirent>) -> UnsafePointer<CChar> {
        (UnsafeRawPointer(entry) + nameOffset).assumingMemoryBound(to: CChar.self)
    }

    /// The name as text.
    static func name(_ entry: UnsafeMutablePointer<dirent>) -> String { String(cString: rawName(entry)) }
}
