internal import Basics

/// The few field value grammars that weir reads (RFC 9110 §5.6).
public enum FieldValue {
    /// The number that a run of digits spells; nil if empty, not all digits, or above 2^63 − 1, so that
    /// every result fits `Int`. Leading zeros are allowed by the grammar (`1*DIGIT`).
    public static func parseDecimal(_ bytes: Span<UInt8>, _ range: ByteRange) -> UInt64? {
        if range.isEmpty { return nil }
        var value: UInt64 = 0
        for index in range.range {
            guard ASCII.isDigit(bytes[index]) else { return nil }
            if value > (UInt64(Int64.max) - 9) / 10 {
                let (product, overflow) = value.multipliedReportingOverflow(by: 10)
                let (sum, carry) = product.addingReportingOverflow(UInt64(bytes[index] - 48))
                if overflow || carry || sum > UInt64(Int64.max) { return nil }
                value = sum
            } else {
                value = value * 10 + UInt64(bytes[index] - 48)
            }
        }
        return value
    }

    /// The seconds of `timeout=` in a Keep-Alive field's value such as `timeout=5, max=100`; nil if there
    /// is none that is a number.
    public static func keepAliveTimeout(_ bytes: Span<UInt8>, _ value: ByteRange) -> UInt64? {
        let name = "timeout=".utf8.count
        var position = Int(value.start)
        while let member = nextMember(bytes, &position, end: Int(value.end)) {
            guard member.count > name else { continue }
            let digits = Int(member.start) + name
            let key = bytes.extracting(Int(member.start)..<digits)
            if ASCII.equalsIgnoringCase(key, "timeout=") {
                return parseDecimal(bytes, ByteRange(digits, Int(member.end)))
            }
        }
        return nil
    }

    /// Whether the Accept fields of a request allow JSON and no text: then errors are written as JSON.
    /// Without Accept, everything is allowed. Weights are not weighed: `q=0` is as good as never used.
    public static func acceptsOnlyJSON(_ bytes: Span<UInt8>, _ fields: FieldTable) -> Bool {
        var hasJSON = false
        for index in 0..<fields.count where fields[index].known == .accept {
            let value = fields[index].value
            var position = Int(value.start)
            while let member = nextMember(bytes, &position, end: Int(value.end)) {
                var end = Int(member.start)
                while end < Int(member.end) && bytes[end] != UInt8(ascii: ";") && !isSpace(bytes[end]) {
                    end += 1
                }
                let type = bytes.extracting(Int(member.start)..<end)
                for text in ["*/*", "text/*", "text/plain"] where ASCII.equalsIgnoringCase(type, text) {
                    return false
                }
                for json in ["application/json", "application/*", "application/problem+json"]
                where ASCII.equalsIgnoringCase(type, json) {
                    hasJSON = true
                }
            }
        }
        return hasJSON
    }

    /// The next non-empty member of a comma-separated list from `position` on, without white space
    /// around it; moves `position` behind its comma. RFC 9110 §5.6.1.2: empty members are ignored.
    static func nextMember(_ bytes: Span<UInt8>, _ position: inout Int, end: Int) -> ByteRange? {
        while position < end {
            var start = position
            while position < end && bytes[position] != UInt8(ascii: ",") { position += 1 }
            var memberEnd = position
            if position < end { position += 1 }
            while start < memberEnd && isSpace(bytes[start]) { start += 1 }
            while memberEnd > start && isSpace(bytes[memberEnd - 1]) { memberEnd -= 1 }
            if start < memberEnd { return ByteRange(start, memberEnd) }
        }
        return nil
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == ASCII.space || byte == ASCII.tab }
}

/// Whether a comma-separated list has the token among its members, in any case; for `TE: trailers`,
/// `Upgrade: websocket`, `Expect: 100-continue`. A member with parameters is another member.
///
/// - Parameter lowercaseToken: The token in lower case.
public func hasToken(_ bytes: Span<UInt8>, _ value: ByteRange, _ lowercaseToken: String) -> Bool {
    var position = Int(value.start)
    while let member = FieldValue.nextMember(bytes, &position, end: Int(value.end)) {
        if ASCII.equalsIgnoringCase(bytes.extracting(member.range), lowercaseToken) { return true }
    }
    return false
}
