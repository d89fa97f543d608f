/// A length of time in whole nanoseconds; the unit of every timeout.
///
/// The standard library's `Duration` counts attoseconds in 128 bits, which the hot path need not pay for.
public struct Interval: Hashable, Comparable, Sendable, BitwiseCopyable {
    /// Nanoseconds; never negative in a setting.
    public var nanoseconds: Int64

    /// Wraps a number of nanoseconds.
    @inlinable
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// No time at all.
    public static let zero = Interval(nanoseconds: 0)
    /// Longer than any run of the process: the value of a timeout that is switched off.
    public static let unlimited = Interval(nanoseconds: .max)

    /// Whole seconds.
    @inlinable
    public static func seconds(_ value: Int) -> Interval {
        Interval(nanoseconds: Int64(value) * 1_000_000_000)
    }

    /// Whole milliseconds.
    @inlinable
    public static func milliseconds(_ value: Int) -> Interval {
        Interval(nanoseconds: Int64(value) * 1_000_000)
    }

    /// Whether this is the value of a timeout that is switched off.
    @inlinable public var isUnlimited: Bool { nanoseconds == .max }

    /// The length in seconds, for people and metrics.
    public var inSeconds: Double { Double(nanoseconds) / 1e9 }

    /// Rounded down to whole milliseconds.
    @inlinable public var inMilliseconds: Int64 { nanoseconds / 1_000_000 }

    @inlinable
    public static func < (left: Interval, right: Interval) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// A sixteenth less: how a maximum is forgotten slowly. Nothing to do for an unlimited one.
    @inlinable public var fading: Interval { Interval(nanoseconds: nanoseconds &- nanoseconds >> 4) }

    /// Scales by `numerator / denominator`, saturating; used for jitter and headroom.
    public func scaled(by numerator: Int64, over denominator: Int64) -> Interval {
        if isUnlimited { return self }
        let (product, overflow) = nanoseconds.multipliedReportingOverflow(by: numerator)
        return overflow ? .unlimited : Interval(nanoseconds: product / denominator)
    }
}

/// An instant on the monotonic clock. The core never reads a clock: `now` is passed in.
public struct MonotonicTime: Hashable, Comparable, Sendable, BitwiseCopyable {
    /// Nanoseconds since an arbitrary start (on Linux: since boot).
    public var nanoseconds: Int64

    /// Wraps a reading of the clock.
    @inlinable
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Where virtual time begins.
    public static let zero = MonotonicTime(nanoseconds: 0)
    /// Later than anything: the deadline of that which waits for nothing.
    public static let never = MonotonicTime(nanoseconds: .max)

    @inlinable
    public static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// The instant `interval` later, or `never` where that lies beyond all time.
    @inlinable
    public static func + (time: MonotonicTime, interval: Interval) -> MonotonicTime {
        let (sum, overflow) = time.nanoseconds.addingReportingOverflow(interval.nanoseconds)
        return overflow ? .never : MonotonicTime(nanoseconds: sum)
    }

    /// Time passed since `earlier`; zero where the clock was read out of order.
    @inlinable
    public func since(_ earlier: MonotonicTime) -> Interval {
        Interval(nanoseconds: Swift.max(0, nanoseconds &- earlier.nanoseconds))
    }
}
