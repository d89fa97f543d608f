/// How many durations fell into each step of a doubling scale, and their sum. One addition for each duration, no
/// allocation.
public struct DurationHistogram: Sendable, Equatable {
    /// Bucket n holds what lasted up to and including 2ⁿ times this; the last one holds everything above.
    public static let finestBound = Interval(nanoseconds: 250_000)
    /// The last finite bound is 262.144 s.
    public static let bucketCount = 22

    /// How many durations are in each bucket, and in no other.
    public private(set) var counts = [Int](repeating: 0, count: bucketCount)
    /// Seconds in all.
    public private(set) var sum = 0.0

    /// Nothing was measured yet.
    public init() {}

    /// Durations in all.
    public var count: Int { counts.reduce(0, +) }

    /// The upper bound of a bucket; nil for the last one.
    public static func bound(of bucket: Int) -> Interval? {
        if bucket >= bucketCount - 1 { return nil }
        return Interval(nanoseconds: finestBound.nanoseconds << Int64(bucket))
    }

    /// Which bucket a duration belongs to.
    static func bucket(of duration: Interval) -> Int {
        // Steps of the finest bound that lie entirely below the duration: 0 up to the bound itself.
        let steps = UInt64(max(0, duration.nanoseconds - 1)) / UInt64(finestBound.nanoseconds)
        return min(bucketCount - 1, UInt64.bitWidth - steps.leadingZeroBitCount)
    }

    /// Enters one duration.
    public mutating func note(_ duration: Interval) {
        counts[DurationHistogram.bucket(of: duration)] += 1
        sum += duration.inSeconds
    }

    /// Takes over what was measured elsewhere.
    public mutating func add(_ other: DurationHistogram) {
        for bucket in counts.indices { counts[bucket] += other.counts[bucket] }
        sum += other.sum
    }
}
