public import Basics

// What the shell, the admin pages and the tests read.
extension UpstreamPool {
    /// A destination as one number that clients cannot foresee; case of the host does not matter.
    public func destinationHash(_ kind: OriginKind, host: Span<UInt8>, port: UInt16) -> UInt64 {
        table.hash(kind, host, port, Span())
    }

    /// The address (without brackets) that a dial ended at, with its port, as one number for `connected`.
    public func placeHash(of id: UpstreamID, address: Span<UInt8>) -> UInt64 {
        table.placeHash(address, table[connections[id.id].origin].port)
    }

    /// The same for any address or name, and port.
    public func placeHash(address: Span<UInt8>, port: UInt16) -> UInt64 { table.placeHash(address, port) }

    /// What a connection is for.
    public func kind(of id: UpstreamID) -> OriginKind { table[connections[id.id].origin].kind }

    /// Who waits for a connection to where this one leads, oldest first; at most `limit`.
    public func waiters(for id: UpstreamID, limit: Int) -> [SlotID] {
        var found: [SlotID] = []
        var slot = table[connections[id.id].origin].waiters.first
        while slot >= 0 && found.count < limit {
            found.append(waiters[Int(slot)].id)
            slot = waiterLinks.next(after: slot)
        }
        return found
    }

    /// The same for where a connection leads.
    public func destinationHash(of id: UpstreamID) -> UInt64 { table[connections[id.id].origin].hash }

    /// One origin as `/status` shows it.
    public struct OriginReport: Sendable {
        /// Host without brackets, lower case.
        public var host: String
        /// Port.
        public var port: UInt16
        /// Pooled HTTP or tunnels.
        public var kind: OriginKind
        /// The Host of an intercepted origin, lower case; else empty.
        public var name: String
        public var dialling: Int
        public var idle: Int
        public var leased: Int
        public var waiting: Int
    }

    /// All origins that have a connection or a waiter; bounded by connections + waiters.
    public func originReports() -> [OriginReport] {
        var reports: [OriginReport] = []
        for slot in 0..<table.origins.capacity {
            guard let id = table.origins.occupant(of: slot) else { continue }
            let origin = table.origins[id]
            reports.append(
                OriginReport(
                    host: String(decoding: origin.host, as: UTF8.self),
                    port: origin.port,
                    kind: origin.kind,
                    name: String(decoding: origin.name, as: UTF8.self),
                    dialling: origin.dialling,
                    idle: Int(origin.idle.count),
                    leased: origin.leased,
                    waiting: Int(origin.waiters.count)
                )
            )
        }
        return reports
    }

    /// How many connections, waiters and origins there are.
    public struct Counts: Sendable, Equatable {
        public var dialling = 0
        public var leased = 0
        public var idle = 0
        public var waiting = 0
        public var origins = 0

        /// None.
        public init() {}
    }

    /// Counts the connections by state; walks the origins.
    public func counts() -> Counts {
        var counts = Counts()
        counts.idle = idleCount
        counts.waiting = waiting
        counts.origins = originCount
        for slot in 0..<table.origins.capacity {
            guard let id = table.origins.occupant(of: slot) else { continue }
            counts.dialling += table.origins[id].dialling
            counts.leased += table.origins[id].leased
        }
        return counts
    }

    /// Ports that are taken towards the origin with most of them.
    public func mostPortsInUse() -> Int {
        var most = 0
        for slot in 0..<table.origins.capacity {
            if let id = table.origins.occupant(of: slot) {
                most = max(most, portsInUse(at: table[OriginID(id)].place))
            }
        }
        return most
    }

    /// TIME_WAIT that we left, over all origins; an estimate.
    public var timeWaitCount: Int { timeWaits.total }

    /// All connections: dialling + idle + leased.
    public var connectionCount: Int { connections.count }
    /// Connections that wait in the pool for a request.
    public var idleCount: Int { Int(idleByAge.count) }
    /// Origins that have a connection or a waiter.
    public var originCount: Int { table.count }

    /// Whether the id names a connection that is still in the pool.
    @inlinable
    public func isAlive(_ id: UpstreamID) -> Bool { connections.isAlive(id.id) }

