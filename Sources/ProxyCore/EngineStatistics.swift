public import Basics

/// Counters since start; plain numbers, incremented where things happen.
public struct EngineStatistics: Sendable {
    public var clientsAccepted = 0
    public var requests = 0
    /// Intercepted connections whose first bytes have decided, by `InterceptedKind.rawValue`.
    public var intercepted = [Int](repeating: 0, count: InterceptedKind.allCases.count)
    /// Final responses sent, by hundreds of the status (index 1...5).
    public var responses = [Int](repeating: 0, count: 6)
    /// Responses that weir made itself.
    public var ownResponses = 0
    public var tunnelsOpened = 0
    /// Ended exchanges and tunnels, by `Cause.rawValue`.
    public var outcomes = [Int](repeating: 0, count: Cause.allCases.count)
    /// How often a limit was reached, by `Limit.rawValue`.
    public var limits = [Int](repeating: 0, count: Limit.allCases.count)
    /// Verdicts of `leaking`, on owners and on their tunnels to one destination.
    public var leaksFound = 0
    /// Stalled connections that were cut because their owner had too many.
    public var stallsCut = 0
    public var retries = 0
    public var bytesUp: UInt64 = 0
    public var bytesDown: UInt64 = 0
    /// Upstream connections closed by the peer while idle.
    public var idleClosedByUpstream = 0
    /// Idle upstream connections that received bytes nobody asked for.
    public var unsolicitedBytes = 0
    /// Events for connections that were already gone.
    public var staleEvents = 0
    /// Our FIN was answered within the grace.
    public var gracefulCloses = 0
    /// The grace ran out and the client was reset: it never looks at its socket.
    public var resetAfterGrace = 0
    /// Requests that arrived in the grace of an idle close.
    public var lateRequests = 0
    /// From a request's head to the end of its exchange.
    public var durations = DurationHistogram()
    /// From a tunnel's CONNECT, or its redirected connection, to its end; those that came to stand.
    public var tunnelDurations = DurationHistogram()
    /// Waiting for an upstream connection, of requests that had to wait.
    public var waits = DurationHistogram()
    /// From sending a request's head to the head of its final response.
    public var firstBytes = DurationHistogram()

    /// All zero.
    public init() {}
}
