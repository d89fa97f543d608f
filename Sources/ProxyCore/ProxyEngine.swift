import Access
public import Basics
public import ClientPolicy
import HTTPWire
public import UpstreamPool

/// The whole proxy as one value: client connections, exchanges, tunnels, pool, policy. It performs
/// no I/O, reads no clock and calls nobody. The shell (or the simulator) turns everything that
/// happens into one call of an event, and then carries out `actions`, in order, before the next.
///
/// Events are past tense and take the instant at which they happened. An event for a connection that
/// is gone is counted and ignored. `outbox` and `records` hold what the actions refer to.
///
/// Not copyable: a copy would retain every table of the engine, and there is one proxy.
public struct ProxyEngine: ~Copyable {
    private let inPlace = InPlace()
    /// Settings in force.
    public private(set) var configuration: EngineConfiguration
    /// The upstream connections.
    public internal(set) var pool: UpstreamPool
    /// The client connections' bounds.
    public internal(set) var policy: ClientPolicy
    /// The tunnels' and stalls' bounds, by owner and destination.
    public internal(set) var destinations = DestinationPolicy()
    /// Counters since start.
    public internal(set) var statistics = EngineStatistics()
    /// What the shell has to do after the last event.
    public internal(set) var actions: [Action] = []
    /// Bytes that `send` actions and records refer to.
    public internal(set) var outbox = ByteBuffer(capacity: 4096)
    /// Ended exchanges and tunnels of the last event, if the access log is on.
    public internal(set) var records: [AccessRecord] = []
    /// Verdicts that changed with the last event.
    public internal(set) var verdicts: [VerdictNotice] = []
    /// Tunnels, from their CONNECT on.
    public internal(set) var tunnels = 0
    /// Whether the process is stopping.
    public internal(set) var isDraining = false
    /// While draining: how long a parked connection has for another request, and whether clients are accepted.
    var lastCall = Interval.zero
    var stillAccepts = false
    /// Whether clients are asked to go, by order of an operator, while all of them are served; see `windDown`.
    public internal(set) var isWindingDown = false

    var ownLines: OwnLines
    var clients = SlotMap<ClientSession>()
    /// Held in the phases `exchange` and `tunnel`.
    var exchanges = ExchangeTable()
    /// Where intercepted clients wanted to go, by slot; as long as the highest of their slots asks for.
    var originals: [OriginalDestination] = []
    var links: [UpstreamLink] = []
    var clientDeadlines = DeadlineQueues(lanes: ClientLane.allCases.count)
    var upstreamDeadlines = DeadlineQueues(lanes: UpstreamLane.allCases.count)
    var heads = HeadStore()
    /// Users and passwords that were right a while ago.
    var verified = VerifiedCredentials()
    /// Dials through the parent proxy, by slot of the pool, until the parent has opened the tunnel.
    var parentDials: [UInt32: ParentDial] = [:]
    /// Where dials to the parent proxy lead, as far as is known.
    var parentPlace: UInt64?
    /// With what the parent proxy refused the tunnel that the pool is about to report.
    var parentStatus: UInt16 = 502
    var fields = FieldTable(capacity: 128)
    /// Connections that we ended and whose peer has not answered, longest first.
    var ending = ListEnds()
    var endingLinks = LinkTable()
    /// Slots in which the deadlines of parked connections are still to be set anew.
    var unarmed = 0..<0
    var now = MonotonicTime.zero
    var dates = DateLine()
    /// Why the dial that the pool is about to report failed.
    var dialCause = Cause.connectFailed
    /// What was lacking when an origin last had to back off.
    var pressureCause = Cause.portsExhausted
    /// `applyPoolEffects` is at work further up; it will come to new effects too.
    var isApplyingEffects = false
    /// A quiet tunnel has come so far that it may have to make room.
    var isReliefDue = false
    /// Actions per call of `received`, so that a hostile body cannot make the queue grow.
    static let actionsPerOffer = 48

    /// An engine without connections. The seed makes jitter and hashing unpredictable to clients.
    public init(configuration: EngineConfiguration, seed: UInt64) {
        self.configuration = configuration
        ownLines = OwnLines(configuration)
        pool = UpstreamPool(limits: configuration.pool, seed: seed)
        policy = ClientPolicy(limits: configuration.clients, seed: seed ^ 0x5555)
        actions.reserveCapacity(128)
        parentPlace = placeOfParent()
    }

    /// The next instant at which `timePassed` has something to do.
    public var nextDeadline: MonotonicTime {
        if !unarmed.isEmpty { return now }
        return min(min(clientDeadlines.next, upstreamDeadlines.next), pool.nextDeadline)
    }

    /// Whether another client connection can be accepted now, if need be by closing one that is
    /// parked or ending. If not, it waits in the backlog.
    public var canAccept: Bool {
        !isClosed
            && (policy.held < policy.limits.maxConnections || policy.parked > 0 || !ending.isEmpty)
    }

    /// Whether no client connection is left that is kept without an exchange: parked, or on its way out.
    public var keepsNothing: Bool { policy.parked == 0 && ending.isEmpty }

    /// Whether no client is accepted any more.
    var isClosed: Bool { isDraining && !stillAccepts }

    /// Client connections now, in any phase.
    public var clientCount: Int { clients.count }

    /// Whether nothing is left: no client, no upstream connection.
    public var isAtRest: Bool { clients.count == 0 && pool.connectionCount == 0 }

    /// Host, port and kind of what a `dial` action shall connect to.
    public func destination(of id: UpstreamID) -> (host: String, port: UInt16, kind: OriginKind) {
        let destination = pool.destination(of: id)
        guard let dial = parentDials[id.id.slot] else { return destination }
        return (dial.parent.host, dial.parent.port, destination.kind)
    }

    /// Whether the id names a connection that the engine still knows.
    public func isAlive(_ id: ConnectionID) -> Bool {
        id.side == .client ? clients.isAlive(id.id) : pool.isAlive(UpstreamID(id.id))
    }

    /// Hands `actions` to the shell in exchange for an empty list, so that nothing is done twice and
    /// the list's memory goes back and forth.
    public mutating func takeActions(_ empty: inout [Action]) {
        precondition(empty.isEmpty)
        swap(&actions, &empty)
    }

    mutating func begin(_ time: MonotonicTime) {
        now = time
        if !actions.isEmpty { actions.removeAll(keepingCapacity: true) }
        if !records.isEmpty { records.removeAll(keepingCapacity: true) }
        if !verdicts.isEmpty { verdicts.removeAll(keepingCapacity: true) }
        outbox.removeAll()
    }

    /// Puts other settings in force; existing deadlines are brought forward where they got shorter.
    public mutating func reconfigure(_ new: EngineConfiguration, now: MonotonicTime) {
        begin(now)
        let isParentOther = new.parent != configuration.parent
        configuration = new
        ownLines = OwnLines(new)
        verified.removeAll()
        if isParentOther { changeParent() }
        policy.limits = new.clients
        pool.setLimits(new.pool, now: now)
        for lane in ClientLane.allCases {
            let length = self.length(of: lane)
            if length.isUnlimited { continue }
            clientDeadlines.clamp(lane: lane.rawValue, to: now + length)
        }
        shortenUpstreamDeadlines()
        for slot in 0..<clients.capacity where clientDeadlines.lane(of: UInt32(slot)) == nil {
            if let id = clients.occupant(of: slot) { armAnew(id) }
        }
        applyPoolEffects()
    }
}
