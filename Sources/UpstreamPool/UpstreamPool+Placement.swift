import Basics

// Where a connection or a waiter goes: the only code that moves them between lists.
extension UpstreamPool {
    /// Leases the most recently used idle connection that meets the need. Those that are past their
    /// age are closed on the way; a few steps at most, each removes one.
    mutating func takeIdle(_ origin: OriginID, _ need: ReuseNeed) -> UpstreamID? {
        while table[origin].idle.last >= 0 {
            guard let slot = connections.occupant(of: Int(table[origin].idle.last)) else {
                preconditionFailure("a freed connection is on the idle list")
            }
            let id = UpstreamID(slot)
            let idleFor = now.since(connections[slot].idleSince)
            // The newest one is too old for this request, so all others are too.
            if need == .recent && idleFor >= limits.unsafeReuseWindow {
                return nil
            }
            // `expire` may lag behind the clock: it works in slices, and readiness is handled before it.
            // Past its time the origin has perhaps closed the connection already.
            let isOverdue = idleQueue.deadline(of: slot.slot) <= now
            unpark(id)
            guard let refusal = isOverdue ? .idleTooLong : refusalToKeep(id, true) else {
                lease(id)
                return id
            }
            discard(id, refusal)
        }
        return nil
    }

    /// The flat list of reasons not to keep a connection.
    func refusalToKeep(_ id: UpstreamID, _ isPersistent: Bool) -> Refusal? {
        let connection = connections[id.id]
        if !isPersistent || table[connection.origin].kind == .tunnel { return .notPersistent }
        if isDraining { return .draining }
        if now >= connection.expiresAt { return .tooOld }
        if Int(connection.uses) >= limits.maxRequests { return .usedUp }
        // Only after a reload that lowered a bound. The connection is in the first count and, being
        // between two lists, not in the second.
        if connections.count > limits.maxConnections { return .evicted }
        if table[connection.origin].connections >= limits.maxPerDestination { return .evicted }
        return nil
    }

    private mutating func lease(_ id: UpstreamID) {
        connections[id.id].state = .leased
        connections[id.id].uses += 1
        table[connections[id.id].origin].leased += 1
    }

    /// Gives the connection to the origin's oldest waiter, if there is one. A reused one passes by those
    /// who asked for a fresh one: their first try ended on a connection of which the same was thought.
    mutating func hand(_ id: UpstreamID, to origin: OriginID, isReused: Bool) -> Bool {
        var first = table[origin].waiters.first
        while isReused && first >= 0 && waiters[Int(first)].need == .fresh {
            first = waiterLinks.next(after: first)
        }
        guard first >= 0 else { return false }
        let waiter = waiters[Int(first)].id
        dequeue(waiter.slot)
        lease(id)
        if isReused { statistics.leasesReused += 1 } else { statistics.leasesFresh += 1 }
        emit(.granted(waiter: waiter, id, isReused: isReused))
        return true
    }

    /// Puts the connection into the pool, within the idle bounds: the longest idle makes room.
    mutating func park(_ id: UpstreamID, _ idleLimit: Interval = .unlimited) {
        let origin = connections[id.id].origin
        if limits.maxIdle == 0 || limits.maxIdlePerDestination == 0 || isDraining {
            discard(id, isDraining ? .draining : .tooManyIdle)
            return
        }
        connections[id.id].state = .idle
        connections[id.id].idleSince = now
        count(connections[id.id].place, idle: 1)
        idleLinks.append(Int32(id.id.slot), to: &table[origin].idle)
        idleByAgeLinks.append(Int32(id.id.slot), to: &idleByAge)
        armIdle(id, origin, min(idleLimit, table[origin].history.allowed(now)))
        if table[origin].idle.count > limits.maxIdlePerDestination {
            evictOldestIdle(of: origin, .tooManyIdle)
        }
        if idleByAge.count > limits.maxIdle { evictOldestIdle(.tooManyIdle) }
    }

    /// Sets how long the connection may lie idle: as long as the settings and the origin allow, but not much
    /// longer than the recent pace of requests calls for.
    private mutating func armIdle(_ id: UpstreamID, _ origin: OriginID, _ allowed: Interval) {
        var lane = 0
        var length = min(limits.idleTimeout, allowed)
        let most = UpstreamPool.surplusLanes - 1
        if let doublings = table[origin].history.doublings(of: limits.surplusTimeout, most: most) {
            let surplus = limits.surplusTimeout
            let wanted = doublings == 0 ? surplus : surplus.scaled(by: 1 << Int64(doublings), over: 1)
            if wanted < length {
                lane = doublings + 1
                length = wanted
            }
        }
        idleQueue.arm(id.id.slot, lane: lane, at: now + length)
    }

    /// The origin's pace is known now: what its first requests left idle goes by it too.
    mutating func rearmIdle(of origin: OriginID) {
        for slot in idleLinks.members(of: table[origin].idle) {
            guard let id = connections.occupant(of: Int(slot)) else { continue }
            armIdle(UpstreamID(id), origin, idleQueue.deadline(of: UInt32(slot)).since(now))
        }
    }

    mutating func unpark(_ id: UpstreamID) {
        let slot = Int32(id.id.slot)
        idleLinks.remove(slot, from: &table[connections[id.id].origin].idle)
        idleByAgeLinks.remove(slot, from: &idleByAge)
        idleQueue.disarm(id.id.slot)
        count(connections[id.id].place, idle: -1)
    }

    /// Ends a connection that is on no list and counted nowhere any more. The caller settles the origin.
    mutating func discard(_ id: UpstreamID, _ refusal: Refusal) {
        remove(id)
        statistics.refusals[Int(refusal.rawValue)] += 1
        emit(.close(id, refusal))
    }

