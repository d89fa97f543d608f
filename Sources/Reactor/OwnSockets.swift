public import Dialling
internal import Glibc

/// The local ends of the sockets that this process has connected, to tell its own connections from others'
/// when they come back to it. Who closes a socket need not say so: an entry is believed only while its
/// descriptor still has that end.
public struct OwnSockets {
    private var descriptors: [Endpoint: Int32] = [:]
    private var sweepsAt = OwnSockets.leastSweep
    private static let leastSweep = 1024

    /// None yet.
    public init() {}

    /// How many are remembered, those included that are closed and not yet forgotten.
    var count: Int { descriptors.count }

    /// Remembers a socket that is connected or connecting.
    public mutating func note(_ descriptor: Int32) {
        guard let local = Sockets.localEndpoint(descriptor) else { return }
        descriptors[local] = descriptor
        if descriptors.count < sweepsAt { return }
        descriptors = descriptors.filter { OwnSockets.has($1, $0) }
        sweepsAt = max(OwnSockets.leastSweep, descriptors.count * 2)
    }

    /// Whether the endpoint is the local end of one of them.
    public mutating func contains(_ endpoint: Endpoint) -> Bool {
        guard let descriptor = descriptors[endpoint] else { return false }
        if OwnSockets.has(descriptor, endpoint) { return true }
        descriptors[endpoint] = nil
        return false
    }

    /// Not through SystemCall: that the descriptor may be closed, or be anything else by now, is the question.
    private static func has(_ descriptor: Int32, _ endpoint: Endpoint) -> Bool {
        var address = SocketAddress()
        return address.fill { getsockname(descriptor, $0, $1) } == 0 && address.endpoint == endpoint
    }
}
