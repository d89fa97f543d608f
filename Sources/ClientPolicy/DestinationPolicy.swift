public import Basics

/// Names what one owner has to one destination.
public struct DestinationID: Hashable, Sendable, BitwiseCopyable {
    let id: SlotID

    /// Nobody's.
    public static let none = DestinationID(id: .none)
}

/// What is judged for each owner and destination: tunnels, which no pool can help, and answers that are not
/// read. Quiet stands for parked; everything else is as for an owner's connections.
///
/// Invariants: a connection is on at most one of its destination's lists; a destination is present while a
/// connection belongs to it, and absent, but remembered, for a while after.
public struct DestinationPolicy {
    struct Key: Hashable {
        var owner: SlotID
        var destination: UInt64
    }

    struct Destination {
        var key: Key
        /// `host:port`, for people; empty where only exchanges were stalled.
        var name: [UInt8] = []
        var members = 0
        var tunnels = 0
        var opened = 0
        var reaped = 0
        var ledger = Ledger()
        /// How many clients its owner consists of, as far as is known.
        var clients = 1
        var inquiry = Inquiry()
        /// Quiet tunnels, longest quiet first: those that may be a leak, and those proven live.
        var unproven = ListEnds()
        var proven = ListEnds()
        /// Connections whose peer does not read, longest stalled first.
        var stalled = ListEnds()
    }

    enum Place: UInt8 { case none, unproven, proven }

    struct Member: BitwiseCopyable {
        var id = SlotID.none
        var destination = DestinationID.none
        var quietSince = MonotonicTime.never
        /// Since when its peer does not read; `never` where it does.
        var stalledSince = MonotonicTime.never
        var entry: UInt32 = 0
        var place = Place.none
        var isTunnel = false
        var isBesideQuiet = false
        var isProven = false
        /// Its answer was unread when it seemed to lie quiet; once it is read, it may be found so yet.
        var isExcused = false
        /// It has been quiet once since the handshake, so that the next word proves it live.
        var wasQuiet = false
    }

    /// Destinations that are remembered while nothing belongs to them.
    public var maxAbsent = 1024
    var destinations = SlotMap<Destination>()
    var byKey: [Key: SlotID] = [:]
    var members: [Member] = []
    var quietLinks = LinkTable()
    var stalledLinks = LinkTable()
    var stalledByOwner: [SlotID: Int] = [:]
    var absent = ListEnds()
    var absentLinks = LinkTable()
    /// Verdicts that changed since `clearChanges`.
    public private(set) var changes: [DestinationVerdict] = []
    /// Owners that seem to leak somewhere and are to be inquired into, since `clearSuspects`.
    public internal(set) var suspects: [SlotID] = []
    /// Quiet tunnels and stalled connections now, over all destinations.
    public private(set) var quiet = 0
    public internal(set) var stalled = 0

    /// Nothing yet.
    public init() {}

    // MARK: Belonging

    /// The connection belongs to what its owner has to a destination, until `leave`. Nothing where it does
    /// already.
    ///
    /// - Parameters:
    ///   - destination: A hash of the destination, unpredictable for clients.
    ///   - name: For people; may be empty.
    ///   - clients: How many clients the owner consists of, as far as is known.
    ///   - isTunnel: Whether it counts as a tunnel that was opened.
    public mutating func join(
        _ id: SlotID,
        owner: SlotID,
        destination: UInt64,
        name: Span<UInt8>,
        clients: Int,
        isTunnel: Bool,
        now: MonotonicTime
    ) {
        while members.count <= id.index { members.append(Member()) }
        if members[id.index].id == id { return }
        let key = Key(owner: owner, destination: destination)
        let slot = byKey[key] ?? destinations.insert(Destination(key: key, ledger: Ledger(since: now)))
        byKey[key] = slot
        if absentLinks.isLinked(Int32(slot.slot)) { absentLinks.remove(Int32(slot.slot), from: &absent) }
        if destinations[slot].members == 0 { destinations[slot].clients = clients }
        destinations[slot].members += 1
        if destinations[slot].name.isEmpty && !name.isEmpty {
            for index in name.indices { destinations[slot].name.append(name[index]) }
        }
        members[id.index] = Member(id: id, destination: DestinationID(id: slot))
        members[id.index].isTunnel = isTunnel
        if !isTunnel { return }
        destinations[slot].tunnels += 1
        destinations[slot].opened += 1
        let clients = destinations[slot].clients
        if hasQuiet(slot, clients, now) {
            members[id.index].isBesideQuiet = true
            if hasQuiet(slot, clients - 1 + ClientPolicy.manyIdle, now) {
                members[id.index].entry = destinations[slot].ledger.note(.ignoredReuse)
                destinations[slot].ledger.reconsider(.ignoredReuse)
                judge(slot, now)
            }
        }
    }

