/// Where apps are served: an address and a port, or a Unix socket.
public enum ListenAddress: Sendable, Hashable, CustomStringConvertible {
    /// TCP on an address.
    case network(NetworkEndpoint)
    /// A Unix socket, whose file lies at an absolute path of 1 to 107 bytes.
    case unix(path: String)

    /// The address; nil for a Unix socket.
    public var network: NetworkEndpoint? {
        if case .network(let endpoint) = self { endpoint } else { nil }
    }

    /// `192.0.2.1:3128`, `[2001:db8::1]:3128` or `unix:/run/weir/proxy.sock`.
    public var description: String {
        switch self {
        case .network(let endpoint): endpoint.description
        case .unix(let path): "unix:\(path)"
        }
    }
}
