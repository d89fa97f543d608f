internal import CLinux
internal import Glibc

/// A kernel pipe: through it bytes pass from one socket to another without coming into this process, splice(2).
///
/// Belongs to its ``SplicePipePool``, which lends it empty and takes it back empty.
public final class SplicePipe {
    private unowned let pool: SplicePipePool
    private let readEnd: Int32
    private let writeEnd: Int32
    /// How many bytes are in it.
    public private(set) var count = 0

    /// Nil where there is no descriptor to be had.
    init?(capacity: Int, pool: SplicePipePool) {
        self.pool = pool
        var ends: [Int32] = [-1, -1]
        if pipe2(&ends, O_NONBLOCK | O_CLOEXEC) != 0 { return nil }
        readEnd = ends[0]
        writeEnd = ends[1]
        // Where the user may have no more (`fs.pipe-user-pages-soft`) it stays as small as the kernel made it, and
        // each turn moves less.
        _ = fcntl(writeEnd, Int32(WEIR_F_SETPIPE_SZ), Int32(capacity))
    }

    /// Returns it to its pool; bytes that are in it are nobody's any more.
    public func giveBack() { pool.takeBack(self) }

    deinit {
        Sockets.close(readEnd)
        Sockets.close(writeEnd)
    }

    /// Takes what has come on a socket, at most `limit` bytes. The pipe must be empty: the kernel says "would block"
    /// for a full one, too.
    public func fill(from descriptor: Int32, atMost limit: Int) -> ReadResult {
        precondition(count == 0 && limit > 0)
        let outcome = SystemCall.attempt("splice") {
            splice(descriptor, nil, writeEnd, nil, limit, Self.flags)
        }
        switch outcome {
        case .value(0): return .endOfFile
        case .value(let moved):
            count = moved
            return .bytes(moved)
        case .wouldBlock: return .wouldBlock
        // Not of this socket: a sandbox does not know the call, or forbids it.
        case .failed(EINVAL), .failed(ENOSYS), .failed(EPERM):
            pool.giveUp()
            return .wouldBlock
        case .failed(let code): return .failed(code)
        }
    }

    /// Sends what is in it, as far as the socket takes it. A process that uses this ignores SIGPIPE: splice(2) cannot
    /// be told not to raise it.
    public func drain(to descriptor: Int32) -> FlushResult {
        var written = 0
        // The kernel may stop between the segments that came in, with room left.
        while count > 0 {
            let outcome = SystemCall.attempt("splice") {
                splice(readEnd, nil, descriptor, nil, count, Self.flags)
            }
            switch outcome {
            case .value(let moved):
                count -= moved
                written += moved
                if moved == 0 { return .failed(EPIPE) }
            case .wouldBlock: return .pending(written)
            case .failed(let code): return .failed(code)
            }
        }
        return .flushed(written)
    }

    // Without SPLICE_F_MORE, which holds back a segment that is not full for as long as 200 ms.
    private static let flags = UInt32(WEIR_SPLICE_F_MOVE | WEIR_SPLICE_F_NONBLOCK)
}
