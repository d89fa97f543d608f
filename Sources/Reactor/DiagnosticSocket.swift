internal import CLinux
internal import Glibc

/// A netlink socket to ask the kernel for sockets of this network namespace. No privilege is needed.
struct DiagnosticSocket: ~Copyable {
    private let descriptor: Int32

    /// - Throws: `SystemError`: EMFILE and its kind; EAFNOSUPPORT or EPROTONOSUPPORT where the kernel or a
    ///   sandbox has no such sockets.
    init() throws(SystemError) {
        let type = Int32(SOCK_RAW.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        descriptor = socket(AF_NETLINK, type, NETLINK_SOCK_DIAG)
        if descriptor < 0 { throw SystemError("open a socket for diagnostics", code: errno) }
        var kernel = sockaddr_nl()
        kernel.nl_family = UInt16(AF_NETLINK)
        // Connected to the kernel (port 0), the socket refuses what other processes send.
        let code = SystemCall.perform("connect") {
            withUnsafeBytes(of: &kernel) { bytes in
                connect(
                    descriptor,
                    bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self),
                    socklen_t(bytes.count)
                )
            }
        }
        // A structure that throws in its initializer has no deinit to close for it.
        if code != 0 {
            Sockets.close(descriptor)
            throw SystemError("connect a socket for diagnostics", code: code)
        }
    }

    deinit { Sockets.close(descriptor) }

    /// Asks. 0, or the `errno` where the kernel has no memory for it or a sandbox refuses.
    func send(_ request: inout weir_socket_request) -> Int32 {
        let outcome = SystemCall.attempt("send") {
            withUnsafeBytes(of: &request) { Glibc.send(descriptor, $0.baseAddress, $0.count, 0) }
        }
        switch outcome {
        case .value: return 0
        case .wouldBlock: return EAGAIN
        case .failed(let code): return code
        }
    }

    /// What came in answer.
    enum Answer: Equatable {
        /// A datagram of so many bytes, all of them in the buffer.
        case bytes(Int)
        /// A datagram that the buffer was too small for, or that the kernel had no room for: it is gone.
        case lost
        /// Nothing has come, and nothing will: the kernel answers before `send` or the former `receive`
        /// returns.
        case nothing
    }

    /// Takes one datagram, without waiting.
    func receive(into buffer: UnsafeMutableRawBufferPointer) -> Answer {
        let outcome = SystemCall.attempt("recv") {
            // MSG_TRUNC: tell the datagram's length, not that of what fitted.
            recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_TRUNC))
        }
        switch outcome {
        case .value(let count): return count <= buffer.count ? .bytes(count) : .lost
        case .failed(ENOBUFS): return .lost
        case .wouldBlock, .failed: return .nothing
        }
    }
}
