/// A run of bytes inside a head, by offsets from the head's first byte.
///
/// Four bytes an offset keep the field table small; a head is bounded by `HeadLimits.headSize`, far
/// below 4 GiB.
public struct ByteRange: Hashable, Sendable, BitwiseCopyable {
    /// Offset of the first byte.
    public var start: UInt32
    /// Offset behind the last byte; never below `start`.
    public var end: UInt32

    /// The run from offset `start` up to, not including, `end`.
    ///
    /// - Precondition: `0 <= start <= end < 2^32`.
    @inlinable
    public init(_ start: Int, _ end: Int) {
        self.start = UInt32(start)
        self.end = UInt32(end)
    }

    /// The run between two offsets of a head, which is cut to 2 GiB before it is parsed.
    @inline(__always)
    init(inHead start: Int, _ end: Int) {
        self.start = UInt32(truncatingIfNeeded: start)
        self.end = UInt32(truncatingIfNeeded: end)
    }

    /// An empty run at offset 0.
    public static let empty = ByteRange(0, 0)

    /// Number of bytes.
    @inlinable public var count: Int { Int(end) &- Int(start) }

    /// Whether the run has no bytes.
    @inlinable public var isEmpty: Bool { start == end }

    /// The run as a range of indices, for `Span.extracting`.
    @inlinable public var range: Range<Int> { Int(start)..<Int(end) }

    /// Whether two runs of the same bytes read alike, in case too.
    public func hasSameBytes(as other: ByteRange, in bytes: Span<UInt8>) -> Bool {
        if count != other.count { return false }
        let own = bytes.extracting(range)
        let others = bytes.extracting(other.range)
        for index in own.indices where own[index] != others[index] { return false }
        return true
    }
}
