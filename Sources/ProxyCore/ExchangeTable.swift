import Basics

/// The exchanges and tunnels in flight, by client connection. Taken when one begins and given back when the
/// connection is parked or ends: tens of thousands may lie idle, and an exchange is most of what one takes.
struct ExchangeTable {
    /// Where a client's exchange lies, by slot; 0: it has none.
    private var places: [Int32] = []
    /// The first is what is read of a client that has none.
    private var exchanges = [Exchange()]
    private var free: [Int32] = []

    /// How many are in use; for invariants.
    var inUse: Int { exchanges.count - 1 - free.count }

    /// Whether the client has one.
    func isHeld(_ id: SlotID) -> Bool { id.index < places.count && places[id.index] != 0 }

    /// Gives the client a new one.
    mutating func begin(_ id: SlotID) {
        while places.count <= id.index { places.append(0) }
        precondition(places[id.index] == 0, "two exchanges at once")
        if let place = free.popLast() {
            exchanges[Int(place)] = Exchange()
            places[id.index] = place
        } else {
            exchanges.append(Exchange())
            places[id.index] = Int32(exchanges.count - 1)
        }
    }

    /// Takes it back, if there is one.
    mutating func end(_ id: SlotID) {
        guard isHeld(id) else { return }
        free.append(places[id.index])
        places[id.index] = 0
    }

    subscript(_ id: SlotID) -> Exchange {
        _read { yield exchanges[id.index < places.count ? Int(places[id.index]) : 0] }
        _modify {
            let place = Int(places[id.index])
            precondition(place != 0, "no exchange")
            yield &exchanges[place]
        }
    }
}
