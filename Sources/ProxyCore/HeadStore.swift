import Basics

/// Rewritten heads that wait for their connection or may have to be sent again. Buffers are reused;
/// a connection without such a head holds none.
struct HeadStore {
    private var buffers: [ByteBuffer] = []
    private var free: [Int32] = []
    /// A buffer that grew beyond this gives its memory back.
    private static let keptCapacity = 4096
    /// Buffers kept for reuse.
    private static let keptBuffers = 256

    /// How many buffers are in use; for invariants.
    var inUse: Int { buffers.count - free.count }

    /// Takes an empty buffer.
    mutating func take() -> Int32 {
        if let index = free.popLast() { return index }
        buffers.append(ByteBuffer())
        return Int32(buffers.count - 1)
    }

    /// Puts the buffer back.
    mutating func give(_ index: Int32) {
        buffers[Int(index)].removeAll()
        if buffers[Int(index)].capacity > HeadStore.keptCapacity || free.count >= HeadStore.keptBuffers {
            buffers[Int(index)].release()
        }
        free.append(index)
    }

    subscript(_ index: Int32) -> ByteBuffer {
        _read { yield buffers[Int(index)] }
        _modify { yield &buffers[Int(index)] }
    }
}
