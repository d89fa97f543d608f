/// An instant of civil time in UTC, for people; what decides anything uses `MonotonicTime`.
public struct WallTime: Hashable, Sendable, BitwiseCopyable {
    /// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
    public var seconds: Int64
    /// 0 to 999,999,999.
    public var nanoseconds: Int32

    /// Puts an instant together.
    public init(seconds: Int64, nanoseconds: Int32) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    private static let dayNames = "SunMonTueWedThuFriSat"
    private static let monthNames = "JanFebMarAprMayJunJulAugSepOctNovDec"

    /// Year, month 1…12 and day 1…31 of the Gregorian calendar.
    ///
    /// Years are counted from March, so that the leap day is the last of its year and months before it need
    /// no correction: month m after March begins on day (153 m + 2) / 5.
    private var date: (year: Int64, month: Int64, day: Int64) {
        // Days since 0000-03-01, which begins a cycle of 400 years.
        let days = daysSince1970 + 719_468
        let cycle = days >= 0 ? days / 146_097 : (days - 146_096) / 146_097
        let dayOfCycle = days - cycle * 146_097
        let yearOfCycle = (dayOfCycle - dayOfCycle / 1460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365
        let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (
            year: cycle * 400 + yearOfCycle + (month <= 2 ? 1 : 0),
            month: month,
            day: dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        )
    }

    private var daysSince1970: Int64 {
        seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
    }

    private var secondOfDay: Int64 { seconds - daysSince1970 * 86_400 }

    /// Appends `2026-11-22T21:01:54.123Z` (RFC 3339), truncated to milliseconds.
    public func appendTimestamp(to buffer: inout ByteBuffer) {
        let (year, month, day) = date
        buffer.append(padded: year, width: 4)
        buffer.append("-")
        buffer.append(padded: month, width: 2)
        buffer.append("-")
        buffer.append(padded: day, width: 2)
        buffer.append("T")
        appendTimeOfDay(to: &buffer)
        buffer.append(".")
        buffer.append(padded: Int64(nanoseconds) / 1_000_000, width: 3)
        buffer.append("Z")
    }

    /// Appends `Sun, 22 Nov 2026 21:01:54 GMT`, the form of HTTP's Date (RFC 9110 §5.6.7).
    public func appendHTTPDate(to buffer: inout ByteBuffer) {
        let (year, month, day) = date
        // 1970-01-01 was a Thursday.
        let dayOfWeek = ((daysSince1970 + 4) % 7 + 7) % 7
        buffer.append(Self.dayNames.utf8.span.extracting(first: 3, after: Int(dayOfWeek) * 3))
        buffer.append(", ")
        buffer.append(padded: day, width: 2)
        buffer.append(" ")
        buffer.append(Self.monthNames.utf8.span.extracting(first: 3, after: Int(month - 1) * 3))
        buffer.append(" ")
        buffer.append(padded: year, width: 4)
        buffer.append(" ")
        appendTimeOfDay(to: &buffer)
        buffer.append(" GMT")
    }

    private func appendTimeOfDay(to buffer: inout ByteBuffer) {
        buffer.append(padded: secondOfDay / 3600, width: 2)
        buffer.append(":")
        buffer.append(padded: secondOfDay / 60 % 60, width: 2)
        buffer.append(":")
        buffer.append(padded: secondOfDay % 60, width: 2)
    }
}

extension Span<UInt8> {
    @_lifetime(copy self)
    fileprivate func extracting(first count: Int, after start: Int) -> Span<UInt8> {
        extracting(start..<start + count)
    }
}