    /// Whether the connection waits for a request.
    public func isIdle(_ id: UpstreamID) -> Bool { connections[id.id].state == .idle }

    /// Whether the connection is still being dialled.
    public func isDialling(_ id: UpstreamID) -> Bool { connections[id.id].state == .dialling }

    /// Exchanges that the connection has carried, the present one included.
    public func uses(of id: UpstreamID) -> Int { Int(connections[id.id].uses) }

    /// What a connection's dial leads to.
    public func destination(of id: UpstreamID) -> (host: String, port: UInt16, kind: OriginKind) {
        let origin = table[connections[id.id].origin]
        return (String(decoding: origin.host, as: UTF8.self), origin.port, origin.kind)
    }

    /// The Host by which an intercepted connection's clients call where it leads; empty for all others.
    public func name(of id: UpstreamID) -> String {
        String(decoding: table[connections[id.id].origin].name, as: UTF8.self)
    }

    /// The origin of a connection.
    public func origin(of id: UpstreamID) -> OriginID { connections[id.id].origin }

    /// Puts new bounds in force. Idle surplus goes at once; dialled and leased connections beyond a
    /// lowered bound end with their exchange, no new ones start until the counts are below it.
    public mutating func setLimits(_ newLimits: PoolLimits, now: MonotonicTime) {
        self.now = now
        limits = newLimits
        idleQueue.clamp(lane: 0, to: now + newLimits.idleTimeout)
        // Those that became idle under an unlimited timeout have no deadline yet.
        for slot in idleByAgeLinks.members(of: idleByAge) where idleQueue.lane(of: UInt32(slot)) == nil {
            idleQueue.arm(UInt32(slot), lane: 0, at: now + newLimits.idleTimeout)
        }
        while idleByAge.count > limits.maxIdle { evictOldestIdle(.tooManyIdle) }
        while connections.count > limits.maxConnections && idleByAge.first >= 0 { evictOldestIdle(.evicted) }
        for slot in 0..<table.origins.capacity {
            guard let id = table.origins.occupant(of: slot) else { continue }
            while table.origins.isAlive(id), table[OriginID(id)].idle.count > limits.maxIdlePerDestination {
                evictOldestIdle(of: OriginID(id), .tooManyIdle)
            }
            while table.origins.isAlive(id), table[OriginID(id)].connections > limits.maxPerDestination,
                !table[OriginID(id)].idle.isEmpty
            {
                evictOldestIdle(of: OriginID(id))
            }
            settle(OriginID(id))
        }
        pump()
    }

    /// The connection leads where nothing may go any more: it is closed if it is idle, and not reused if it is
    /// leased. One that is dialled has not led anywhere yet.
    public mutating func prohibit(_ id: UpstreamID, now: MonotonicTime) {
        guard connections.isAlive(id.id) else { return }
        self.now = now
        switch connections[id.id].state {
        case .idle:
            evict(slot: Int32(id.id.slot), .prohibited)
            pump()
        case .leased: connections[id.id].expiresAt = now
        case .dialling: break
        }
    }

    /// From now on nothing is kept: idle connections go at once, leased ones with their exchange.
    public mutating func drain(now: MonotonicTime) {
        self.now = now
        isDraining = true
        closeIdle(limit: .max, .draining)
    }

    /// Closes up to `limit` idle connections, longest idle first (lack of descriptors, or an order).
    public mutating func closeIdle(limit: Int, _ refusal: Refusal) {
        var closed = 0
        while closed < limit, idleByAge.first >= 0 {
            evictOldestIdle(refusal)
            closed += 1
        }
        // An origin that was patient beside its idle ones may find that its time is up.
        pump()
    }

    /// Closes the idle connections to one host and port, by order of an operator; whoever waits there may dial.
    ///
    /// - Parameter host: Without brackets; case does not matter.
    /// - Returns: How many there were; nil where the pool has nothing there, not even a waiter.
    public mutating func closeIdle(host: Span<UInt8>, port: UInt16, now: MonotonicTime) -> Int? {
        self.now = now
        var closed: Int?
        for slot in 0..<table.origins.capacity {
            guard let id = table.origins.occupant(of: slot), table.origins[id].port == port,
                OriginTable.isSame(host, table.origins[id].host)
            else { continue }
            // An origin is forgotten with its last connection.
            let idle = Int(table.origins[id].idle.count)
            for _ in 0..<idle { evictOldestIdle(of: OriginID(id), .ordered) }
            closed = (closed ?? 0) + idle
        }
        pump()
        return closed
    }

