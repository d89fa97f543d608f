/// Slots by deadline, in any order: a binary heap. Insertion and removal take as many steps as the count has bits.
struct DeadlineHeap {
    private struct Entry: BitwiseCopyable {
        var deadline: MonotonicTime
        var slot: UInt32
    }

    /// No entry is later than those at twice its index plus one and plus two.
    private var entries: [Entry] = []
    /// Where each slot's entry is; -1: nowhere.
    private var places: [Int32] = []

    /// How many slots are in.
    var count: Int { entries.count }

    /// The earliest; nil where there is none.
    var first: (slot: UInt32, deadline: MonotonicTime)? {
        entries.isEmpty ? nil : (entries[0].slot, entries[0].deadline)
    }

    /// Whether the slot is in.
    func contains(_ slot: UInt32) -> Bool { Int(slot) < places.count && places[Int(slot)] >= 0 }

    /// Adds a slot that is not in.
    mutating func insert(_ slot: UInt32, at deadline: MonotonicTime) {
        while places.count <= Int(slot) { places.append(-1) }
        entries.append(Entry(deadline: deadline, slot: slot))
        rise(from: entries.count - 1)
    }

    /// Takes out a slot that is in.
    mutating func remove(_ slot: UInt32) {
        let hole = Int(places[Int(slot)])
        places[Int(slot)] = -1
        let last = entries.removeLast()
        if hole == entries.count { return }
        entries[hole] = last
        // It came from another branch, so it may belong higher up as well as further down.
        sink(from: rise(from: hole))
    }

    /// Brings the deadlines of slots that are meant forward to `latest` at most.
    mutating func clamp(to latest: MonotonicTime, where isMeant: (UInt32) -> Bool) {
        for index in entries.indices where entries[index].deadline > latest && isMeant(entries[index].slot) {
            entries[index].deadline = latest
            // Whoever it changes places with was looked at before, or is not later than it.
            rise(from: index)
        }
    }

    @discardableResult
    private mutating func rise(from start: Int) -> Int {
        let entry = entries[start]
        var index = start
        while index > 0, entries[(index - 1) / 2].deadline > entry.deadline {
            put(entries[(index - 1) / 2], at: index)
            index = (index - 1) / 2
        }
        put(entry, at: index)
        return index
    }

    private mutating func sink(from start: Int) {
        let entry = entries[start]
        var index = start
        while true {
            var child = 2 * index + 1
            if child >= entries.count { break }
            if child + 1 < entries.count && entries[child + 1].deadline < entries[child].deadline {
                child += 1
            }
            if entries[child].deadline >= entry.deadline { break }
            put(entries[child], at: index)
            index = child
        }
        put(entry, at: index)
    }

    private mutating func put(_ entry: Entry, at index: Int) {
        entries[index] = entry
        places[Int(entry.slot)] = Int32(index)
    }

    /// Walks everything and traps where it is out of order. For tests.
    func checkInvariants() {
        for index in entries.indices {
            precondition(entries[max(0, index - 1) / 2].deadline <= entries[index].deadline, "heap order")
            precondition(places[Int(entries[index].slot)] == Int32(index), "place in the heap")
        }
        precondition(places.count { $0 >= 0 } == entries.count, "a slot that is lost")
    }
}
