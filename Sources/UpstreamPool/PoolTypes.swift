public import Basics

/// Names one upstream connection, from its dial to its end.
public struct UpstreamID: Hashable, Sendable, BitwiseCopyable {
    /// Slot and generation in the pool.
    public var id: SlotID

    /// Wraps a slot id.
    public init(_ id: SlotID) { self.id = id }
}

/// Names one origin for as long as anything refers to it.
public struct OriginID: Hashable, Sendable, BitwiseCopyable {
    /// Slot and generation in the origin table.
    public var id: SlotID

    /// Wraps a slot id.
    public init(_ id: SlotID) { self.id = id }
}

/// What a connection is for. A tunnel's connection is never interchangeable with a pooled one.
public enum OriginKind: UInt8, Sendable, CaseIterable {
    /// Plain HTTP exchanges, one after the other.
    case http = 104
    /// The same for a client that does not know of the proxy: host and port are the address that it dialled,
    /// and the Host that it names there keeps connections apart.
    case intercepted = 105
    /// Plain HTTP exchanges for any origin, with a parent proxy: host and port are the parent's.
    case parent = 112
    /// One byte relay (CONNECT, or intercepted), never reused.
    case tunnel = 116
}

/// The bounds and ages of the pool. Every one is a setting (`upstream.*`).
public struct PoolLimits: Sendable {
    /// Dialling + idle + leased, over all origins; never exceeded. At least 1.
    public var maxConnections = 1024
    /// Dialling + idle + leased of one origin; never exceeded. At least 1.
    public var maxPerDestination = 256
    /// Source ports towards one address and port, over all source addresses and less some headroom: connections and
    /// TIME_WAIT that we left share them.
    public var ports = Int.max
    /// Idle connections over all origins.
    public var maxIdle = 100
    /// Idle connections of one origin.
    public var maxIdlePerDestination = 32
    /// Dials in flight towards one origin. At least 1.
    public var maxDialsPerDestination = 16
    /// Waiters over all origins.
    public var maxQueue = 1024
    /// How long a connection may be idle.
    public var idleTimeout = Interval.seconds(60)
    /// How long one may be idle for which recent requests had no use.
    public var surplusTimeout = Interval.seconds(3)
    /// How old a connection may grow; ± 10 % jitter, so that connections made together do not end together.
    public var maxAge = Interval.seconds(600)
    /// Exchanges on one connection.
    public var maxRequests = Int.max
    /// A request that must not be sent twice takes only a connection idle for less than this.
    public var unsafeReuseWindow = Interval.seconds(1)
    /// How long a request waits for a connection of its origin that is in use before another is dialled
    /// for it; zero: not at all. A burst is then served by the few connections that serve the rest.
    public var dialPatience = Interval.zero
    /// Pause before the next dial to an origin for which the kernel had no port or descriptor left.
    public var dialBackoff = Interval.milliseconds(100)

    /// The defaults.
    public init() {}
}

/// What an exchange asks of the connection it is given.
public enum ReuseNeed: Sendable, BitwiseCopyable {
    /// Any healthy connection: the request can be replayed if the connection proves dead.
    case any
    /// One that was in use a moment ago, or a fresh one: the request must not be sent twice.
    case recent
    /// A fresh one only: the first try ended on a dead reused connection, or it is a tunnel.
    case fresh
}

/// A named reason why the pool did not keep, lease or admit.
public enum Refusal: UInt8, Sendable, CaseIterable {
    /// Idle for longer than `idle_timeout`.
    case idleTooLong
    /// Older than `max_age`.
    case tooOld
    /// Carried `max_requests` exchanges.
    case usedUp
    /// The exchange did not end in a way that proves the connection clean, or one side will close.
    case notPersistent
    /// Made room under `max_idle` or `max_idle_per_destination`.
    case tooManyIdle
    /// Made room for a dial under `max_connections` or `max_per_destination`.
    case evicted
    /// A tunnel's dial whose client had left: nothing else may use it.
    case abandonedTunnel
    /// The process is stopping.
    case draining
    /// The kernel had no port left towards this destination.
    case portPressure
    /// A reload has changed what may be done there, or through whom.
    case prohibited
    /// An operator asked for it.
    case ordered
}

/// What became of a request for a connection.
public enum Acquisition: Equatable, Sendable {
    /// An idle connection, now leased.
    case leased(UpstreamID)
    /// In the queue; a `granted` or `failed` effect will follow unless the waiter leaves.
    case waiting
    /// `max_queue` is reached.
    case queueFull
}

/// What the caller has to do after an event. Effects are in order: a close that makes room comes
/// before the dial that uses it.
public enum PoolEffect: Equatable, Sendable {
    /// Start a dial for this new connection.
    case dial(UpstreamID, OriginID)
    /// The connection is leased to this waiter.
    case granted(waiter: SlotID, UpstreamID, isReused: Bool)
    /// The waiter's dial failed.
    case failed(waiter: SlotID)
    /// Close this connection now, by reset; it is no longer in the pool.
    case close(UpstreamID, Refusal)
}

/// Counters since start.
public struct PoolStatistics: Sendable {
    public var dialsStarted = 0
    public var dialsFailed = 0
    public var leasesFresh = 0
    public var leasesReused = 0
    public var waits = 0
    public var queueRefusals = 0
    public var backoffs = 0
    /// Closed or not kept, by `Refusal.rawValue`.
    public var refusals = [Int](repeating: 0, count: Refusal.allCases.count)
    /// Most connections ever held at once.
    public var peakConnections = 0

    /// All zero.
    public init() {}
}
