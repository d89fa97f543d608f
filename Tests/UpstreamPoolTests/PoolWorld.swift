import Basics
import UpstreamPool

/// A pool, a clock and a naive model that believes only what the pool answers. A broken promise is
/// recorded in `violation`; the pool's own traps are found by `WEIR_POOL_TRACE` (see PoolExploration).
struct PoolWorld {
    /// Kinds of the origins; their hosts are "a", "b", …
    let kinds: [OriginKind]
    /// Bounds to choose from; the first is in force at the start.
    let limits: [PoolLimits]
    var pool: UpstreamPool
    var now = MonotonicTime(nanoseconds: 1_000_000_000_000)
    var limitsInForce = 0
    var isDraining = false
    /// Whether a lowered bound may still be exceeded by what was there before.
    var isLowered = false
    var connections: [ModelConnection] = []
    var waiters: [ModelWaiter] = []
    /// Every id ever seen: a closed one must not come back.
    var seen: Set<SlotID> = []
    var violation: String?
    private var parkings = 0
    private var generation: UInt32 = 1
    /// The connection that the present event is about, between two states.
    private var subject: ModelConnection?

    init(kinds: [OriginKind], limits: [PoolLimits], seed: UInt64 = 7) {
        self.kinds = kinds
        self.limits = limits
        pool = UpstreamPool(limits: limits[0], seed: seed)
    }

    var bounds: PoolLimits { limits[limitsInForce] }

    /// Takes the steps one after the other and says what the first broken promise was.
    mutating func replay(_ events: [PoolEvent]) -> String? {
        for event in events {
            take(event)
            if let violation { return "\(violation) after \(event)" }
        }
        return nil
    }

    /// Takes one step and compares.
    mutating func take(_ event: PoolEvent) {
        subject = nil
        switch event {
        case .acquire(let origin, let need): acquire(origin, need)
        case .connected(let place):
            take(place, .dialling)
            if let subject { pool.connected(UpstreamID(subject.id), now: now) }
        case .dialFailed(let place, let isPressure):
            take(place, .dialling)
            if let subject { pool.dialFailed(UpstreamID(subject.id), isPressure: isPressure, now: now) }
            if let subject { failed(subject, isPressure) }
            subject = nil
        case .release(let place, let isPersistent, let seconds):
            take(place, .leased)
            let limit = seconds == 0 ? Interval.unlimited : .seconds(seconds)
            subject?.idleUntil = now + limit
            if let subject {
                pool.release(UpstreamID(subject.id), isPersistent: isPersistent, idleLimit: limit, now: now)
            }
        case .lost(let place):
            let id = UpstreamID(connections.remove(at: place).id)
            pool.lost(id, now: now)
        case .waiterLeft(let place): pool.waiterLeft(waiters.remove(at: place).id, now: now)
        case .pass(let milliseconds): now = now + .milliseconds(milliseconds)
        case .expire(let limit): pool.expire(now: now, limit: limit)
        case .setLimits(let choice): setLimits(choice)
        case .drain:
            isDraining = true
            pool.drain(now: now)
        }
        settle(event)
        compare()
    }

    private mutating func take(_ place: Int, _ state: ModelConnection.State) {
        guard place < connections.count, connections[place].state == state else {
            return expect(false, "the sequence itself is wrong")
        }
        subject = connections.remove(at: place)
    }

    private mutating func acquire(_ origin: Int, _ need: PoolEvent.Need) {
        let slot = (0...).first { slot in !waiters.contains { Int($0.id.slot) == slot } } ?? 0
        let waiter = SlotID(slot: UInt32(slot), generation: generation)
        generation += 2
        let host: [UInt8] = [97 + UInt8(origin)]
        let best = servable(origin, need).max { $0.parkedAs < $1.parkedAs }
        let answer = pool.acquire(
            kinds[origin],
            host: host.span,
            port: 80,
            for: waiter,
            need: need.asReuseNeed,
            now: now
        )
        switch answer {
        case .leased(let id):
            // An older one is given only where a newer one was past its age and is closed.
            guard let place = connections.firstIndex(where: { $0.id == id.id }) else {
                return expect(false, "leased an unknown connection")
            }
            expect(servable(origin, need).contains { $0.id == id.id }, "leased what the need forbids")
            let closed = pool.effects.compactMap { effect -> SlotID? in
                if case .close(let id, _) = effect { id.id } else { nil }
            }
            expect(best.map { $0.id == id.id || closed.contains($0.id) } ?? false, "not the most recent")
            connections[place].state = .leased
            connections[place].uses += 1
            expect(connections[place].uses <= bounds.maxRequests, "max_requests exceeded")
        case .waiting:
            waiters.append(ModelWaiter(id: waiter, origin: origin, need: need, since: now))
            expect(waiters.count <= bounds.maxQueue, "max_queue exceeded")
        case .queueFull: expect(waiters.count >= bounds.maxQueue, "refused although there is room to wait")
        }
    }

