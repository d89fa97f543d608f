internal import CLibevent

/// Memory for libevent's events, in blocks: of tens of thousands each would otherwise take an eighth more, and a
/// call of malloc. What was given back is used again, the last one first; the blocks live as long as the store.
struct EventStore {
    private static let perBlock = 32
    private var blocks: [UnsafeMutablePointer<event>] = []
    private var free: [UnsafeMutablePointer<event>] = []

    /// Room for an event, which libevent has to assign.
    mutating func take() -> UnsafeMutablePointer<event> {
        if let event = free.popLast() { return event }
        let block = UnsafeMutablePointer<event>.allocate(capacity: EventStore.perBlock)
        blocks.append(block)
        for index in 1..<EventStore.perBlock { free.append(block + index) }
        return block
    }

    /// Takes back an event that is not added.
    mutating func give(_ event: UnsafeMutablePointer<event>) { free.append(event) }

    /// Gives the memory back; no event may be in use.
    mutating func deallocate() {
        for block in blocks { block.deallocate() }
        blocks = []
        free = []
    }
}
