public import Dialling
internal import CLibevent
internal import Glibc

/// What accept(2) answered.
public enum AcceptResult: Hashable, Sendable {
    /// A new connection, non-blocking, and its peer.
    case accepted(Int32, Peer)
    /// The backlog is empty.
    case wouldBlock
    /// The `errno`.
    case failed(Int32)
}

/// Stream sockets by descriptor: opening, accepting, ending. Every descriptor is non-blocking and is not
/// inherited by other programs. A descriptor that is not open is a bug of ours and ends the process.
public enum Sockets {
    static let streamType = Int32(
        SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
    )

    /// Starts to connect, from `source` where one is given (its port is usually 0). The connection stands, or
    /// has failed, when the socket becomes writable: then ask ``connectResult(_:)``.
    ///
    /// - Parameters:
    ///   - ports: to connect from; nil leaves them to the kernel.
    ///   - mark: SO_MARK, where this process may set it; 0 for none.
    ///
    /// Failures to expect at once: EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, ENETUNREACH,
    /// ECONNREFUSED, EAFNOSUPPORT, EACCES, EPERM.
    public static func openStream(
        to destination: Endpoint,
        from source: Endpoint? = nil,
        ports: ClosedRange<UInt16>? = nil,
        mark: UInt32 = 0
    ) -> Result<Int32, SystemError> {
        let address = SocketAddress(destination)
        let descriptor = socket(address.family, streamType, 0)
        if descriptor < 0 { return .failure(SystemError("open a socket", code: errno)) }
        setNoDelay(descriptor)
        // Whether that is allowed was found out at start.
        if mark != 0 { setMark(descriptor, mark) }
        if let ports { limitPorts(descriptor, ports) }
        if let source, let error = bindSource(descriptor, source) {
            close(descriptor)
            return .failure(error)
        }
        let code = SystemCall.perform("connect") { address.lend { connect(descriptor, $0, $1) } }
        // EINTR never comes here: a non-blocking connect does not sleep.
        if code == 0 || code == EINPROGRESS { return .success(descriptor) }
        close(descriptor)
        return .failure(SystemError("connect to \(destination)", code: code))
    }

    /// Connects a blocking socket to the Unix socket at a path.
    public static func openStream(toSocketAt path: String) -> Result<Int32, SystemError> {
        guard let address = SocketAddress(path: path) else {
            return .failure(SystemError("connect to unix:\(path)", code: ENAMETOOLONG))
        }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        if descriptor < 0 { return .failure(SystemError("open a socket", code: errno)) }
        let code = SystemCall.perform("connect") { address.lend { connect(descriptor, $0, $1) } }
        if code == 0 { return .success(descriptor) }
        close(descriptor)
        return .failure(SystemError("connect to unix:\(path)", code: code))
    }

    /// Has the kernel choose the port from a range of this socket's own; kernels before 6.3 know no such thing
    /// and use theirs.
    private static func limitPorts(_ descriptor: Int32, _ ports: ClosedRange<UInt16>) {
        let ipLocalPortRange: Int32 = 51
        let range = UInt32(ports.upperBound) << 16 | UInt32(ports.lowerBound)
        setOption(descriptor, Int32(IPPROTO_IP), ipLocalPortRange, Int32(bitPattern: range))
    }

    private static func bindSource(_ descriptor: Int32, _ source: Endpoint) -> SystemError? {
        // Choose the port in connect(2), where the destination is known: bind(2) would need a port that is
        // free towards every destination, and so exhaust the range at a fraction of it.
        setOption(descriptor, Int32(IPPROTO_IP), IP_BIND_ADDRESS_NO_PORT, 1)
        let code = SystemCall.perform("bind") { SocketAddress(source).lend { bind(descriptor, $0, $1) } }
        return code == 0 ? nil : SystemError("bind to \(source)", code: code)
    }

    /// Whether a connection that was started now stands: 0, or the `errno` with which it failed (ENOTCONN: it
    /// is still being made).
    ///
    /// A connection to itself is reported as refused: where nobody listens on a local port of the ephemeral
    /// range, the kernel may choose that very port as the source, and TCP's simultaneous open succeeds.
    public static func connectResult(_ descriptor: Int32) -> Int32 {
        if let peer = peerEndpoint(descriptor) {
            return peer == localEndpoint(descriptor) ? ECONNREFUSED : 0
        }
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        let result = SystemCall.perform("getsockopt") {
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
        }
        if result != 0 { return result }
        return code == 0 ? ENOTCONN : code
    }

