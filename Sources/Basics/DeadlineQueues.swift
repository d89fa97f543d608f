/// One deadline per slot, in lanes. Deadlines of one lane have (almost always) equal length, so a
/// lane is a first-in-first-out list: arming, disarming and finding the next one are O(1).
///
/// A deadline that is shorter than its lane's newest (after a reload, or a per-origin limit) is put
/// in order by walking back from the newest end, a few steps at most: one that belongs further back lies in a heap
/// beside the lanes, so that nobody's deadline costs more because others have many.
public struct DeadlineQueues {
    private struct Entry: BitwiseCopyable {
        var deadline: MonotonicTime
        var lane: Int32
    }

    /// Steps back after which the heap is cheaper.
    private static let mostSteps = 8
    private var lanes: [ListEnds]
    /// Bit `n` is set where lane `n`'s list has a member: the next deadline is asked for after every event, and most
    /// lanes are empty.
    private var occupied: UInt64 = 0
    private var links = LinkTable()
    private var entries: [Entry] = []
    private var strays = DeadlineHeap()

    /// Queues with the given number of lanes, 64 at most.
    public init(lanes: Int) {
        precondition(lanes <= 64, "more lanes than bits")
        self.lanes = Array(repeating: ListEnds(), count: lanes)
    }

    /// Sets the slot's only deadline, replacing what it had. `never` disarms.
    public mutating func arm(_ slot: UInt32, lane: Int, at deadline: MonotonicTime) {
        disarm(slot)
        if deadline == .never { return }
        while entries.count <= Int(slot) { entries.append(Entry(deadline: .never, lane: -1)) }
        entries[Int(slot)] = Entry(deadline: deadline, lane: Int32(lane))
        var anchor = lanes[lane].last
        var steps = 0
        while anchor >= 0 && entries[Int(anchor)].deadline > deadline {
            steps += 1
            if steps > DeadlineQueues.mostSteps { return strays.insert(slot, at: deadline) }
            anchor = links.previous(before: anchor)
        }
        links.insert(Int32(slot), after: anchor, in: &lanes[lane])
        occupied |= 1 << UInt64(lane)
    }

    /// Drops the slot's deadline, if it has one.
    public mutating func disarm(_ slot: UInt32) {
        guard Int(slot) < entries.count, entries[Int(slot)].lane >= 0 else { return }
        let lane = Int(entries[Int(slot)].lane)
        entries[Int(slot)].lane = -1
        if strays.count > 0 && strays.contains(slot) { return strays.remove(slot) }
        links.remove(Int32(slot), from: &lanes[lane])
        if lanes[lane].isEmpty { occupied &= ~(1 << UInt64(lane)) }
    }

    /// The lane in which the slot is armed, if it is.
    public func lane(of slot: UInt32) -> Int? {
        guard Int(slot) < entries.count, entries[Int(slot)].lane >= 0 else { return nil }
        return Int(entries[Int(slot)].lane)
    }

    /// The slot's deadline, or `never` where it has none.
    public func deadline(of slot: UInt32) -> MonotonicTime {
        lane(of: slot) == nil ? .never : entries[Int(slot)].deadline
    }

    /// The earliest deadline of all lanes, or `never`.
    public var next: MonotonicTime {
        var earliest = strays.first?.deadline ?? .never
        var rest = occupied
        while rest != 0 {
            let lane = rest.trailingZeroBitCount
            rest &= rest &- 1
            earliest = min(earliest, entries[Int(lanes[lane].first)].deadline)
        }
        return earliest
    }

    /// Takes out one slot whose deadline has come: those that lie apart before the lanes, the first lane first.
    public mutating func popExpired(at now: MonotonicTime) -> (slot: UInt32, lane: Int)? {
        if let stray = strays.first, stray.deadline <= now { return pop(stray.slot) }
        var rest = occupied
        while rest != 0 {
            let lane = rest.trailingZeroBitCount
            rest &= rest &- 1
            let first = lanes[lane].first
            if entries[Int(first)].deadline <= now { return pop(UInt32(first)) }
        }
        return nil
    }

    private mutating func pop(_ slot: UInt32) -> (slot: UInt32, lane: Int) {
        let lane = Int(entries[Int(slot)].lane)
        disarm(slot)
        return (slot, lane)
    }

    /// Brings every deadline of a lane forward to `latest` at most; after a reload that shortened it. Costs as much
    /// as there are later ones.
    public mutating func clamp(lane: Int, to latest: MonotonicTime) {
        var slot = lanes[lane].last
        while slot >= 0 && entries[Int(slot)].deadline > latest {
            entries[Int(slot)].deadline = latest
            slot = links.previous(before: slot)
        }
        if strays.count == 0 { return }
        strays.clamp(to: latest) { [entries] in entries[Int($0)].lane == Int32(lane) }
        for slot in entries.indices where entries[slot].lane == Int32(lane) && strays.contains(UInt32(slot)) {
            entries[slot].deadline = min(entries[slot].deadline, latest)
        }
    }

    /// Number of armed deadlines; for invariants.
    public var count: Int { lanes.reduce(strays.count) { $0 + Int($1.count) } }

    /// Walks everything and traps where it is out of order. For tests.
    public func checkInvariants() {
        strays.checkInvariants()
        for (lane, list) in lanes.enumerated() {
            precondition(list.isEmpty == (occupied & 1 << UInt64(lane) == 0), "occupied lanes")
            var former = MonotonicTime.zero
            for slot in links.members(of: list) {
                precondition(entries[Int(slot)].lane == Int32(lane), "in another lane")
                precondition(former <= entries[Int(slot)].deadline, "a lane out of order")
                precondition(!strays.contains(UInt32(slot)), "in a lane and apart")
                former = entries[Int(slot)].deadline
            }
        }
    }
}
