internal import Basics
internal import Dialling
internal import Glibc
internal import Reactor

/// Opens connections from the source addresses in turn: each has its own ports towards a destination, so
/// several of them widen the budget.
struct DialerSources {
    private let fours: [Endpoint.Address]
    private let sixes: [Endpoint.Address]
    private let ports: ClosedRange<UInt16>?
    private let mark: UInt32
    private var next = 0

    /// For a family without any address the kernel chooses.
    init(_ options: Dialer.Options) {
        ports = options.sourcePorts
        mark = options.mark
        fours = options.sources.filter { !$0.isIPv6 }
        sixes = options.sources.filter(\.isIPv6)
    }

    /// Starts one connection, from the source whose turn it is or, where that has no port left, another.
    mutating func open(to destination: Endpoint) -> Result<Int32, DialFailure> {
        let sources = destination.address.isIPv6 ? sixes : fours
        if sources.isEmpty { return open(to: destination, from: nil) }
        let first = next % sources.count
        next = first &+ 1
        var worst: DialFailure?
        for turn in sources.indices {
            let result = open(to: destination, from: sources[(first + turn) % sources.count])
            switch result {
            case .success: return result
            case .failure(let cause):
                // Whatever else went wrong would go wrong from any source.
                guard cause == .portsExhausted || cause == .sourceUnavailable else { return result }
                worst = worst.map { DialFailure.moreTelling($0, cause) } ?? cause
            }
        }
        return .failure(worst ?? .sourceUnavailable)
    }

    private func open(
        to destination: Endpoint,
        from source: Endpoint.Address?
    ) -> Result<Int32, DialFailure> {
        let own = source.map { Endpoint(address: $0, port: 0) }
        switch Sockets.openStream(to: destination, from: own, ports: ports, mark: mark) {
        case .success(let descriptor): return .success(descriptor)
        case .failure(let error) where error.code == EADDRNOTAVAIL:
            switch Sockets.explainShortage(to: destination, from: source) {
            case .portsTaken: return .failure(.portsExhausted)
            case .sourceIsForeign: return .failure(.sourceUnavailable)
            case .noSourceAddress: return .failure(.unreachable)
            }
        case .failure(let error): return .failure(DialFailure(errno: error.code))
        }
    }
}

extension DialFailure {
    /// The cause behind an `errno` of socket(2), connect(2) or SO_ERROR.
    init(errno code: Int32) {
        switch code {
        case ECONNREFUSED: self = .connectionRefused
        // EAFNOSUPPORT: a kernel without IPv6. EINVAL: a blackhole route, or a link-local address
        // without its zone.
        case ENETUNREACH, EHOSTUNREACH, ENETDOWN, EHOSTDOWN, EAFNOSUPPORT, EINVAL: self = .unreachable
        case ETIMEDOUT: self = .timedOut
        case EADDRNOTAVAIL: self = .portsExhausted
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: self = .descriptorsExhausted
        default: self = .other(errno: code)
        }
    }
}
