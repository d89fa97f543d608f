/// The one block of memory that a loop's sockets are read into, so that a connection without traffic holds
/// none. What was read stays in it until the next read.
public final class ReceiveBlock {
    /// Bytes read with one call at most: what the kernel hands over in one call under load.
    public static let size = 65_536

    private var memory: UnsafeMutableRawBufferPointer
    private var isLent = false
    /// How many bytes are in the block: what was restored and what the last read brought.
    public private(set) var count = 0

    /// A block whose pages come into being as they are first used.
    ///
    /// - Parameter restorable: how many bytes may be put back in front of a read.
    public init(restorable: Int = 0) {
        memory = .allocate(byteCount: restorable + Self.size, alignment: 4096)
    }

    deinit { memory.deallocate() }

    /// Makes room for more bytes that may be put back; what was in the block is forgotten.
    public func grow(restorable: Int) {
        precondition(!isLent, "replaced the block while its bytes are in use")
        if restorable + Self.size <= memory.count { return }
        memory.deallocate()
        memory = .allocate(byteCount: restorable + Self.size, alignment: 4096)
        count = 0
    }

    /// Reads once from a socket, at most `limit` bytes (1 to ``size``), over what was there.
    public func receive(from descriptor: Int32, atMost limit: Int = ReceiveBlock.size) -> ReadResult {
        precondition(!isLent, "read into the block while its bytes are in use")
        count = 0
        let target = UnsafeMutableRawBufferPointer(rebasing: memory[0..<limit])
        let result = Sockets.receive(descriptor, into: target)
        if case .bytes(let received) = result { count = received }
        return result
    }

    /// Puts bytes of an earlier read back, over what was there, so that they can be offered again.
    public func restore(_ bytes: [UInt8]) {
        precondition(!isLent, "restored into the block while its bytes are in use")
        precondition(bytes.count <= memory.count, "more bytes kept than the block can take back")
        bytes.withUnsafeBytes { memory.copyMemory(from: $0) }
        count = bytes.count
    }

    /// Reads once from a socket, behind what is in the block. Reads nothing where the block is full.
    public func receiveMore(from descriptor: Int32) -> ReadResult {
        precondition(!isLent, "read into the block while its bytes are in use")
        let end = min(memory.count, count + Self.size)
        if end == count { return .wouldBlock }
        let result = Sockets.receive(
            descriptor,
            into: UnsafeMutableRawBufferPointer(rebasing: memory[count..<end])
        )
        if case .bytes(let received) = result { count += received }
        return result
    }

    /// A copy of the bytes from `start` on.
    public func suffix(from start: Int) -> [UInt8] {
        [UInt8](UnsafeRawBufferPointer(rebasing: memory[start..<count]))
    }

    /// Lends the first `length` bytes of what was read; the block cannot be read into meanwhile.
    public func withSpan<Result, Failure: Error>(
        _ length: Int,
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withSpan(0..<length, body)
    }

    /// Lends a part of what is in the block; the block cannot be read into meanwhile.
    public func withSpan<Result, Failure: Error>(
        _ range: Range<Int>,
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(range.upperBound <= count)
        let wasLent = isLent
        isLent = true
        defer { isLent = wasLent }
        // Bytes of an untyped allocation, initialised by the kernel up to `count`, kept by `self`.
        let bytes = UnsafeRawBufferPointer(rebasing: memory[range]).bindMemory(to: UInt8.self)
        return try body(Span(_unsafeElements: bytes))
    }

    /// The bytes of a piece that is to be written, for as long as `self` lives and is not read into.
    func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        precondition(range.upperBound <= count)
        return UnsafeRawBufferPointer(rebasing: memory[range])
    }
}
