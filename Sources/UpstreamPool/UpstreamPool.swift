public import Basics

/// The bounded pool of upstream connections: who may dial, who waits, who is reused, who goes.
///
/// A value without I/O or clock. Invariants (`checkInvariants`):
/// 1. a connection is dialling, idle or leased, and its origin counts it exactly there;
/// 2. no bound of `PoolLimits` is ever exceeded;
/// 3. an origin exists exactly while it has a connection or a waiter;
/// 4. nobody waits while an idle connection of its origin could serve it, or while a dial for it
///    could be started (unless the origin is backing off or patient).
///
/// ```
///            acquire              connected / granted            release
///   (none) ──────────▶ dialling ──────────────────▶ leased ◀────────────────▶ idle
///                          │ dialFailed                │ lost            acquire  │ lost, expire, evict
///                          ▼                           ▼                          ▼
///                        (none)                      (none)                     (none)
/// ```
public struct UpstreamPool {
    enum State: UInt8 { case dialling, idle, leased }

    enum HoldLane: Int, CaseIterable { case backoff, patience }

    @usableFromInline
    struct Connection {
        var origin: OriginID
        /// Where it leads, as far as is known.
        var place: SlotID
        var state: State
        var uses: UInt32 = 0
        var expiresAt: MonotonicTime
        var idleSince = MonotonicTime.zero
    }

    struct Waiter: BitwiseCopyable {
        var id: SlotID
        var origin: OriginID
        var need: ReuseNeed
        var since: MonotonicTime
    }

    private let inPlace = InPlace()
    /// The bounds in force.
    public internal(set) var limits: PoolLimits
    /// The instant of the event being handled.
    var now = MonotonicTime.zero
    @usableFromInline var connections = SlotMap<Connection>()
    var table: OriginTable
    /// Idle connections per origin.
    var idleLinks = LinkTable()
    /// Idle connections by the time at which they became idle: who goes first for room or age.
    ///
    /// Lane 0: `idle_timeout`, or what the origin allows; then `surplus_timeout`, doubled in each lane.
    var idleQueue = DeadlineQueues(lanes: UpstreamPool.surplusLanes + 1)
    static let surplusLanes = 6
    var idleByAge = ListEnds()
    var idleByAgeLinks = LinkTable()
    /// Waiters per origin, by client slot.
    var waiterLinks = LinkTable()
    var waiters: [Waiter] = []
    /// Origins that want a dial and lack only global room, longest first.
    var hungry = ListEnds()
    var hungryLinks = LinkTable()
    /// Origins that may not, or will not, dial before an instant.
    var holds = DeadlineQueues(lanes: HoldLane.allCases.count)
    var timeWaits = TimeWaits()
    var places = Places()
    /// Places that have filled up, or have room again, since `settleCrossed`.
    var crossed: [SlotID] = []
    var random: RandomSource
    var isDraining = false

    /// Effects of the events since the caller last took them.
    public private(set) var effects: [PoolEffect] = []
    /// Counters since start.
    public internal(set) var statistics = PoolStatistics()
    /// How many waiters there are, over all origins.
    public internal(set) var waiting = 0

    /// An empty pool.
    public init(limits: PoolLimits, seed: UInt64) {
        self.limits = limits
        self.table = OriginTable(seed: seed)
        self.random = RandomSource(seed: seed)
        effects.reserveCapacity(64)
    }

