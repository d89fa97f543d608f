public import Basics
import ClientPolicy
public import ProxyCore
import UpstreamPool

/// What the proxy was doing over the last minutes and the last day, in a bounded number of bytes, so that who
/// comes late still sees what happened.
///
/// A sample is taken when something has happened, and whenever somebody looks; between two samples nothing did.
/// So an idle proxy takes none, and times without an entry are times in which the last entry went on.
public struct History: Sendable {
    /// What Content-Type says of it.
    public static let contentType = "application/json"
    /// Steps of two seconds for three minutes, and of two minutes for a day.
    private var lanes = [HistoryLane(step: 2, most: 90), HistoryLane(step: 120, most: 720)]

    /// Nothing has happened yet.
    public init() {}

    /// Notes what is going on.
    ///
    /// - Parameter age: for how long the process has served.
    public mutating func note(_ sample: HistorySample, at age: Interval) {
        let second = max(0, Int(age.inSeconds))
        for index in lanes.indices { lanes[index].note(sample, second) }
    }

    /// Bytes that the entries take now, and that they take at most.
    public var bytes: (now: Int, most: Int) {
        (lanes.reduce(0) { $0 + $1.bytes.now }, lanes.reduce(0) { $0 + $1.bytes.most })
    }

    /// Appends `/history`: for each lane its step and its entries, oldest first, as rows of numbers in the order of
    /// `columns`. An entry lasts until the next one begins.
    ///
    /// - Parameter age: for how long the process has served, which is the time that entries count in.
    public func write(at age: Interval, startedAt: WallTime, to buffer: inout ByteBuffer) {
        buffer.beginObject()
        buffer.member("started_at", startedAt)
        buffer.member("uptime", age)
        buffer.member("columns", HistoryEntry.columns)
        for (name, lane) in zip(["fine", "coarse"], lanes) {
            buffer.beginObject(name)
            buffer.member("step", lane.step)
            buffer.beginRows("entries")
            for entry in lane.all { buffer.row(entry.row(step: lane.step)) }
            buffer.endArray()
            buffer.endObject()
        }
        buffer.endObject()
        buffer.append("\n")
    }
}

/// What is noted of one instant: how much there is, and counters since start.
public struct HistorySample: Sendable {
    public var clientPorts = 0
    public var upstreamPorts = 0
    public var clients = 0
    public var upstreams = 0
    public var waiting = 0
    public var tunnels = 0
    /// Owners that leak.
    public var leaking = 0
    /// Requests since start.
    public var requests = 0
    /// Exchanges and tunnels that failed, since start.
    public var failures = 0
    /// Bytes relayed since start, in both directions.
    public var bytes: UInt64 = 0
    /// Exchanges since start by duration, as in `EngineStatistics.durations`.
    public var durations: [Int] = []

    /// Nothing yet.
    public init() {}

    /// Reads the engine; walks its owners.
    public init(_ engine: borrowing ProxyEngine, clientPorts: Int) {
        self.clientPorts = clientPorts
        upstreamPorts = engine.pool.mostPortsInUse()
        clients = engine.clientCount
        upstreams = engine.pool.connectionCount
        waiting = engine.pool.waiting
        tunnels = engine.tunnels
        leaking = engine.policy.ownersByVerdict().count(at: Int(Verdict.leaking.rawValue))
        requests = engine.statistics.requests
        failures = engine.statistics.failures
        bytes = engine.statistics.bytesUp &+ engine.statistics.bytesDown
        durations = engine.statistics.durations.counts
    }

    /// Takes over what another worker saw; its leaking owners may be the same, and are left to the caller.
    public mutating func add(_ other: HistorySample) {
        clientPorts += other.clientPorts
        upstreamPorts += other.upstreamPorts
        clients += other.clients
        upstreams += other.upstreams
        waiting += other.waiting
        tunnels += other.tunnels
        requests += other.requests
        failures += other.failures
        bytes &+= other.bytes
        durations.add(other.durations)
    }
}

extension EngineStatistics {
    /// Exchanges and tunnels that did not end as they should, for which something or somebody other than the app
    /// or its operator is to blame, or the app's request.
    var failures: Int {
        Cause.allCases.reduce(0) { $0 + ($1.isFailure ? outcomes.count(at: Int($1.rawValue)) : 0) }
    }
}

extension Cause {
    /// Whether somebody did not get what was asked for. Tunnels always end by one side leaving or lying quiet.
    var isFailure: Bool {
        switch self {
        case .completed, .clientGone, .tunnelQuiet, .tunnelLeaked, .tooManyStalled, .halfClosed, .stopped:
            false
        default: true
        }
    }
}
