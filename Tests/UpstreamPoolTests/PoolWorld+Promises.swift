import Basics
import UpstreamPool

// What must hold between any two steps, and what must come of any state in the end.
extension PoolWorld {
    /// Compares the pool with the model and checks the promises that need no history.
    mutating func compare() {
        pool.checkInvariants()
        let counts = pool.counts()
        var dialling = 0
        var idle = 0
        var origins = Set(waiters.map(\.origin))
        for connection in connections {
            origins.insert(connection.origin)
            switch connection.state {
            case .dialling: dialling += 1
            case .idle: idle += 1
            case .leased: break
            }
        }
        expect(counts.dialling == dialling, "the pool counts \(counts.dialling) dials, not \(dialling)")
        expect(counts.idle == idle, "the pool counts \(counts.idle) idle ones, not \(idle)")
        expect(counts.leased == connections.count - dialling - idle, "leases differ")
        expect(counts.waiting == waiters.count, "waiters differ")
        expect(counts.origins == origins.count, "origins differ")
        expect(!isDraining || idle == 0, "idle while draining")
        compareBounds()
        for origin in origins {
            compareWaiters(at: origin, isFull: connections.count >= bounds.maxConnections)
        }
    }

    private mutating func compareBounds() {
        guard isLowered else { return pool.checkBounds() }
        // What still exceeds a lowered bound is in use, never idle.
        let idle = connections.filter { $0.state == .idle }
        var fitsEverywhere = connections.count <= bounds.maxConnections && waiters.count <= bounds.maxQueue
        expect(connections.count <= bounds.maxConnections || idle.isEmpty, "idle beyond max_connections")
        expect(idle.count <= bounds.maxIdle, "max_idle exceeded")
        for origin in kinds.indices {
            let own = connections.filter { $0.origin == origin }
            let ownIdle = own.filter { $0.state == .idle }.count
            let dialling = own.filter { $0.state == .dialling }.count
            let fits = own.count <= bounds.maxPerDestination
            fitsEverywhere = fitsEverywhere && fits && dialling <= bounds.maxDialsPerDestination
            expect(fits || ownIdle == 0, "idle beyond max_per_destination")
            expect(ownIdle <= bounds.maxIdlePerDestination, "max_idle_per_destination exceeded")
        }
        if fitsEverywhere {
            isLowered = false
            pool.checkBounds()
        }
    }

    /// Nobody waits for what is there, nor for a dial that could start.
    private mutating func compareWaiters(at origin: Int, isFull: Bool) {
        let own = connections.filter { $0.origin == origin }
        let idle = own.filter { $0.state == .idle }
        let dialling = own.filter { $0.state == .dialling }.count
        let waiting = waiters.filter { $0.origin == origin }
        for waiter in waiting {
            let window = bounds.unsafeReuseWindow
            let couldServe = idle.contains { connection in
                waiter.need == .any
                    || (waiter.need == .recent && now.since(connection.idleSince) < window)
            }
            expect(!couldServe, "somebody waits beside an idle connection that could serve")
        }
        for (place, waiter) in waiting.enumerated() {
            expect(pool.isDialPending(for: waiter.id) == (place < dialling), "isDialPending")
        }
        guard waiting.count > dialling, dialling < bounds.maxDialsPerDestination,
            !pool.isBackingOff(waiting[dialling].id)
        else { return }
        let hasRoomHere = own.count < bounds.maxPerDestination || !idle.isEmpty
        let hasRoom = !isFull || connections.contains { $0.state == .idle }
        // Where patience has ended, `expire` is due.
        let isPatient = own.contains { $0.state == .leased } && bounds.dialPatience > .zero
        let isHeld =
            isPatient && (waiting[dialling].since + bounds.dialPatience > now || pool.nextDeadline <= now)
        expect(isHeld || !(hasRoomHere && hasRoom), "somebody waits although a dial could start")
    }

    /// Lets every dial succeed and every exchange end well: then nobody may wait for ever, whatever
    /// happened before.
    mutating func serveEverybody() {
        var pauses = 0
        while pauses < 12 {
            if waiters.isEmpty || violation != nil { return }
            if let place = connections.firstIndex(where: { $0.state == .dialling }) {
                take(.connected(place))
            } else if let place = connections.firstIndex(where: { $0.state == .leased }) {
                take(.release(place, isPersistent: true, idleSeconds: 0))
            } else {
                // Just over the backoff in all, and less than the idle timeout: nobody may have to
                // wait for an idle connection's end.
                take(.pass(milliseconds: 100))
                take(.expire(limit: 100))
                pauses += 1
            }
        }
        expect(false, "somebody waits for ever")
    }

    /// Ends everything: then nothing may be left, and what is reported late changes nothing.
    mutating func endEverything() {
        while !waiters.isEmpty { take(.waiterLeft(waiters.count - 1)) }
        while let place = connections.firstIndex(where: { $0.state != .idle }) {
            if connections[place].state == .leased {
                take(.release(place, isPersistent: true, idleSeconds: 0))
            } else {
                take(.connected(place))
            }
        }
        take(.pass(milliseconds: 100_000))
        for _ in 0..<20 where pool.nextDeadline <= now { take(.expire(limit: 1)) }
        expect(pool.nextDeadline == .never, "a deadline is left")
        expect(pool.counts() == UpstreamPool.Counts(), "something is left")
        for id in seen {
            pool.lost(UpstreamID(id), now: now)
            pool.connected(UpstreamID(id), now: now)
            pool.dialFailed(UpstreamID(id), isPressure: false, now: now)
        }
        pool.waiterLeft(SlotID(slot: 0, generation: 1), now: now)
        expect(pool.effects.isEmpty && pool.counts() == UpstreamPool.Counts(), "a late report had an effect")
    }
}
