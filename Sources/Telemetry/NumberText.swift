internal import Basics

// Numbers as logs, metrics and JSON write them.
extension ByteBuffer {
    /// Appends a decimal number with its sign.
    mutating func append(signed number: Int) {
        if number < 0 { append("-") }
        append(decimal: UInt64(number.magnitude))
    }

    /// Appends a number that is not negative with leading zeros up to `width` digits.
    mutating func append(padded number: Int64, width: Int) {
        let value = UInt64(max(0, number))
        var digits = 1
        var bound: UInt64 = 10
        while digits < width && value >= bound {
            digits += 1
            bound *= 10
        }
        for _ in digits..<max(width, digits) { append("0") }
        append(decimal: value)
    }

    /// Appends seconds with six digits behind the point, truncated to microseconds.
    mutating func append(seconds interval: Interval) {
        let microseconds = max(0, interval.nanoseconds) / 1000
        append(decimal: UInt64(microseconds / 1_000_000))
        append(".")
        append(padded: microseconds % 1_000_000, width: 6)
    }
}
