internal import Basics

// Numbers as logs, metrics and JSON write them.
extension ByteBuffer {
    /// Appends a decimal number with its sign.
    mutating func append(signed number: Int) {
        if number < 0 { append("-") }
        append(decimal: UInt64(number.magnitude))
    }

    /// Appends seconds with six digits behind the point, truncated to microseconds.
    mutating func append(seconds interval: Interval) {
        let microseconds = max(0, interval.nanoseconds) / 1000
        append(decimal: UInt64(microseconds / 1_000_000))
        append(".")
        append(padded: microseconds % 1_000_000, width: 6)
    }
}