    /// The connection is gone, or what it stood for is over.
    public mutating func leave(_ id: SlotID) {
        guard isMember(id) else { return }
        leaveQuiet(id)
        endStall(id)
        let slot = members[id.index].destination.id
        if members[id.index].isTunnel { destinations[slot].tunnels -= 1 }
        members[id.index] = Member()
        destinations[slot].members -= 1
        if destinations[slot].members > 0 { return }
        absentLinks.append(Int32(slot.slot), to: &absent)
        while absent.count > maxAbsent, let oldest = destinations.occupant(of: Int(absent.first)) {
            absentLinks.remove(Int32(oldest.slot), from: &absent)
            byKey[destinations[oldest].key] = nil
            destinations.remove(oldest)
        }
    }

    func isMember(_ id: SlotID) -> Bool { id.index < members.count && members[id.index].id == id }

    // MARK: Quiet tunnels

    /// Whether the `count`th longest quiet unproven tunnel has been quiet as long as counts.
    private func hasQuiet(_ slot: SlotID, _ count: Int, _ now: MonotonicTime) -> Bool {
        if destinations[slot].unproven.count < count { return false }
        var member = destinations[slot].unproven.first
        for _ in 1..<count { member = quietLinks.next(after: member) }
        return now.since(members[Int(member)].quietSince) >= ClientPolicy.leastIdle
    }

    /// The tunnel falls quiet: the last bytes were the upstream's.
    public mutating func becomeQuiet(_ id: SlotID, now: MonotonicTime) {
        leaveQuiet(id)
        let slot = members[id.index].destination.id
        members[id.index].quietSince = now
        members[id.index].wasQuiet = true
        if members[id.index].isProven {
            quietLinks.append(Int32(id.slot), to: &destinations[slot].proven)
            members[id.index].place = .proven
        } else {
            quietLinks.append(Int32(id.slot), to: &destinations[slot].unproven)
            members[id.index].place = .unproven
        }
        quiet += 1
    }

    /// The tunnel is quiet no more: an answer is awaited, or it ends.
    public mutating func leaveQuiet(_ id: SlotID) {
        guard isMember(id), members[id.index].place != .none else { return }
        let slot = members[id.index].destination.id
        if members[id.index].place == .proven {
            quietLinks.remove(Int32(id.slot), from: &destinations[slot].proven)
        } else {
            quietLinks.remove(Int32(id.slot), from: &destinations[slot].unproven)
        }
        members[id.index].place = .none
        members[id.index].quietSince = .never
        quiet -= 1
    }

    /// The tunnel showed that it is in use beyond one exchange.
    public mutating func prove(_ id: SlotID, now: MonotonicTime) {
        guard isMember(id), !members[id.index].isProven else { return }
        let since = members[id.index].quietSince
        let wasQuiet = members[id.index].place == .unproven
        leaveQuiet(id)
        members[id.index].isProven = true
        if wasQuiet { becomeQuiet(id, now: since) }
        enter(id, .reused, now)
    }

    /// What seemed to prove the tunnel live did not.
    public mutating func disprove(_ id: SlotID, now: MonotonicTime) {
        guard isMember(id), members[id.index].isProven else { return }
        let since = members[id.index].quietSince
        let wasQuiet = members[id.index].place == .proven
        leaveQuiet(id)
        members[id.index].isProven = false
        // Others may have fallen quiet since, so the list is out of order by as long as that took.
        if wasQuiet { becomeQuiet(id, now: since) }
        let slot = members[id.index].destination.id
        destinations[slot].ledger.takeProofBack()
        enter(id, members[id.index].isBesideQuiet ? .abandoned : .idle, now)
    }

    /// The tunnel has been quiet for `ClientPolicy.idleEvidence`.
    public mutating func lieQuiet(_ id: SlotID, now: MonotonicTime) {
        guard isMember(id), members[id.index].place == .unproven else { return }
        guard members[id.index].entry == 0 || members[id.index].isExcused else { return }
        members[id.index].isExcused = false
        enter(id, members[id.index].isBesideQuiet ? .abandoned : .idle, now)
    }

    /// The client ended the tunnel by itself.
    public mutating func closedByClient(_ id: SlotID, now: MonotonicTime) {
        guard isMember(id), members[id.index].isTunnel, !members[id.index].isProven else { return }
        enter(id, .churned, now)
    }

