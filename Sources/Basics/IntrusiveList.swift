/// The ends and the length of one list whose links lie in a `LinkTable`.
public struct ListEnds: Sendable, BitwiseCopyable {
    /// Slot of the oldest member, or -1.
    public fileprivate(set) var first: Int32 = -1
    /// Slot of the newest member, or -1.
    public fileprivate(set) var last: Int32 = -1
    /// Number of members.
    public fileprivate(set) var count: Int32 = 0

    /// An empty list.
    public init() {}

    /// Whether nobody is on the list.
    public var isEmpty: Bool { count == 0 }
}

/// Doubly linked lists over slot numbers. A slot is on at most one list of the same table, so
/// membership *is* the state; adding, removing and moving are O(1) and allocate nothing.
public struct LinkTable {
    @usableFromInline
    struct Link: BitwiseCopyable {
        @usableFromInline var previous: Int32
        @usableFromInline var next: Int32
    }

    /// `previous` of a slot that is on no list.
    private static let unlinked: Int32 = -2
    private var links: [Link] = []

    /// A table without slots; it grows with the highest slot named.
    public init() {}

    /// Makes room for slots below `capacity`.
    private mutating func reserve(_ capacity: Int) {
        while links.count < capacity {
            links.append(Link(previous: LinkTable.unlinked, next: -1))
        }
    }

    /// Whether `slot` is on some list of this table.
    public func isLinked(_ slot: Int32) -> Bool {
        Int(slot) < links.count && links[Int(slot)].previous != LinkTable.unlinked
    }

    /// The next newer member after `slot`, or -1.
    public func next(after slot: Int32) -> Int32 { links[Int(slot)].next }

    /// The next older member before `slot`, or -1.
    public func previous(before slot: Int32) -> Int32 { links[Int(slot)].previous }

    /// Adds `slot` at the newest end.
    ///
    /// - Precondition: it is on no list.
    public mutating func append(_ slot: Int32, to list: inout ListEnds) {
        insert(slot, after: list.last, in: &list)
    }

    /// Adds `slot` behind `anchor` (-1: at the oldest end).
    ///
    /// - Precondition: `slot` is on no list; `anchor` is on this one.
    public mutating func insert(_ slot: Int32, after anchor: Int32, in list: inout ListEnds) {
        reserve(Int(slot) + 1)
        precondition(links[Int(slot)].previous == LinkTable.unlinked, "on two lists")
        let follower = anchor < 0 ? list.first : links[Int(anchor)].next
        links[Int(slot)] = Link(previous: anchor, next: follower)
        if anchor < 0 { list.first = slot } else { links[Int(anchor)].next = slot }
        if follower < 0 { list.last = slot } else { links[Int(follower)].previous = slot }
        list.count += 1
    }

    /// Takes `slot` off the list.
    ///
    /// - Precondition: it is on this list.
    public mutating func remove(_ slot: Int32, from list: inout ListEnds) {
        let link = links[Int(slot)]
        precondition(link.previous != LinkTable.unlinked, "on no list")
        if link.previous < 0 { list.first = link.next } else { links[Int(link.previous)].next = link.next }
        if link.next < 0 { list.last = link.previous } else { links[Int(link.next)].previous = link.previous }
        links[Int(slot)] = Link(previous: LinkTable.unlinked, next: -1)
        list.count -= 1
    }

    /// The members, oldest first; for invariants and reports, not for the hot path.
    public func members(of list: ListEnds) -> [Int32] {
        var found: [Int32] = []
        var slot = list.first
        while slot >= 0 {
            found.append(slot)
            precondition(found.count <= Int(list.count), "list longer than its count")
            slot = links[Int(slot)].next
        }
        return found
    }
}
