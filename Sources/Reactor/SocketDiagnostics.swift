internal import CLinux
public import Dialling
internal import Glibc
internal import Glibc

/// Asks the kernel who holds the far end of a connection and how it stands with it, where that end is on this
/// host and in this network namespace.
///
/// One socket and one buffer, so for one thread at a time. A question takes two system calls and no memory.
public final class SocketDiagnostics {
    private let socket: DiagnosticSocket
    private var request: weir_socket_request
    private let buffer = UnsafeMutableRawBufferPointer.allocate(
        byteCount: SocketDiagnostics.room,
        alignment: 8
    )

    /// An answer is about 130 bytes, twice that and more with what the socket did; an error repeats the question.
    private static let room = 1024
    /// How many answers to former questions are passed over at most.
    private static let patience = 8

    /// - Parameter activity: whether reports tell what the sockets did.
    /// - Throws: `SystemError` where there is no descriptor to be had, or where the kernel or a sandbox has
    ///   no such sockets (EAFNOSUPPORT, EPROTONOSUPPORT, EPERM).
    public init(activity: Bool = false) throws(SystemError) {
        request = weir_socket_request(family: .v4, flags: 0, activity: activity)
        socket = try DiagnosticSocket()
    }

    deinit { buffer.deallocate() }

    /// The socket whose own end is `from` and whose far end is `to`: for the client of an accepted connection
    /// the client's address and the address that the client dialled. Where the kernel redirected the
    /// connection, that is the original destination, not where it was accepted.
    ///
    /// IPv4-mapped IPv6 addresses stand for IPv4 and the other way round, whatever family of socket the
    /// client uses.
    ///
    /// - Returns: nil where this host has no such socket (a client elsewhere, or in another network namespace;
    ///   one bound to an interface), or where the kernel refuses to tell.
    public func report(from: Endpoint, to: Endpoint) -> SocketReport? {
        report(from: from, to: to, cookie: nil)
    }

    /// The same, for the very socket that an earlier report told of (``SocketReport/cookie``), not one that
    /// has its ends by now.
    public func report(from: Endpoint, to: Endpoint, cookie: UInt64?) -> SocketReport? {
        request.setCookie(cookie)
        if !ask(from: from, to: to) { return nil }
        for _ in 0..<SocketDiagnostics.patience {
            switch socket.receive(into: buffer) {
            case .bytes(let count):
                guard let message = answer(count) else { continue }
                guard case .socket(let ownEnd, let farEnd, let report) = message else { return nil }
                // Where there is no such connection the kernel falls back to whoever listens at `from`.
                if report.state == .listening { return nil }
                let isMeant = SocketDiagnostics.isSame(ownEnd, from) && SocketDiagnostics.isSame(farEnd, to)
                return isMeant ? report : nil
            case .lost: continue
            case .nothing: return nil
            }
        }
        return nil
    }

    /// Ends a connection of this host's as ABORT does (RFC 9293 §3.10.5): the far end gets RST, whoever holds
    /// the socket gets ECONNABORTED, and the port is free at once. Takes CAP_NET_ADMIN.
    ///
    /// - Parameter cookie: the socket's ``SocketReport/cookie``: another one with the same ends is left alone.
    /// - Returns: 0; ENOENT or ESTALE where that socket is gone; EPERM without the privilege; EOPNOTSUPP where
    ///   the kernel was built without it (CONFIG_INET_DIAG_DESTROY).
    public func destroy(from: Endpoint, to: Endpoint, cookie: UInt64) -> Int32 {
        request.setCookie(cookie)
        request.header.nlmsg_type = UInt16(SOCK_DESTROY)
        request.header.nlmsg_flags = UInt16(NLM_F_REQUEST | NLM_F_ACK)
        defer {
            request.header.nlmsg_type = UInt16(SOCK_DIAG_BY_FAMILY)
            request.header.nlmsg_flags = UInt16(NLM_F_REQUEST)
        }
        if !ask(from: from, to: to) { return EAGAIN }
        for _ in 0..<SocketDiagnostics.patience {
            switch socket.receive(into: buffer) {
            case .bytes(let count):
                guard let message = answer(count) else { continue }
                guard case .end(let code) = message else { return EPROTO }
                return code
            case .lost: continue
            case .nothing: return EAGAIN
            }
        }
        return EAGAIN
    }

    /// Whether a socket of this network namespace listens for connections to an address: at it, or at the
    /// wildcard. Nobody is connected to for it.
    public func isListening(at endpoint: Endpoint) -> Bool {
        // No connection has this far end, and without one the kernel falls back to the listener.
        let nowhere: Endpoint.Address =
            if case .v4 = endpoint.address { .v4(0) } else { .v6(high: 0, low: 0, scope: 0) }
        if !ask(from: endpoint, to: Endpoint(address: nowhere, port: 0)) { return false }
        for _ in 0..<SocketDiagnostics.patience {
            switch socket.receive(into: buffer) {
            case .bytes(let count):
                guard let message = answer(count) else { continue }
                guard case .socket(_, _, let report) = message else { return false }
                return report.state == .listening
            case .lost: continue
            case .nothing: return false
            }
        }
        return false
    }

    /// Sends the question; false where nobody took it.
    func ask(from: Endpoint, to: Endpoint) -> Bool {
        request.setEnds(from: from, to: to)
        // An answer that came too late for its question must not be taken for this one's.
        request.header.nlmsg_seq &+= 1
        return socket.send(&request) == 0
    }

    /// The message that answers the present question, out of a datagram of one message.
    private func answer(_ count: Int) -> DiagnosticMessage? {
        var offset = 0
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count]).bytes
        guard let (sequence, message) = DiagnosticMessage.next(in: bytes, at: &offset) else { return nil }
        return sequence == request.header.nlmsg_seq ? message : nil
    }

    private static func isSame(_ told: Endpoint, _ asked: Endpoint) -> Bool {
        if told.port != asked.port { return false }
        switch (told.address, asked.address.unmapped) {
        // An address may be asked for without its interface.
        case (.v6(let high, let low, _), .v6(let askedHigh, let askedLow, _)):
            return high == askedHigh && low == askedLow
        case (let told, let asked): return told == asked
        }
    }
}