    /// The idle connections that may serve such a request now, ages aside (they are jittered).
    private func servable(_ origin: Int, _ need: PoolEvent.Need) -> [ModelConnection] {
        if need == .fresh { return [] }
        return connections.filter { connection in
            connection.state == .idle && connection.origin == origin && connection.idleUntil > now
                && (need == .any || now.since(connection.idleSince) < bounds.unsafeReuseWindow)
        }
    }

    /// A dial that failed for good takes the origin's oldest waiter with it, and nobody else.
    private mutating func failed(_ connection: ModelConnection, _ isPressure: Bool) {
        let named = pool.effects.compactMap { effect -> SlotID? in
            if case .failed(let waiter) = effect { waiter } else { nil }
        }
        let oldest = waiters.first { $0.origin == connection.origin }
        let expected = isPressure ? [] : oldest.map { [$0.id] } ?? []
        expect(named == expected, "failed \(named) instead of \(expected)")
    }

    private mutating func setLimits(_ choice: Int) {
        limitsInForce = choice
        isLowered = true
        for place in connections.indices where connections[place].state == .idle {
            connections[place].idleUntil = min(connections[place].idleUntil, now + bounds.idleTimeout)
        }
        pool.setLimits(bounds, now: now)
    }

    /// Carries out the effects of a step, in their order.
    private mutating func settle(_ event: PoolEvent) {
        for effect in pool.effects {
            switch effect {
            case .dial(let id, _): dialled(id.id)
            case .granted(let waiter, let id, let isReused): granted(waiter, id.id, isReused)
            case .failed(let waiter):
                expect(waiters.contains { $0.id == waiter }, "failed somebody who does not wait")
                waiters.removeAll { $0.id == waiter }
            case .close(let id, _):
                if subject?.id == id.id {
                    subject = nil
                } else {
                    park()
                    let place = connections.firstIndex { $0.id == id.id }
                    expect(place.map { connections[$0].state == .idle } ?? false, "closed what was not idle")
                    if let place { connections.remove(at: place) }
                }
            }
        }
        park()
        pool.clearEffects()
    }

    private mutating func dialled(_ id: SlotID) {
        park()
        expect(seen.insert(id).inserted, "an id came back")
        guard pool.isAlive(UpstreamID(id)) else { return expect(false, "dialled and forgotten") }
        let host = pool.destination(of: UpstreamID(id)).host
        let origin = Int(host.utf8.first ?? 0) - 97
        connections.append(ModelConnection(id: id, origin: origin, state: .dialling))
        expect(connections.count <= bounds.maxConnections, "a dial before the close that makes room for it")
        expect(waiters.contains { $0.origin == origin }, "a dial for nobody")
    }

    private mutating func granted(_ waiter: SlotID, _ id: SlotID, _ isReused: Bool) {
        guard var connection = subject, connection.id == id else {
            return expect(false, "granted a connection that the event is not about")
        }
        let mayTake = waiters.filter { $0.origin == connection.origin && (!isReused || $0.need != .fresh) }
        expect(mayTake.first?.id == waiter, "granted out of turn")
        expect(isReused == (connection.state == .leased), "misnamed as reused or fresh")
        waiters.removeAll { $0.id == waiter }
        connection.state = .leased
        connection.uses += 1
        expect(connection.uses <= bounds.maxRequests, "max_requests exceeded")
        connections.append(connection)
        subject = nil
    }

    /// The event's connection was neither granted nor closed, so the pool has kept it.
    private mutating func park() {
        guard var connection = subject else { return }
        parkings += 1
        connection.parkedAs = parkings
        connection.state = .idle
        connection.idleSince = now
        connection.idleUntil = min(connection.idleUntil, now + bounds.idleTimeout)
        connections.append(connection)
        subject = nil
    }

    mutating func expect(_ holds: Bool, _ promise: @autoclosure () -> String) {
        if !holds && violation == nil { violation = promise() }
    }
}

extension PoolEvent.Need {
    var asReuseNeed: ReuseNeed {
        switch self {
        case .any: .any
        case .recent: .recent
        case .fresh: .fresh
        }
    }
}
