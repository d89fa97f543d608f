@testable import Basics
import Testing

@Suite("Histogram of durations")
struct DurationHistogramTests {
    @Test("a bucket holds what lasted up to and including its bound, and no more", arguments: 0..<21)
    func bounds(bucket: Int) throws {
        let bound = try #require(DurationHistogram.bound(of: bucket))
        #expect(bound.nanoseconds == 250_000 << Int64(bucket))
        #expect(DurationHistogram.bucket(of: bound) == bucket)
        #expect(DurationHistogram.bucket(of: Interval(nanoseconds: bound.nanoseconds + 1)) == bucket + 1)
    }

    @Test("no time at all, and more than any bound")
    func extremes() {
        var histogram = DurationHistogram()
        for duration in [Interval.zero, Interval(nanoseconds: -5), .seconds(400), .unlimited] {
            histogram.note(duration)
        }
        #expect(histogram.counts[0] == 2 && histogram.counts[21] == 2 && histogram.count == 4)
        #expect(DurationHistogram.bound(of: 21) == nil)
    }

    @Test("the sum is in seconds")
    func sum() {
        var histogram = DurationHistogram()
        histogram.note(.milliseconds(250))
        histogram.note(.seconds(2))
        #expect(histogram.sum == 2.25)
    }
}
