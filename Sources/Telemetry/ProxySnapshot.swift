public import Basics
import ClientPolicy
public import ProxyCore
public import UpstreamPool

/// What the proxy was doing at one instant: the only thing that `PrometheusText` and `StatusJSON` read.
public struct ProxySnapshot: Sendable {
    /// Counters of exchanges and tunnels.
    public var engine = EngineStatistics()
    /// Counters of the pool.
    public var pool = PoolStatistics()
    /// Upstream connections by state.
    public var poolCounts = UpstreamPool.Counts()
    /// Origins that have a connection or a waiter; empty for metrics.
    public var origins: [UpstreamPool.OriginReport] = []
    /// Client connections by state.
    public var clients = ProxyEngine.ClientReport()
    /// Client connections that weir ended, by `ClientEnd.rawValue`.
    public var clientEnds: [Int] = []
    /// Client connections that weir would not take.
    public var clientRefusals = 0
    /// Owners of client connections.
    public var owners = 0
    /// Owners that are remembered, by `Verdict.rawValue`, and those forgotten for want of room.
    public var ownersByVerdict: [Int] = []
    public var ownersForgotten = 0
    /// Tunnels that lie quiet, and connections whose clients do not read.
    public var quietTunnels = 0
    public var stalled = 0
    /// Ports in use on the way from the apps, and towards the origin with most.
    public var clientPorts = PortUse()
    public var upstreamPorts = PortUse()
    /// Tunnels, their dials included.
    public var tunnels = 0
    /// Whether the process is stopping, or was told to send its clients away.
    public var isDraining = false
    /// Limits in force.
    public var configuration = EngineConfiguration()
    /// Redirected connections.
    public var redirect = RedirectState()
    /// What only the shell knows.
    public var process = ProcessFigures()
    /// What each worker has to do.
    public var workers: [WorkerLoad] = []

    /// Nothing has happened yet.
    public init() {}

    /// Reads the engine; walks its client connections, and its origins where they are asked for.
    ///
    /// - Parameter withOrigins: for `StatusJSON`; metrics do not name origins.
    public init(_ engine: borrowing ProxyEngine, _ process: ProcessFigures, withOrigins: Bool) {
        self.engine = engine.statistics
        pool = engine.pool.statistics
        poolCounts = engine.pool.counts()
        if withOrigins { origins = engine.pool.originReports() }
        clients = engine.clientReport()
        clientEnds = engine.policy.ends
        clientRefusals = engine.policy.refusals
        owners = engine.policy.ownerCount
        ownersByVerdict = engine.policy.ownersByVerdict()
        ownersForgotten = engine.policy.forgottenOwners
        quietTunnels = engine.destinations.quiet
        stalled = engine.destinations.stalled
        clientPorts.used = engine.clientCount
        upstreamPorts.used = engine.pool.mostPortsInUse()
        upstreamPorts.limit = engine.configuration.pool.ports
        upstreamPorts.timeWaits = engine.pool.timeWaitCount
        tunnels = engine.tunnels
        isDraining = engine.isDraining || engine.isWindingDown
        configuration = engine.configuration
        self.process = process
        workers = [
            WorkerLoad(
                clients: engine.clientCount,
                upstreams: engine.pool.connectionCount,
                requests: engine.statistics.requests
            )
        ]
    }
}

/// How near a hop is to running out of ports. All ports from one address to another are one budget.
public struct PortUse: Sendable, Equatable {
    /// Ports taken now.
    public var used = 0
    /// Ports that there are; `Int.max` where nobody knows.
    public var limit = Int.max
    /// Of those taken, TIME_WAIT that weir left.
    public var timeWaits = 0
    /// Ports taken more than before, each second, on average of the last ten or so; negative where fewer.
    public var growth = 0.0

    /// Nothing is known.
    public init() {}

    /// When the ports will be out if it goes on like this; nil where it does not.
    public var secondsToExhaustion: Double? {
        if limit == .max || growth < 0.01 { return nil }
        return max(0, Double(limit - used)) / growth
    }
}

/// What the shell knows of the process and the engine does not. Nil where the system does not tell.
public struct ProcessFigures: Sendable {
    /// Released version, after semver.org.
    public var version = ""
    /// The process id.
    public var processID = 0
    /// Where apps are served: `127.0.0.1:3128`, `unix:/run/weir/proxy.sock`; empty when it accepts no more.
    public var places: [String] = []
    /// When the process began to serve.
    public var startedAt = WallTime(seconds: 0, nanoseconds: 0)
    /// For how long it has served.
    public var uptime = Interval.zero
    /// Descriptors that are open.
    public var openDescriptors: Int?
    /// RLIMIT_NOFILE, the soft limit; nil if unlimited.
    public var descriptorLimit: Int?
    /// Libraries with their versions, as labels: `libevent`, `c_ares`.
    public var libraries: [(name: String, value: String)] = []
    /// Memory that is present, in bytes.
    public var residentBytes: Int?
    /// Address space in use, in bytes.
    public var virtualBytes: Int?
    /// Processor time, user and system.
    public var processorTime: Interval?
    /// Dials that made a connection, late ones included.
    public var dialsSucceeded = 0
    /// Dials that failed, by `Cause.rawValue`; see `Cause.dialFailures`.
    public var dialFailures = [Int](repeating: 0, count: Cause.allCases.count)
    /// How late the loop met deadlines.
    public var loopDelays = DurationHistogram()
    /// How long dials took that made a connection, and their connect(2) alone.
    public var dialDurations = DurationHistogram()
    public var connectDurations = DurationHistogram()
    /// What became of names that dials asked for.
    public var nameLookUps = NameLookUps()
    /// Names that are known, being looked up, and waiting to be.
    public var namesKnown = 0
    public var namesInFlight = 0
    public var namesQueued = 0
    /// How often accepting paused for want of descriptors or memory.
    public var acceptPauses = 0
    /// Log lines dropped because nobody took them in time.
    public var logLinesDropped = 0
    /// Settings put in force by SIGHUP, and those refused.
    public var reloads = 0
    public var reloadsRefused = 0
    /// Whether the last reload was refused.
    public var isLastReloadRefused = false
    /// When the settings in force were applied.
    public var settingsAppliedAt = WallTime(seconds: 0, nanoseconds: 0)
    /// How the process came to be, and what became of the last reload and upgrade.
    public var lifecycle = LifecycleFigures()

    /// Nothing is known.
    public init() {}
}

/// Names that dials asked for: known already, asked of a name server, joined to a look-up under way, refused
/// because too many were.
public struct NameLookUps: Sendable, Equatable {
    public var known = 0
    public var asked = 0
    public var joined = 0
    public var refused = 0

    /// None.
    public init() {}
}
