/// Where an intercepted client wanted to go: the address that it dialled, before the kernel sent it to weir.
public struct OriginalDestination: Sendable, Equatable {
    /// The address in its canonical text, IPv6 without brackets.
    public var host: String
    /// 1 to 65535.
    public var port: UInt16

    /// Puts address and port together.
    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// `192.0.2.1:80` or `[2001:db8::1]:80`.
    var text: String { isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// What the client would name as Host: without the port where that is HTTP's own.
    var authority: String { port == 80 ? (isIPv6 ? "[\(host)]" : host) : text }

    private var isIPv6: Bool { host.utf8.contains(UInt8(ascii: ":")) }
}

/// What an intercepted connection turned out to carry.
public enum InterceptedKind: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    /// HTTP/1 requests, served from the pool.
    case http
    /// TLS, relayed.
    case tls
    /// HTTP/2 with prior knowledge, relayed.
    case http2
    /// Anything else, relayed.
    case raw
}

/// How much is known of a client connection that the kernel sent here without the client's knowledge.
enum InterceptionStage: UInt8, BitwiseCopyable {
    /// It was not: the client speaks to a proxy.
    case none
    /// Nothing came yet.
    case silent
    /// What came is undecided, and lies with the shell; if nothing more comes it is taken for HTTP, for TLS,
    /// or for something else.
    case leansHTTP, leansTLS, leansRaw
    /// It is HTTP/1.
    case http
    /// It is a tunnel, or on its way to become one.
    case tunnel

    /// The first bytes have not decided yet.
    var isOpen: Bool { self != .none && self.rawValue < InterceptionStage.http.rawValue }
}
