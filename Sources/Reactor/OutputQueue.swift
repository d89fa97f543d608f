public import Basics

/// How far a write got.
public enum FlushResult: Hashable, Sendable {
    /// Nothing waits any more; the kernel took so many bytes with this call.
    case flushed(Int)
    /// The kernel took so many bytes with this call, and more wait until the socket is writable.
    case pending(Int)
    /// The connection is lost: the `errno`.
    case failed(Int32)
}

/// Bytes of one connection that the kernel would not take yet. Empty, as it nearly always is, it holds no
/// memory.
public struct OutputQueue {
    /// Bytes that never came into this process; they go before those in `storage`.
    private var pipe: SplicePipe?
    private var storage: [UInt8] = []
    /// Where the bytes that wait begin in `storage`.
    private var start = 0

    /// An empty queue.
    public init() {}

    /// How many bytes wait.
    public var count: Int { storage.count - start + (pipe?.count ?? 0) }

    /// Whether nothing waits.
    public var isEmpty: Bool { storage.isEmpty && pipe == nil }

    /// Sends what is in a pipe of the pool, and keeps the pipe while it is not empty. Nothing may wait before.
    public mutating func send(_ pipe: SplicePipe, to descriptor: Int32) -> FlushResult {
        precondition(isEmpty)
        let result = pipe.drain(to: descriptor)
        if case .pending = result { self.pipe = pipe } else { pipe.giveBack() }
        return result
    }

    /// Adds a copy of `bytes` at the end.
    public mutating func append(_ bytes: Span<UInt8>) {
        bytes.withUnsafeBytes { append($0) }
    }

    /// Adds a copy of a part of `buffer` at the end.
    public mutating func append(_ buffer: ByteBuffer, _ range: Range<Int>) {
        append(buffer.span.extracting(range))
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        if bytes.isEmpty { return }
        if start > 0 && storage.count + bytes.count > storage.capacity {
            // Instead of growing: the room in front was written and is free.
            storage.removeFirst(start)
            start = 0
        }
        storage.append(contentsOf: bytes)
    }

    /// Writes what waits; with one call, unless a pipe is before it.
    public mutating func write(to descriptor: Int32) -> FlushResult {
        guard let pipe else { return writeStorage(to: descriptor) }
        let result = pipe.drain(to: descriptor)
        guard case .flushed(let written) = result else { return result }
        pipe.giveBack()
        self.pipe = nil
        switch writeStorage(to: descriptor) {
        case .failed(let code): return .failed(code)
        case .pending(let more): return .pending(written + more)
        case .flushed(let more): return .flushed(written + more)
        }
    }

    private mutating func writeStorage(to descriptor: Int32) -> FlushResult {
        if storage.isEmpty { return .flushed(0) }
        let result = storage.withUnsafeBytes { bytes in
            Sockets.write(descriptor, UnsafeRawBufferPointer(rebasing: bytes[start...]))
        }
        switch result {
        case .failed(let code): return .failed(code)
        case .wouldBlock: return .pending(0)
        case .bytes(let written):
            start += written
            if start < storage.count { return .pending(written) }
            storage = []
            start = 0
            return .flushed(written)
        }
    }

    /// Drops what waits, and gives memory and pipe back.
    public mutating func removeAll() {
        pipe?.giveBack()
        pipe = nil
        storage = []
        start = 0
    }
}