    /// Forgets a connection, and its port.
    mutating func remove(_ id: UpstreamID) {
        let place = connections[id.id].place
        connections.remove(id.id)
        count(place, connections: -1)
        places.release(place)
    }

    mutating func evictOldestIdle(of origin: OriginID, _ refusal: Refusal = .evicted) {
        evict(slot: table[origin].idle.first, refusal)
    }

    mutating func evictOldestIdle(_ refusal: Refusal) {
        evict(slot: idleByAge.first, refusal)
    }

    mutating func evict(slot: Int32, _ refusal: Refusal) {
        guard slot >= 0, let id = connections.occupant(of: Int(slot)) else { return }
        let origin = connections[id].origin
        unpark(UpstreamID(id))
        discard(UpstreamID(id), refusal)
        settle(origin)
    }

    /// Makes room for a dial to the origin under `max_per_destination` and `max_connections`, as far
    /// as idle ones can. One is enough, unless a reload has lowered a bound.
    private mutating func makeRoom(at origin: OriginID) {
        while table[origin].connections >= limits.maxPerDestination && !table[origin].idle.isEmpty {
            evictOldestIdle(of: origin)
        }
        let place = table[origin].place
        while portsInUse(at: place) >= limits.ports && places[place].idle > 0 {
            evictIdle(at: place, .portPressure)
        }
        while connections.count >= limits.maxConnections && idleByAge.first >= 0 { evictOldestIdle(.evicted) }
    }

    mutating func enqueue(_ waiter: SlotID, _ origin: OriginID, _ need: ReuseNeed) {
        while waiters.count <= waiter.index {
            waiters.append(Waiter(id: .none, origin: origin, need: need, since: now))
        }
        waiters[waiter.index] = Waiter(id: waiter, origin: origin, need: need, since: now)
        waiterLinks.append(Int32(waiter.slot), to: &table[origin].waiters)
        waiting += 1
        statistics.waits += 1
    }

    mutating func dequeue(_ slot: UInt32) {
        let origin = waiters[Int(slot)].origin
        waiterLinks.remove(Int32(slot), from: &table[origin].waiters)
        waiters[Int(slot)].id = .none
        waiting -= 1
    }

    /// Brings what depends on an origin's counts up to date: whether it wants a dial, and whether
    /// anything still refers to it.
    mutating func settle(_ origin: OriginID) {
        guard table.origins.isAlive(origin.id) else { return }
        let slot = Int32(origin.id.slot)
        updatePatience(origin)
        let wantsDial = wantsDial(origin)
        if wantsDial != hungryLinks.isLinked(slot) {
            if wantsDial {
                hungryLinks.append(slot, to: &hungry)
            } else {
                hungryLinks.remove(slot, from: &hungry)
            }
        }
        if table[origin].isUnused {
            holds.disarm(origin.id.slot)
            places.release(table[origin].place)
            table.remove(origin)
        }
    }

    /// Whether the origin would start a dial if there were room under `max_connections`. Its idle ones
    /// are not in the way: who waits beside them has refused them, and they go for the dial.
    func wantsDial(_ origin: OriginID) -> Bool {
        Int(table[origin].waiters.count) > table[origin].dialling
            && table[origin].dialling < limits.maxDialsPerDestination
            && table[origin].dialling + table[origin].leased < limits.maxPerDestination
            && !isFull(table[origin].place)
            && table[origin].blockedUntil == .zero && !table[origin].isPatient
    }

    /// Whether the waiter that would get the next dial shall rather wait for a connection in use.
    private mutating func updatePatience(_ origin: OriginID) {
        if table[origin].blockedUntil != .zero { return }
        let end = patienceEnd(of: origin)
        table[origin].isPatient = end > now
        if end > now {
            holds.arm(origin.id.slot, lane: HoldLane.patience.rawValue, at: end)
        } else {
            holds.disarm(origin.id.slot)
        }
    }

    private func patienceEnd(of origin: OriginID) -> MonotonicTime {
        // Without a connection in use there is nothing to wait for, and a tunnel never comes back.
        if limits.dialPatience == .zero || table[origin].leased == 0 || table[origin].kind == .tunnel {
            return .zero
        }
        var slot = table[origin].waiters.first
        var ahead = table[origin].dialling
        while slot >= 0 && ahead > 0 {
            slot = waiterLinks.next(after: slot)
            ahead -= 1
        }
        // Whoever asked for a fresh one cannot be given the one that comes free.
        if slot < 0 || waiters[Int(slot)].need == .fresh { return .zero }
        return waiters[Int(slot)].since + limits.dialPatience
    }

    /// Starts dials while an origin wants one and there is room, or room can be made by evicting
    /// what has been idle longest. Origins take turns.
    mutating func pump() {
        settleCrossed()
        while hungry.first >= 0 {
            guard let slot = table.origins.occupant(of: Int(hungry.first)) else {
                preconditionFailure("a forgotten origin is hungry")
            }
            let origin = OriginID(slot)
            makeRoom(at: origin)
            if connections.count >= limits.maxConnections { return }
            hungryLinks.remove(Int32(slot.slot), from: &hungry)
            startDial(origin)
            settle(origin)
            settleCrossed()
        }
    }

    private mutating func startDial(_ origin: OriginID) {
        // Jitter, so that connections made together do not end together.
        let age = limits.maxAge.scaled(by: Int64(900 + random.below(201)), over: 1000)
        let place = places.refer(to: places[table[origin].place].hash)
        let connection = Connection(origin: origin, place: place, state: .dialling, expiresAt: now + age)
        let id = UpstreamID(connections.insert(connection))
        count(place, connections: 1)
        table[origin].dialling += 1
        statistics.dialsStarted += 1
        statistics.peakConnections = max(statistics.peakConnections, connections.count)
        emit(.dial(id, origin))
    }
}
