public import Basics
internal import Glibc

/// Collects pieces of one message (a head from the outbox, content from the receive block) and writes them
/// with one system call and no allocation.
///
/// Pieces are ranges and not pointers, so a writer may be kept and used again; the bytes are found when it
/// writes, and only then must they be there.
public struct GatherWriter {
    /// How many pieces fit; neighbouring ones count as one.
    public static let capacity = 16

    private struct Piece {
        var isReceived = false
        var start = 0
        var end = 0
    }

    private var pieces = InlineArray<16, Piece>(repeating: Piece())
    private var pieceCount = 0
    /// How many bytes the pieces hold.
    public private(set) var byteCount = 0

    /// A writer without pieces.
    public init() {}

    /// Whether there are no bytes to write.
    public var isEmpty: Bool { byteCount == 0 }

    /// Whether no further piece fits; then write first.
    public var isFull: Bool { pieceCount == Self.capacity }

    /// Adds bytes of the outbox.
    public mutating func addOutbox(_ range: Range<Int>) { add(range, isReceived: false) }

    /// Adds bytes of the receive block.
    public mutating func addReceived(_ range: Range<Int>) { add(range, isReceived: true) }

    private mutating func add(_ range: Range<Int>, isReceived: Bool) {
        if range.isEmpty { return }
        byteCount += range.count
        if pieceCount > 0 {
            let last = pieces[pieceCount - 1]
            if last.isReceived == isReceived && last.end == range.lowerBound {
                pieces[pieceCount - 1].end = range.upperBound
                return
            }
        }
        precondition(!isFull, "too many pieces for one write")
        pieces[pieceCount] = Piece(isReceived: isReceived, start: range.lowerBound, end: range.upperBound)
        pieceCount += 1
    }

    /// Forgets the pieces.
    public mutating func removeAll() {
        pieceCount = 0
        byteCount = 0
    }

    /// Writes the pieces after whatever waits in `queue`, leaves there what the kernel did not take, and
    /// forgets the pieces. Where something waits already, nothing is tried: the socket was full a moment
    /// ago, and its writability will be reported.
    ///
    /// - Parameter isLast: Whether the end of the stream (``Sockets/shutdownWrite(_:)``) follows at once. The kernel
    ///   then waits for it, and sends both in one segment.
    public mutating func write(
        to descriptor: Int32,
        isLast: Bool = false,
        outbox: ByteBuffer,
        received: ReceiveBlock,
        queue: inout OutputQueue
    ) -> FlushResult {
        defer { removeAll() }
        if isEmpty { return queue.isEmpty ? .flushed(0) : .pending(0) }
        let total = byteCount
        // The pointers made here live until the end of these two closures; outbox and block are borrowed
        // for the whole call.
        return outbox.span.withUnsafeBytes { outboxBytes in
            withUnsafeTemporaryAllocation(of: iovec.self, capacity: Self.capacity) { room in
                let runs = fill(room, outboxBytes, received)
                var written = 0
                if queue.isEmpty {
                    switch Self.send(descriptor, runs, isLast: isLast) {
                    case .failed(let code): return .failed(code)
                    case .wouldBlock: break
                    case .bytes(let count): written = count
                    }
                    if written == total { return .flushed(written) }
                }
                Self.enqueue(runs, after: written, in: &queue)
                return .pending(written)
            }
        }
    }

    private func fill(
        _ room: UnsafeMutableBufferPointer<iovec>,
        _ outbox: UnsafeRawBufferPointer,
        _ received: ReceiveBlock
    ) -> UnsafeMutableBufferPointer<iovec> {
        for index in 0..<pieceCount {
            let piece = pieces[index]
            let range = piece.start..<piece.end
            let bytes =
                piece.isReceived ? received.bytes(range) : UnsafeRawBufferPointer(rebasing: outbox[range])
            // The kernel only reads; iovec serves reading calls as well and so knows no const.
            let base = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
            room.initializeElement(at: index, to: iovec(iov_base: base, iov_len: bytes.count))
        }
        return UnsafeMutableBufferPointer(rebasing: room[0..<pieceCount])
    }

    private static func send(
        _ descriptor: Int32,
        _ runs: UnsafeMutableBufferPointer<iovec>,
        isLast: Bool
    ) -> WriteResult {
        if runs.count > 1 { return Sockets.write(descriptor, runs, isLast: isLast) }
        return Sockets.write(
            descriptor,
            UnsafeRawBufferPointer(start: runs[0].iov_base, count: runs[0].iov_len),
            isLast: isLast
        )
    }

    private static func enqueue(
        _ runs: UnsafeMutableBufferPointer<iovec>,
        after written: Int,
        in queue: inout OutputQueue
    ) {
        var skip = written
        for run in runs {
            let bytes = UnsafeRawBufferPointer(start: run.iov_base, count: run.iov_len)
            queue.append(UnsafeRawBufferPointer(rebasing: bytes[min(skip, bytes.count)...]))
            skip = max(0, skip - bytes.count)
        }
    }
}
