public import Basics

// Connections whose peer does not read: an answer in our buffers, in flight, or in the app's own receive queue.
extension DestinationPolicy {
    /// The connection's peer does not read.
    public mutating func stall(_ id: SlotID, now: MonotonicTime) {
        guard isMember(id), !stalledLinks.isLinked(Int32(id.slot)) else { return }
        let slot = members[id.index].destination.id
        stalledLinks.append(Int32(id.slot), to: &destinations[slot].stalled)
        members[id.index].stalledSince = now
        stalledByOwner[destinations[slot].key.owner, default: 0] += 1
        stalled += 1
    }

    /// It reads again, and so takes back what its pause may have told of its owner. A tunnel is judged by who
    /// speaks; full buffers for a moment are no pause.
    public mutating func resumed(_ id: SlotID, now: MonotonicTime) {
        guard isStalled(id) else { return }
        let pause = now.since(members[id.index].stalledSince)
        endStall(id)
        if !members[id.index].isTunnel && pause >= ClientPolicy.idleEvidence { enter(id, .reused, now) }
    }

    /// It is cut, because its owner leaves too much unread or is known to: evidence of a leak.
    public mutating func cutForStall(_ id: SlotID, now: MonotonicTime) {
        guard isMember(id) else { return }
        let slot = members[id.index].destination.id
        destinations[slot].reaped += 1
        // What was said of it long ago, when it seemed to lie quiet, is not what is known now.
        if !destinations[slot].ledger.holds(members[id.index].entry) { members[id.index].entry = 0 }
        enter(id, .cut, now)
    }

    /// The stalled connections of a destination, longest stalled first; at most `limit`.
    public func stalled(of destination: DestinationID, limit: Int) -> [SlotID] {
        guard destinations.isAlive(destination.id) else { return [] }
        var found: [SlotID] = []
        var member = destinations[destination.id].stalled.first
        while member >= 0 && found.count < limit {
            found.append(members[Int(member)].id)
            member = stalledLinks.next(after: member)
        }
        return found
    }

    /// It reads again, or is gone.
    public mutating func endStall(_ id: SlotID) {
        guard isMember(id), stalledLinks.isLinked(Int32(id.slot)) else { return }
        let slot = members[id.index].destination.id
        let owner = destinations[slot].key.owner
        stalledLinks.remove(Int32(id.slot), from: &destinations[slot].stalled)
        members[id.index].stalledSince = .never
        stalledByOwner[owner, default: 0] -= 1
        if stalledByOwner[owner] == 0 { stalledByOwner[owner] = nil }
        stalled -= 1
    }

    /// Since when the connection's peer does not read; `never` where it does.
    public func stalledSince(_ id: SlotID) -> MonotonicTime {
        isMember(id) ? members[id.index].stalledSince : .never
    }

    /// Whether the connection counts as stalled.
    public func isStalled(_ id: SlotID) -> Bool { isMember(id) && stalledLinks.isLinked(Int32(id.slot)) }

    /// Who has to go if an owner has more than `budget` stalled connections: the longest stalled towards the
    /// destination where it has most. A reader that pauses elsewhere is not touched.
    public func stalledSurplus(of owner: SlotID, budget: Int) -> SlotID? {
        guard stalledByOwner[owner] ?? 0 > budget else { return nil }
        return longestStalled { $0 == owner }
    }

    /// The longest stalled connection of the owner and destination that have most, if any is stalled.
    public func longestStalledOfHeaviest() -> SlotID? { longestStalled { _ in true } }

    private func longestStalled(_ isMeant: (SlotID) -> Bool) -> SlotID? {
        stalled == 0 ? nil : longestOfHeaviest({ $0.stalled }, where: { owner, _ in isMeant(owner) })
    }

    /// The first member of the longest of all destinations' lists, which of equally long ones does not matter.
    ///
    /// - Parameter isMeant: Whether an owner's list with this first member counts.
    func longestOfHeaviest(
        _ list: (Destination) -> ListEnds,
        where isMeant: (_ owner: SlotID, _ first: SlotID) -> Bool
    ) -> SlotID? {
        var most: Int32 = 0
        var longest: SlotID?
        for slot in 0..<destinations.capacity {
            guard let id = destinations.occupant(of: slot) else { continue }
            let ends = list(destinations[id])
            guard ends.count > most else { continue }
            let first = members[Int(ends.first)].id
            guard isMeant(destinations[id].key.owner, first) else { continue }
            most = ends.count
            longest = first
        }
        return longest
    }
}
