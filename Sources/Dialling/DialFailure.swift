/// Why a dial came to nothing: the cause that the client is told and that the log and metrics count.
public enum DialFailure: Error, Hashable, Sendable {
    /// The name does not exist, has no address, or is no valid name.
    case dnsNotFound
    /// No name server answered in time.
    case dnsTimeout
    /// The name servers answered with an error, or could not be asked.
    case dnsFailed
    /// Too many look-ups are under way and waiting; this one was not taken on.
    case dnsRefused
    /// The upstream's kernel refused the connection.
    case connectionRefused
    /// No route to the address, or the network says that it cannot be reached.
    case unreachable
    /// No answer to the connection attempt in time.
    case timedOut
    /// No source port is free for this destination (EADDRNOTAVAIL): back off, the upstream is not at fault.
    case portsExhausted
    /// None of the source addresses that are to be used belongs to this host.
    case sourceUnavailable
    /// No descriptor or kernel memory is free (EMFILE, ENFILE, ENOBUFS, ENOMEM): back off likewise.
    case descriptorsExhausted
    /// No address that was found may be dialled.
    case prohibited
    /// Any other error of connect(2) or socket(2), as its errno.
    case other(errno: Int32)

    /// Whether the local host lacked a resource: a later dial to the same address may well succeed.
    public var isLocalExhaustion: Bool {
        self == .portsExhausted || self == .descriptorsExhausted
    }

    /// One line for people.
    public var reason: String {
        switch self {
        case .dnsNotFound: "the host name does not exist"
        case .dnsTimeout: "no name server answered in time"
        case .dnsFailed: "the host name could not be resolved"
        case .dnsRefused: "too many name look-ups are under way"
        case .connectionRefused: "the upstream refused the connection"
        case .unreachable: "the upstream cannot be reached"
        case .timedOut: "the upstream did not answer the connection attempt in time"
        case .portsExhausted: "no source port is free for this upstream"
        case .sourceUnavailable: "no configured source address belongs to this host"
        case .descriptorsExhausted: "no descriptor or kernel memory is free for a connection"
        case .prohibited: "no address of the upstream may be dialled"
        case .other(let errno): "connecting to the upstream failed (errno \(errno))"
        }
    }

    /// How much the cause tells when several attempts of one dial failed differently; higher tells more.
    ///
    /// A lack of our own comes first, for it asks for another reaction than any fault of the upstream
    /// (queue and try again). Among the rest an answer tells more than a route that is missing (often just
    /// the family that this host does not have), and that more than silence.
    private var weight: Int {
        switch self {
        case .prohibited: 11
        case .descriptorsExhausted: 10
        case .portsExhausted: 9
        case .sourceUnavailable: 8
        case .connectionRefused: 7
        case .other: 6
        case .unreachable: 5
        case .timedOut: 4
        case .dnsRefused: 3
        case .dnsFailed: 2
        case .dnsTimeout: 1
        case .dnsNotFound: 0
        }
    }

    /// The one of two causes that tells more; the first where they tell as much.
    public static func moreTelling(_ first: DialFailure, _ second: DialFailure) -> DialFailure {
        second.weight > first.weight ? second : first
    }
}
