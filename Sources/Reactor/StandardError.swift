internal import Glibc

/// The stream for what people must read, before (and apart from) any log.
public enum StandardError {
    /// Writes the text at once; what cannot be written is nobody's to know. The journal gets it as an error.
    public static func write(_ text: String) {
        let isJournal = JournalStream.isConnected(to: STDERR_FILENO)
        var text = isJournal ? text.split(separator: "\n").map { "<3>\($0)\n" }.joined() : text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = Glibc.write(STDERR_FILENO, rest.baseAddress, rest.count)
                if count < 0 && errno == EINTR { continue }
                if count <= 0 { return }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
    }
}
