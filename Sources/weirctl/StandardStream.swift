import Glibc

/// Where a command writes.
enum StandardStream: Int32 {
    case output = 1
    case error = 2

    /// Writes as much as is taken: whoever stopped reading (`weirctl status | head -1`) has seen enough.
    /// Returns whether all of it was.
    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Glibc.write(rawValue, $0.baseAddress, $0.count) }
            if count >= 0 { written += count } else if errno != EINTR { return false }
        }
        return true
    }

    /// Writes a text likewise.
    @discardableResult
    func write(_ text: String) -> Bool { write(Array(text.utf8)) }
}
