import Basics

/// What is taken of the ports towards each address and port. All that dials there shares one range of them,
/// under whatever names and for whatever use, so they are counted by where connections really lead.
struct Places {
    struct Use {
        /// Names the place; see `TimeWaits`.
        var hash: UInt64
        /// Connections that lead there, or are being dialled.
        var connections = 0
        /// Those of them that are idle.
        var idle = 0
        /// Origins and connections that refer to it.
        var references = 0
    }

    private var uses = SlotMap<Use>()
    private var byHash: [UInt64: SlotID] = [:]

    subscript(_ id: SlotID) -> Use {
        _read { yield uses[id] }
        _modify { yield &uses[id] }
    }

    /// How many places are referred to.
    var count: Int { uses.count }

    /// The place of that name, with one reference more.
    mutating func refer(to hash: UInt64) -> SlotID {
        let id = byHash[hash] ?? uses.insert(Use(hash: hash))
        byHash[hash] = id
        uses[id].references += 1
        return id
    }

    /// One reference less; without any it is forgotten.
    mutating func release(_ id: SlotID) {
        uses[id].references -= 1
        if uses[id].references > 0 { return }
        byHash[uses[id].hash] = nil
        uses.remove(id)
    }

    /// Whether the slot's present occupant is that place.
    func isAlive(_ id: SlotID) -> Bool { uses.isAlive(id) }
}

extension UpstreamPool {
    /// Ports that are taken towards a place, TIME_WAIT that we left included.
    func portsInUse(at place: SlotID) -> Int {
        places[place].connections + timeWaits.count(places[place].hash)
    }

    /// Whether nobody may dial there: idle connections are not in the way, they go for the dial.
    func isFull(_ place: SlotID) -> Bool { portsInUse(at: place) - places[place].idle >= limits.ports }

    /// Changes the counts of a place. Whether it is full concerns others, too, so they are remembered to be
    /// settled (`settleCrossed`).
    mutating func count(_ place: SlotID, connections: Int = 0, idle: Int = 0) {
        // Far from the limit, as nearly always, nothing has to be looked up.
        let isNear = places[place].connections + 1 + timeWaits.total >= limits.ports
        let wasFull = isNear && isFull(place)
        places[place].connections += connections
        places[place].idle += idle
        if isNear && wasFull != isFull(place) { crossed.append(place) }
    }

    /// Brings the origins of places up to date that have filled up, or have room again.
    mutating func settleCrossed() {
        while let place = crossed.popLast() {
            for slot in 0..<table.origins.capacity where places.isAlive(place) {
                guard let id = table.origins.occupant(of: slot), table[OriginID(id)].place == place else {
                    continue
                }
                settle(OriginID(id))
            }
        }
    }

    /// The connection's dial ended at an address: that is where it takes a port, and where its origin's next
    /// dial will lead, as far as is known.
    mutating func move(_ id: UpstreamID, to hash: UInt64) {
        let former = connections[id.id].place
        if places[former].hash == hash { return }
        let place = places.refer(to: hash)
        count(former, connections: -1)
        count(place, connections: 1)
        connections[id.id].place = place
        places.release(former)
        let origin = connections[id.id].origin
        let left = table[origin].place
        table[origin].place = places.refer(to: hash)
        places.release(left)
    }

    /// Closes the connection that has been idle longest of those that hold a port at the place. Looks through all
    /// that are idle, but only where ports are short.
    mutating func evictIdle(at place: SlotID, _ refusal: Refusal) {
        if places[place].idle == 0 { return }
        var slot = idleByAge.first
        while slot >= 0 {
            if let id = connections.occupant(of: Int(slot)), connections[id].place == place {
                return evict(slot: slot, refusal)
            }
            slot = idleByAgeLinks.next(after: slot)
        }
    }
}
