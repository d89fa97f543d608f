import Basics
import Dialling
import Glibc
import Reactor
import Testing

/// A pipe as a log's destination.
struct LogPipe {
    let reader: Int32
    let writer: Int32

    init() throws {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw SystemError("create a pipe", code: errno) }
        reader = ends[0]
        writer = ends[1]
    }

    func closeWriter() { Sockets.close(writer) }
    func closeReader() { Sockets.close(reader) }

    /// Everything up to the end of the pipe, whose writer must be closed.
    func readAll() -> String {
        var all: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(reader, &room, room.count)
            if count <= 0 { return String(decoding: all, as: UTF8.self) }
            all += room[..<count]
        }
    }

    /// Fills the pipe, so that a write waits.
    func fill() {
        let flags = fcntl(writer, F_GETFL)
        _ = fcntl(writer, F_SETFL, flags | O_NONBLOCK)
        let block = [UInt8](repeating: 46, count: 4096)
        while write(writer, block, block.count) > 0 {}
        while write(writer, block, 1) > 0 {}
        _ = fcntl(writer, F_SETFL, flags)
    }
}

extension ByteBuffer {
    init(_ text: String) {
        self.init()
        append(text)
    }
}