    /// Asks for a connection to an origin. `waiter` is who will be named by later effects; its slot
    /// must not be waiting already.
    ///
    /// - Parameters:
    ///   - name: The Host that an intercepted client names; empty for all other kinds.
    ///   - place: Where a dial leads that goes through a parent proxy; nil where it leads to the host itself.
    public mutating func acquire(
        _ kind: OriginKind,
        host: Span<UInt8>,
        port: UInt16,
        name: Span<UInt8> = Span(),
        at place: UInt64? = nil,
        for waiter: SlotID,
        need: ReuseNeed,
        now: MonotonicTime
    ) -> Acquisition {
        self.now = now
        // Without a window not even the connection that another exchange hands over is recent enough.
        let need = need == .recent && limits.unsafeReuseWindow == .zero ? .fresh : need
        let origin = table.intern(kind, host: host, port: port, name: name)
        if table[origin].place == .none {
            table[origin].place = places.refer(to: place ?? table.placeHash(host, port))
        }
        if kind != .tunnel && table[origin].history.noteRequest(now) { rearmIdle(of: origin) }
        defer {
            settle(origin)
            pump()
        }
        if need != .fresh, let reused = takeIdle(origin, need) {
            statistics.leasesReused += 1
            return .leased(reused)
        }
        if waiting >= limits.maxQueue {
            statistics.queueRefusals += 1
            return .queueFull
        }
        enqueue(waiter, origin, need)
        return .waiting
    }

    /// A dial succeeded. The connection goes to the oldest waiter, else into the pool.
    ///
    /// - Parameter place: Where it led (`placeHash`); nil where nobody knows.
    public mutating func connected(_ id: UpstreamID, at place: UInt64? = nil, now: MonotonicTime) {
        guard connections.isAlive(id.id) else { return }
        precondition(connections[id.id].state == .dialling, "connected twice")
        self.now = now
        if let place { move(id, to: place) }
        let origin = connections[id.id].origin
        table[origin].dialling -= 1
        if !hand(id, to: origin, isReused: false) {
            if table[origin].kind == .tunnel {
                discard(id, .abandonedTunnel)
            } else if let refusal = refusalToKeep(id, true) {
                // A reload lowered a bound, or the dial outlived `max_age`.
                discard(id, refusal)
            } else {
                park(id)
            }
        }
        settle(origin)
        pump()
    }

    /// A dial failed. The oldest waiter fails with it, unless the cause is lack of ports or
    /// descriptors (`isPressure`): that is backpressure, the waiters stay and the origin backs off.
    public mutating func dialFailed(_ id: UpstreamID, isPressure: Bool, now: MonotonicTime) {
        guard connections.isAlive(id.id) else { return }
        precondition(connections[id.id].state == .dialling, "failed after connecting")
        self.now = now
        let origin = connections[id.id].origin
        statistics.dialsFailed += 1
        table[origin].dialling -= 1
        remove(id)
        if isPressure {
            statistics.backoffs += 1
            table[origin].blockedUntil = now + limits.dialBackoff
            holds.arm(origin.id.slot, lane: HoldLane.backoff.rawValue, at: table[origin].blockedUntil)
            // An idle connection to this very address holds one of the ports we lack.
            evictIdle(at: table[origin].place, .portPressure)
        } else if table[origin].waiters.first >= 0 {
            let waiter = waiters[Int(table[origin].waiters.first)]
            dequeue(waiter.id.slot)
            effects.append(.failed(waiter: waiter.id))
        }
        settle(origin)
        pump()
    }

    /// An exchange on the connection is over. `isPersistent` says that it provably ended clean and
    /// that both sides will keep the connection; `idleLimit` for how long the origin will keep it idle.
    public mutating func release(
        _ id: UpstreamID,
        isPersistent: Bool,
        idleLimit: Interval = .unlimited,
        now: MonotonicTime
    ) {
        precondition(connections[id.id].state == .leased, "released what was not leased")
        self.now = now
        let origin = connections[id.id].origin
        table[origin].leased -= 1
        if let refusal = refusalToKeep(id, isPersistent) {
            discard(id, refusal)
        } else if !hand(id, to: origin, isReused: true) {
            park(id, idleLimit)
        }
        settle(origin)
        pump()
    }

    /// The connection is gone (closed by the peer, failed, or closed by the caller), in any state.
    /// A late report is ignored.
    public mutating func lost(_ id: UpstreamID, now: MonotonicTime) {
        guard connections.isAlive(id.id) else { return }
        self.now = now
        let origin = connections[id.id].origin
        switch connections[id.id].state {
        case .dialling: table[origin].dialling -= 1
        case .leased: table[origin].leased -= 1
        case .idle: unpark(id)
        }
        remove(id)
        settle(origin)
        pump()
    }

