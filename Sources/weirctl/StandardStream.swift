import Glibc

/// Where a command writes.
enum StandardStream: Int32 {
    case output = 1
    case error = 2

    /// Writes as much as is taken: whoever stopped reading (`weirctl status | head -1`) has seen enough.
    func write(_ bytes: [UInt8]) {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Glibc.write(rawValue, $0.baseAddress, $0.count) }
            if count >= 0 { written += count } else if errno != EINTR { return }
        }
    }

    /// Writes a text likewise.
    func write(_ text: String) { write(Array(text.utf8)) }
}
