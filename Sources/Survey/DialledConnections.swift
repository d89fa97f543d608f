public import Dialling

/// Tells connections that this host dialled from those that it accepted: the kernel lists both alike.
public struct DialledConnections: Sendable {
    private let range: ClosedRange<UInt16>
    private var listeners: [UInt16: Set<Endpoint.Address>] = [:]

    /// Nobody listens yet.
    ///
    /// - Parameter range: the ports that the kernel gives to connections which name none. What has another
    ///   port of its own is taken for accepted: its listener may be gone.
    public init(range: ClosedRange<UInt16>) { self.range = range }

    /// Somebody listens there.
    public mutating func addListener(_ endpoint: Endpoint) {
        listeners[endpoint.port, default: []].insert(endpoint.address)
    }

    /// Whether somebody listens there, at that address or at all of them.
    public func hasListener(_ endpoint: Endpoint) -> Bool {
        guard let addresses = listeners[endpoint.port] else { return false }
        return addresses.contains(endpoint.address) || addresses.contains(.v4(0))
            || addresses.contains(.v6(high: 0, low: 0, scope: 0))
    }

    /// Whether a connection whose own end this is was dialled.
    public func isDialled(from endpoint: Endpoint) -> Bool {
        range.contains(endpoint.port) && !hasListener(endpoint)
    }
}
