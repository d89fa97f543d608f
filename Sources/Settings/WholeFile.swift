import Glibc

/// Why a file could not be read, in the system's words.
struct ReadFailure: Error {
    let reason: String
}

/// Reads a file to its end; fails above `limit` bytes, so that a wrong path (a device, a log) ends at once.
func readWholeFile(_ path: String, limit: Int) -> Result<[UInt8], ReadFailure> {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return .failure(ReadFailure(reason: String(cString: strerror(errno)))) }
    defer { close(descriptor) }
    var content: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 16_384)
    while true {
        let count = read(descriptor, &block, block.count)
        if count < 0 {
            if errno == EINTR { continue }
            return .failure(ReadFailure(reason: String(cString: strerror(errno))))
        }
        if count == 0 { return .success(content) }
        content += block[..<count]
        if content.count > limit {
            return .failure(
                ReadFailure(reason: "it is longer than \(limit) bytes, so it is no settings file")
            )
        }
    }
}
