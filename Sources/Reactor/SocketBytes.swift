internal import Glibc

/// What a read from a socket answered.
public enum ReadResult: Hashable, Sendable {
    /// So many bytes came, 1 or more.
    case bytes(Int)
    /// The peer sent FIN and everything before it was read.
    case endOfFile
    /// Nothing has come.
    case wouldBlock
    /// The `errno`: ECONNRESET, ETIMEDOUT, EHOSTUNREACH and others.
    case failed(Int32)
}

/// What a write to a socket answered.
public enum WriteResult: Hashable, Sendable {
    /// The kernel took so many bytes, possibly not all.
    case bytes(Int)
    /// The kernel's buffer is full.
    case wouldBlock
    /// The `errno`: EPIPE, ECONNRESET, ETIMEDOUT and others.
    case failed(Int32)
}

extension Sockets {
    /// Reads once into `target`.
    public static func receive(_ descriptor: Int32, into target: inout MutableSpan<UInt8>) -> ReadResult {
        target.withUnsafeMutableBytes { receive(descriptor, into: $0) }
    }

    /// Writes once; a peer that is gone is an error, never a signal.
    public static func write(_ descriptor: Int32, _ bytes: Span<UInt8>) -> WriteResult {
        bytes.withUnsafeBytes { write(descriptor, $0) }
    }

    /// Looks whether an idle connection is still usable, and leaves what came where it is: `wouldBlock` is
    /// the good answer.
    public static func peek(_ descriptor: Int32) -> ReadResult {
        var byte: UInt8 = 0
        let flags = Int32(MSG_PEEK | MSG_DONTWAIT)
        return readResult(SystemCall.attempt("recv") { recv(descriptor, &byte, 1, flags) })
    }

    /// Reads once. An empty target would make "no bytes" look like the end of the stream.
    static func receive(_ descriptor: Int32, into target: UnsafeMutableRawBufferPointer) -> ReadResult {
        precondition(!target.isEmpty)
        return readResult(
            SystemCall.attempt("recv") { recv(descriptor, target.baseAddress, target.count, 0) }
        )
    }

    /// Writes one run of bytes; the last ones are held back until the end of the stream is sent.
    static func write(
        _ descriptor: Int32,
        _ bytes: UnsafeRawBufferPointer,
        isLast: Bool = false
    ) -> WriteResult {
        let flags = Int32(MSG_NOSIGNAL | (isLast ? MSG_MORE : 0))
        return writeResult(
            SystemCall.attempt("send") { send(descriptor, bytes.baseAddress, bytes.count, flags) }
        )
    }

    /// Writes several runs with one call: sendmsg(2), as writev(2) cannot be told not to raise SIGPIPE.
    static func write(
        _ descriptor: Int32,
        _ runs: UnsafeMutableBufferPointer<iovec>,
        isLast: Bool = false
    ) -> WriteResult {
        var message = msghdr()
        message.msg_iov = runs.baseAddress
        message.msg_iovlen = runs.count
        let flags = Int32(MSG_NOSIGNAL | (isLast ? MSG_MORE : 0))
        return writeResult(SystemCall.attempt("sendmsg") { sendmsg(descriptor, &message, flags) })
    }

    private static func readResult(_ outcome: SystemCall.Outcome) -> ReadResult {
        switch outcome {
        case .value(0): .endOfFile
        case .value(let count): .bytes(count)
        case .wouldBlock: .wouldBlock
        case .failed(let code): .failed(code)
        }
    }

    private static func writeResult(_ outcome: SystemCall.Outcome) -> WriteResult {
        switch outcome {
        case .value(let count): .bytes(count)
        case .wouldBlock: .wouldBlock
        case .failed(let code): .failed(code)
        }
    }
}
