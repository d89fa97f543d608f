import ClientPolicy
import Dialling
import ProxyCore

extension DialFailure {
    /// The engine's name for the failure.
    var cause: Cause {
        switch self {
        case .dnsNotFound: .nameNotFound
        case .dnsTimeout: .nameTimeout
        case .dnsFailed, .dnsRefused: .nameError
        case .connectionRefused: .connectRefused
        case .unreachable: .connectUnreachable
        case .timedOut: .connectTimeout
        case .portsExhausted: .portsExhausted
        case .descriptorsExhausted: .descriptorsExhausted
        case .prohibited: .addressDenied
        case .sourceUnavailable, .other: .connectFailed
        }
    }
}

extension OwnerKey {
    /// A client's address; IPv4 as the mapped IPv6 address.
    init(_ address: Endpoint.Address) {
        switch address {
        case .v4(let value): self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(value))
        case .v6(let high, let low, _): self.init(high: high, low: low)
        }
    }
}