    mutating func enter(_ id: SlotID, _ conduct: Conduct, _ now: MonotonicTime) {
        let slot = members[id.index].destination.id
        if members[id.index].entry == 0 {
            members[id.index].entry = destinations[slot].ledger.note(conduct)
        } else {
            destinations[slot].ledger.change(members[id.index].entry, to: conduct)
        }
        // Tunnels cannot be announced to end, so nothing hides their evidence: they are their own probes.
        destinations[slot].ledger.reconsider(conduct)
        judge(slot, now)
    }

    private mutating func judge(_ slot: SlotID, _ now: MonotonicTime) {
        if destinations[slot].ledger.isSuspect {
            if destinations[slot].inquiry.isDue(now) { suspects.append(destinations[slot].key.owner) }
        } else {
            conclude(slot, now)
        }
    }

    mutating func conclude(_ slot: SlotID, _ now: MonotonicTime) {
        let evidence = destinations[slot].ledger.evidenceCount
        let idle = Int(destinations[slot].unproven.count)
        guard let former = destinations[slot].ledger.judge(now: now) else { return }
        changes.append(
            DestinationVerdict(
                destination: DestinationID(id: slot),
                owner: destinations[slot].key.owner,
                former: former,
                verdict: destinations[slot].ledger.verdict,
                evidence: evidence,
                opened: destinations[slot].opened,
                held: destinations[slot].tunnels,
                quiet: idle
            )
        )
    }

    /// The unproven tunnel that has been quiet longest, if more than `budget` are and it has been quiet for
    /// `minimum`.
    public func surplus(with id: SlotID, budget: Int, minimum: Interval, now: MonotonicTime) -> SlotID? {
        guard isMember(id) else { return nil }
        let list = destinations[members[id.index].destination.id].unproven
        guard list.count > budget, list.first >= 0 else { return nil }
        let longest = members[Int(list.first)]
        return now.since(longest.quietSince) >= minimum ? longest.id : nil
    }

    /// The unproven quiet tunnels of the destination, longest quiet first; at most `limit`.
    public func unproven(of destination: DestinationID, limit: Int) -> [SlotID] {
        guard destinations.isAlive(destination.id) else { return [] }
        var found: [SlotID] = []
        var member = destinations[destination.id].unproven.first
        while member >= 0 && found.count < limit {
            found.append(members[Int(member)].id)
            member = quietLinks.next(after: member)
        }
        return found
    }

    /// The unproven tunnel that has been quiet longest, of the owner and destination that have most of them.
    ///
    /// - Parameter isMeant: Whether an owner's tunnel counts; asked of the longest quiet one for all.
    public func longestUnprovenOfHeaviest(where isMeant: (_ owner: SlotID, _ id: SlotID) -> Bool) -> SlotID? {
        quiet == 0 ? nil : longestOfHeaviest({ $0.unproven }, where: isMeant)
    }

    /// All that an owner has anything to, in no order.
    func slots(of owner: SlotID) -> [SlotID] {
        (0..<destinations.capacity).compactMap { slot in
            destinations.occupant(of: slot).flatMap { destinations[$0].key.owner == owner ? $0 : nil }
        }
    }

    /// The unproven quiet tunnels of an owner to all destinations; at most `limit`.
    public func unproven(ofOwner owner: SlotID, limit: Int) -> [SlotID] {
        var found: [SlotID] = []
        for id in slots(of: owner) where found.count < limit {
            found += unproven(of: DestinationID(id: id), limit: limit - found.count)
        }
        return found
    }

    /// Whether the tunnel is quiet and not proven live.
    public func isSuspect(_ id: SlotID) -> Bool { isMember(id) && members[id.index].place == .unproven }

    /// Whether the tunnel is proven live.
    public func isProven(_ id: SlotID) -> Bool { isMember(id) && members[id.index].isProven }

    /// Whether the tunnel has been quiet before.
    public func wasQuiet(_ id: SlotID) -> Bool { isMember(id) && members[id.index].wasQuiet }

    /// Since when it has been quiet; `never` where it is not.
    public func quietSince(_ id: SlotID) -> MonotonicTime {
        isMember(id) ? members[id.index].quietSince : .never
    }

    /// The verdict on what the connection belongs to.
    public func verdict(on id: SlotID) -> Verdict {
        isMember(id) ? destinations[members[id.index].destination.id].ledger.verdict : .healthy
    }

    /// Counts a connection that weir ended because of a leak.
    public mutating func countReaped(_ id: SlotID) {
        if isMember(id) { destinations[members[id.index].destination.id].reaped += 1 }
    }

    /// Forgets verdict changes that the caller has read.
    public mutating func clearChanges() { changes.removeAll(keepingCapacity: true) }
}
