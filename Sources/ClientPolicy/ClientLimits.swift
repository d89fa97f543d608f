public import Basics

/// The bounds and ages of client connections. Every one is a setting (`client.*`).
public struct ClientLimits: Sendable {
    /// Whether client connections are kept after a response at all (Go's `DisableKeepAlives`, from outside).
    public var keepAlive = true
    /// Client connections held at once, tunnels included. At least 1.
    public var maxConnections = 4096
    /// Ports from which this host's apps can reach the listeners. Above half of them the longest parked go, as
    /// long as connections of this host's hold so many; those of other hosts take no port of this one.
    public var ports = Int.max
    /// Parked connections that one owner may hold.
    public var maxParkedPerOwner = 128
    /// Exchanges on one client connection.
    public var maxRequests = Int.max
    /// How old a client connection may grow before it is ended with its next response; ± 10 % jitter.
    public var maxAge = Interval.unlimited

    /// Whether a verdict of `leaking` has consequences, or is only told.
    public var curesLeaks = true
    /// Owners that are remembered while they hold no connection; the one that has been away longest is
    /// forgotten first.
    public var maxAbsentOwners = 1024

    /// The defaults.
    public init() {}
}

/// Whether a new client connection may stay.
public enum Admission: Equatable, Sendable {
    /// There was room.
    case admitted
    /// There was none; this parked connection has to go for it.
    case admittedEvicting(SlotID)
    /// There was none and nothing is parked.
    case refused
}

/// Whose connections are so many that some must make room for newcomers.
public enum Crowding: Sendable, BitwiseCopyable {
    case none
    /// Those of this host's clients.
    case ofThisHost
    case ofAll
}

/// Why a client connection is not kept after a response, or ended while parked.
public enum ClientEnd: UInt8, Sendable, CaseIterable {
    /// `client.keep_alive` is off.
    case keepAliveOff
    /// `client.max_requests` reached.
    case usedUp
    /// `client.max_age` reached.
    case tooOld
    /// The process is stopping.
    case draining
    /// Parked for `client.idle_timeout`.
    case idleTooLong
    /// `client.max_parked_per_owner` reached; the longest parked goes.
    case tooManyParked
    /// Its owner leaks: what it has is announced to end with each response.
    case leaking
    /// Its owner leaks, and it was left lying for `client.leak_idle_timeout`.
    case abandoned
    /// Made room under `client.max_connections` or for want of descriptors.
    case evicted
}
