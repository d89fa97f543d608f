public import Dialling
internal import Glibc

/// What EADDRNOTAVAIL from bind(2) or connect(2) means; the kernel says it for three different things.
public enum SourceShortage: Hashable, Sendable {
    /// The source address given is not one of this host's.
    case sourceIsForeign
    /// This host has no address of its own from which the destination could be reached, as for `::1` where
    /// IPv6 is switched off.
    case noSourceAddress
    /// Every port that this source could use towards this destination is taken.
    case portsTaken
}

extension Sockets {
    /// Finds out what EADDRNOTAVAIL meant, with a UDP socket: routes and addresses are the same for it, but
    /// its ports are not those of TCP, and connecting it sends nothing.
    public static func explainShortage(
        to destination: Endpoint,
        from source: Endpoint.Address?
    ) -> SourceShortage {
        let address = SocketAddress(destination)
        let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.family, type, 0)
        // No descriptor to ask with: the likelier of the answers.
        if descriptor < 0 { return .portsTaken }
        defer { close(descriptor) }
        if let source {
            let own = SocketAddress(Endpoint(address: source, port: 0))
            let code = SystemCall.perform("bind") { own.lend { bind(descriptor, $0, $1) } }
            if code == EADDRNOTAVAIL { return .sourceIsForeign }
        }
        let code = SystemCall.perform("connect") { address.lend { connect(descriptor, $0, $1) } }
        return code == EADDRNOTAVAIL ? .noSourceAddress : .portsTaken
    }
}