    /// Walks everything and traps where an invariant is broken. For tests and the simulator.
    public func checkInvariants() {
        var dialling: [SlotID: Int] = [:]
        var leased: [SlotID: Int] = [:]
        var idle: [SlotID: Int] = [:]
        for slot in 0..<connections.capacity {
            guard let id = connections.occupant(of: slot) else { continue }
            let connection = connections[id]
            precondition(table.origins.isAlive(connection.origin.id), "connection of a forgotten origin")
            switch connection.state {
            case .dialling: dialling[connection.origin.id, default: 0] += 1
            case .leased: leased[connection.origin.id, default: 0] += 1
            case .idle: idle[connection.origin.id, default: 0] += 1
            }
            precondition((connection.state == .idle) == idleLinks.isLinked(Int32(slot)), "idle but unlisted")
            let hasDeadline = idleQueue.lane(of: UInt32(slot)) != nil
            let needsDeadline = connection.state == .idle && !limits.idleTimeout.isUnlimited
            precondition(hasDeadline || !needsDeadline, "idle without a deadline")
            precondition(!hasDeadline || connection.state == .idle, "a deadline without being idle")
        }
        precondition(idle.values.reduce(0, +) == Int(idleByAge.count), "idle count")
        var waiters = 0
        for slot in 0..<table.origins.capacity {
            guard let id = table.origins.occupant(of: slot) else { continue }
            let origin = table.origins[id]
            precondition(origin.dialling == dialling[id, default: 0], "dialling count")
            precondition(origin.leased == leased[id, default: 0], "leased count")
            precondition(Int(origin.idle.count) == idle[id, default: 0], "idle count of an origin")
            precondition(!origin.isUnused, "an origin without connection or waiter")
            waiters += Int(origin.waiters.count)
            let isHungry = hungryLinks.isLinked(Int32(slot))
            precondition(isHungry == wantsDial(OriginID(id)), "hungry list out of date")
            precondition(
                !isHungry || (connections.count >= limits.maxConnections && idleByAge.isEmpty),
                "somebody waits although a dial could start"
            )
        }
        precondition(waiters == waiting, "waiter count")
        checkPlaces()
    }

    private func checkPlaces() {
        var held: [SlotID: Int] = [:]
        var idle: [SlotID: Int] = [:]
        var references: [SlotID: Int] = [:]
        for slot in 0..<connections.capacity {
            guard let id = connections.occupant(of: slot) else { continue }
            held[connections[id].place, default: 0] += 1
            references[connections[id].place, default: 0] += 1
            if connections[id].state == .idle { idle[connections[id].place, default: 0] += 1 }
        }
        for slot in 0..<table.origins.capacity {
            if let id = table.origins.occupant(of: slot) {
                references[table.origins[id].place, default: 0] += 1
            }
        }
        for (place, count) in references {
            precondition(places[place].references == count, "references to a place")
            precondition(places[place].connections == held[place, default: 0], "connections of a place")
            precondition(places[place].idle == idle[place, default: 0], "idle connections of a place")
        }
        precondition(places.count == references.count && crossed.isEmpty, "places")
    }

    /// Traps where a bound is exceeded; separate from `checkInvariants`, because a reload may lower a
    /// bound below what is in use.
    public func checkBounds() {
        precondition(connections.count <= limits.maxConnections, "max_connections exceeded")
        precondition(idleCount <= limits.maxIdle, "max_idle exceeded")
        precondition(waiting <= limits.maxQueue, "max_queue exceeded")
        for slot in 0..<table.origins.capacity {
            guard let id = table.origins.occupant(of: slot) else { continue }
            let origin = table.origins[id]
            precondition(origin.connections <= limits.maxPerDestination, "max_per_destination exceeded")
            precondition(Int(origin.idle.count) <= limits.maxIdlePerDestination, "max_idle_per_destination")
            precondition(origin.dialling <= limits.maxDialsPerDestination, "max_dials_per_destination")
        }
    }
}
