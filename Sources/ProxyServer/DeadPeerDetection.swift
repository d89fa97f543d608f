public import Basics
import Reactor
import Settings

/// How the kernel is told to find peers that vanished without a word, on both sides alike. This never
/// is the idle policy: a peer that leaks its connections answers every probe.
public struct DeadPeerDetection: Hashable, Sendable {
    /// Silence before the first probe; `unlimited`: no probes.
    public var keepaliveIdle = Interval.seconds(30)
    /// Time between two probes.
    public var keepaliveInterval = Interval.seconds(8)
    /// Unanswered probes until the connection is dead.
    public var keepaliveCount = 3
    /// TCP_USER_TIMEOUT; `unlimited` leaves retransmission to the kernel. It also ends connections to
    /// peers that acknowledge but keep their window closed, so it is off unless asked for.
    public var userTimeout = Interval.unlimited

    /// The defaults.
    public init() {}

    init(_ settings: Settings.TCP) {
        keepaliveIdle = settings.keepaliveIdle
        keepaliveInterval = settings.keepaliveInterval
        keepaliveCount = settings.keepaliveCount
        userTimeout = settings.userTimeout
    }

    /// Sets the options. On a listening socket they are inherited by what it accepts (tcp(7)), which
    /// saves four system calls per client.
    ///
    /// - Parameter isWithinHost: The peer has a loopback address. Such a peer cannot vanish without a word, so that
    ///   there is nothing to probe for.
    func apply(to descriptor: Int32, isWithinHost: Bool = false) {
        if !keepaliveIdle.isUnlimited && !isWithinHost {
            Sockets.setKeepalive(
                descriptor,
                idle: keepaliveIdle,
                interval: keepaliveInterval,
                count: keepaliveCount
            )
        }
        if !userTimeout.isUnlimited { Sockets.setUserTimeout(descriptor, userTimeout) }
    }
}
