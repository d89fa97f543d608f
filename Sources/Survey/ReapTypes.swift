public import Basics
public import ClientPolicy
public import Dialling

/// When a connection that lies idle is called leaked.
public struct ReapLimits: Hashable, Sendable {
    /// How long it may lie idle where its owner does not leak.
    public var idleTimeout = Interval.seconds(60)
    /// How long it may lie idle where its owner leaks to that destination.
    public var leakIdleTimeout = Interval.seconds(2)
    /// The same where half of the ports are in use; at most `leakIdleTimeout`.
    public var pressedLeakIdleTimeout: Interval { min(leakIdleTimeout, .milliseconds(500)) }
    /// Idle connections that an owner may keep to each destination, however long they lie there.
    public var maxIdle = 8
    /// Whether `idleTimeout` holds for what was there at the first look too, without having been watched.
    public var trustsFirstLook = false

    /// The standard limits.
    public init() {}
}

/// What one owner has to one destination.
public struct ReapGroup: Hashable, Sendable {
    /// Who.
    public var owner: ConnectionOwner
    /// Whereto.
    public var destination: Endpoint

    /// Puts both together.
    public init(owner: ConnectionOwner, destination: Endpoint) {
        self.owner = owner
        self.destination = destination
    }
}

/// A connection that is to be closed.
public struct ReapDecision: Hashable, Sendable {
    /// As the look showed it.
    public var connection: ObservedConnection
    /// Whose it is.
    public var group: ReapGroup
    /// The limit that it lay idle beyond.
    public var limit: Interval
    /// Whether its owner is called leaking.
    public var isLeak: Bool

    /// Puts a decision together.
    public init(connection: ObservedConnection, group: ReapGroup, limit: Interval, isLeak: Bool) {
        self.connection = connection
        self.group = group
        self.limit = limit
        self.isLeak = isLeak
    }

    /// Whether a second look, right before it is closed, shows the same: nothing came or went or waits, and it
    /// lies idle as long and longer.
    public func holds(for now: ObservedConnection) -> Bool {
        now.id == connection.id && now.phase == connection.phase && now.isQuiet
            && now.bytesSent == connection.bytesSent && now.bytesReceived == connection.bytesReceived
            && now.idle >= connection.idle
    }
}

/// An owner's verdict changed.
public struct ReapVerdict: Hashable, Sendable {
    /// Whose, and whereto.
    public var group: ReapGroup
    /// What was thought of it before, and now.
    public var former: Verdict
    public var verdict: Verdict
    /// Connections in the window that spoke for a leak.
    public var evidence: Int
    /// Connections that it holds, and those that lie idle.
    public var held: Int
    public var idle: Int

    /// Puts a change together.
    public init(
        group: ReapGroup,
        former: Verdict,
        verdict: Verdict,
        evidence: Int,
        held: Int,
        idle: Int
    ) {
        self.group = group
        self.former = former
        self.verdict = verdict
        self.evidence = evidence
        self.held = held
        self.idle = idle
    }
}

/// How it stands with a group.
public struct ReapGroupReport: Hashable, Sendable {
    /// Which.
    public var group: ReapGroup
    /// What is thought of it.
    public var verdict: Verdict
    /// Connections at the last look.
    public var held = 0
    /// Those that lie idle and were not seen to be used twice.
    public var idle = 0
    /// Those that were.
    public var proven = 0
    /// Closed since the start, or in a dry run what would have been.
    public var reaped = 0
}