    /// Listens on an address, IPv6 only where it is IPv6. `backlog` is capped by `net.core.somaxconn`.
    ///
    /// - Parameter sharing: allow other sockets of this user's there that allow it too (SO_REUSEPORT).
    public static func listen(
        on endpoint: Endpoint,
        backlog: Int32,
        sharing: Bool = false
    ) throws(SystemError) -> Int32 {
        let address = SocketAddress(endpoint)
        let descriptor = socket(address.family, streamType, 0)
        if descriptor < 0 { throw SystemError("open a socket", code: errno) }
        // So that a restart is not refused while connections of the former process are in TIME_WAIT.
        setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
        if sharing { setOption(descriptor, SOL_SOCKET, SO_REUSEPORT, 1) }
        // Inherited by what is accepted (tcp(7)), which saves a call for each connection.
        setNoDelay(descriptor)
        // Both 0.0.0.0 and [::] may be listed, whatever net.ipv6.bindv6only says.
        if address.family == AF_INET6 { setOption(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
        var code = SystemCall.perform("bind") { address.lend { bind(descriptor, $0, $1) } }
        if code == 0 { code = SystemCall.perform("listen") { Glibc.listen(descriptor, backlog) } }
        if code == 0 { return descriptor }
        close(descriptor)
        throw SystemError("listen on \(endpoint)", code: code)
    }

    /// Takes one connection from the backlog.
    public static func accept(_ listener: Int32) -> AcceptResult {
        var address = SocketAddress()
        let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let outcome = SystemCall.attempt("accept") {
            address.fill { Int(accept4(listener, $0, $1, flags)) }
        }
        switch outcome {
        case .wouldBlock: return .wouldBlock
        case .failed(let code): return .failed(code)
        case .value(let value):
            let descriptor = Int32(value)
            if let endpoint = address.endpoint { return .accepted(descriptor, .network(endpoint)) }
            guard address.family == AF_UNIX, let who = peerCredentials(descriptor) else {
                close(descriptor)
                return .failed(EAFNOSUPPORT)
            }
            return .accepted(descriptor, .local(who))
        }
    }

    /// Sends FIN after what was written; reading goes on. A connection that is gone already is no error.
    public static func shutdownWrite(_ descriptor: Int32) {
        _ = SystemCall.perform("shutdown") { shutdown(descriptor, Int32(SHUT_WR)) }
    }

    /// Closes. Where bytes were received that nobody read, the kernel sends RST, otherwise FIN.
    public static func close(_ descriptor: Int32) {
        // Not through SystemCall: on Linux the descriptor is gone even after EINTR, and a second call could
        // close what another thread has opened meanwhile.
        if Glibc.close(descriptor) != 0 && errno == EBADF { fatalError("closed a descriptor twice") }
    }

    /// Closes with RST: what was not sent is dropped and neither side keeps TIME_WAIT. A Unix socket knows no
    /// RST: it is closed, and what was sent can still be read.
    public static func closeWithReset(_ descriptor: Int32) {
        var value = linger(l_onoff: 1, l_linger: 0)
        let length = socklen_t(MemoryLayout<linger>.size)
        _ = SystemCall.perform("setsockopt") {
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &value, length)
        }
        close(descriptor)
    }

    /// The address of this end; nil where the socket has none (or is no IP socket).
    public static func localEndpoint(_ descriptor: Int32) -> Endpoint? {
        var address = SocketAddress()
        let code = SystemCall.perform("getsockname") { address.fill { getsockname(descriptor, $0, $1) } }
        return code == 0 ? address.endpoint : nil
    }

    /// The address of the far end; nil where the socket is not connected (any more).
    public static func peerEndpoint(_ descriptor: Int32) -> Endpoint? {
        var address = SocketAddress()
        let code = SystemCall.perform("getpeername") { address.fill { getpeername(descriptor, $0, $1) } }
        return code == 0 ? address.endpoint : nil
    }
}
