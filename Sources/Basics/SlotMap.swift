/// Names one occupant of a slot: a late timer, answer or readiness event that carries the id of a
/// former occupant meets another generation and is ignored.
public struct SlotID: Hashable, Sendable, BitwiseCopyable {
    /// Index of the slot.
    public var slot: UInt32
    /// Which occupant of the slot; odd while occupied.
    public var generation: UInt32

    /// Puts an id together again, for instance from an event cookie.
    @inlinable
    public init(slot: UInt32, generation: UInt32) {
        self.slot = slot
        self.generation = generation
    }

    /// Names nobody: generation 0 is even, so no slot ever answers to it.
    public static let none = SlotID(slot: .max, generation: 0)

    /// The slot as an array index.
    @inlinable public var index: Int { Int(slot) }
}

/// Values in reusable slots, addressed by generational ids. Insert, look-up and removal are O(1).
public struct SlotMap<Value> {
    @usableFromInline
    struct Entry {
        @usableFromInline var generation: UInt32
        @usableFromInline var nextFree: Int32
        @usableFromInline var value: Value

        @inlinable
        init(generation: UInt32, value: Value) {
            self.generation = generation
            self.nextFree = -1
            self.value = value
        }
    }

    @usableFromInline var entries: [Entry] = []
    @usableFromInline var firstFree: Int32 = -1
    @usableFromInline var occupied = 0

    /// How many slots are occupied.
    @inlinable public var count: Int { occupied }

    /// An empty map.
    @inlinable
    public init() {}

    /// One more than the highest slot index ever used.
    @inlinable public var capacity: Int { entries.count }

    /// Puts `value` into a free slot.
    @inlinable
    public mutating func insert(_ value: Value) -> SlotID {
        occupied += 1
        if firstFree >= 0 {
            let index = Int(firstFree)
            firstFree = entries[index].nextFree
            entries[index].generation &+= 1
            entries[index].value = value
            return SlotID(slot: UInt32(index), generation: entries[index].generation)
        }
        entries.append(Entry(generation: 1, value: value))
        return SlotID(slot: UInt32(entries.count - 1), generation: 1)
    }

    /// Frees the slot; the value stays in place until the slot is used again.
    ///
    /// - Precondition: `id` is alive.
    @inlinable
    public mutating func remove(_ id: SlotID) {
        precondition(isAlive(id), "removed twice")
        entries[id.index].generation &+= 1
        entries[id.index].nextFree = firstFree
        firstFree = Int32(id.slot)
        occupied -= 1
    }

    /// Whether `id` still names the occupant of its slot.
    @inlinable
    public func isAlive(_ id: SlotID) -> Bool {
        id.index < entries.count && entries[id.index].generation == id.generation
            && id.generation & 1 == 1
    }

    /// The id of whoever occupies slot `index` now, if anybody.
    @inlinable
    public func occupant(of index: Int) -> SlotID? {
        let generation = entries[index].generation
        return generation & 1 == 1 ? SlotID(slot: UInt32(index), generation: generation) : nil
    }

    /// The occupant's value.
    ///
    /// - Precondition: `id` is alive.
    @inlinable public subscript(_ id: SlotID) -> Value {
        _read {
            precondition(entries[id.index].generation == id.generation, "stale id")
            yield entries[id.index].value
        }
        _modify {
            precondition(entries[id.index].generation == id.generation, "stale id")
            yield &entries[id.index].value
        }
    }
}