    /// The peer closed an idle connection; to be told before `lost`.
    public mutating func closedWhileIdle(_ id: UpstreamID, now: MonotonicTime) {
        guard connections.isAlive(id.id), connections[id.id].state == .idle else { return }
        table[connections[id.id].origin].history.noteClose(
            after: now.since(connections[id.id].idleSince),
            now
        )
    }

    /// The waiter gives up its place (its client left, or its deadline passed). A dial that was
    /// started for it goes on and serves the next waiter or the pool.
    public mutating func waiterLeft(_ waiter: SlotID, now: MonotonicTime) {
        guard isWaiting(waiter) else { return }
        self.now = now
        let origin = waiters[waiter.index].origin
        dequeue(waiter.slot)
        settle(origin)
        pump()
    }

    /// Whether this waiter is in the queue.
    public func isWaiting(_ waiter: SlotID) -> Bool {
        waiter.index < waiters.count && waiters[waiter.index].id == waiter
            && waiterLinks.isLinked(Int32(waiter.slot))
    }

    /// Whether a dial is under way that the waiter will get, if those before it get theirs.
    public func isDialPending(for waiter: SlotID) -> Bool {
        guard isWaiting(waiter) else { return false }
        let origin = table[waiters[waiter.index].origin]
        var slot = Int32(waiter.slot)
        var place = 0
        while slot >= 0 && place < origin.dialling {
            place += 1
            slot = waiterLinks.previous(before: slot)
        }
        return slot < 0 && origin.dialling > 0
    }

    /// Whether the waiter's origin may not dial because the kernel had no port or descriptor left.
    public func isBackingOff(_ waiter: SlotID) -> Bool {
        isWaiting(waiter) && table[waiters[waiter.index].origin].blockedUntil != .zero
    }

    /// The next instant at which `expire` has something to do.
    public var nextDeadline: MonotonicTime {
        let next = min(idleQueue.next, holds.next)
        // Ports that come free matter only to those who wait.
        return waiting > 0 ? min(next, timeWaits.next) : next
    }

    /// Reaps what has been idle too long and lets origins dial again; at most `limit` steps, so that
    /// reaping thousands never holds up the loop. Call again while `nextDeadline` is not after `now`.
    public mutating func expire(now: MonotonicTime, limit: Int) {
        self.now = now
        var steps = 0
        while steps < limit, let (slot, _) = idleQueue.popExpired(at: now) {
            steps += 1
            guard let id = connections.occupant(of: Int(slot)) else { continue }
            evict(slot: Int32(id.slot), .idleTooLong)
        }
        expireTimeWaits(limit: limit)
        while steps < limit, let (slot, lane) = holds.popExpired(at: now) {
            steps += 1
            guard let id = table.origins.occupant(of: Int(slot)) else { continue }
            if lane == HoldLane.backoff.rawValue { table[OriginID(id)].blockedUntil = .zero }
            settle(OriginID(id))
        }
        pump()
    }

    /// The connection is about to be closed after our FIN went first, so that its port stays in TIME_WAIT; to
    /// be told before `lost`.
    public mutating func leavesTimeWait(_ id: UpstreamID, now: MonotonicTime) {
        guard connections.isAlive(id.id) else { return }
        timeWaits.expire(now, limit: 64)
        let place = connections[id.id].place
        let wasFull = isFull(place)
        timeWaits.add(places[place].hash, now)
        if !wasFull && isFull(place) { crossed.append(place) }
        settleCrossed()
    }

    /// Ports have come free: whoever waited for one may dial.
    private mutating func expireTimeWaits(limit: Int) {
        if timeWaits.next > now { return }
        timeWaits.expire(now, limit: limit)
        for slot in 0..<table.origins.capacity where waiting > 0 {
            if let id = table.origins.occupant(of: slot) { settle(OriginID(id)) }
        }
    }

    /// Forgets effects that the caller has read through `effects`.
    public mutating func clearEffects() {
        if !effects.isEmpty { effects.removeAll(keepingCapacity: true) }
    }

    mutating func emit(_ effect: PoolEffect) { effects.append(effect) }
}
