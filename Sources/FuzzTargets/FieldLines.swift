/// Field lines as a strict recipient reads them, independently of the product's parser.
struct FieldLines {
    /// Where name and value stand.
    struct Line: Equatable {
        var name: Range<Int>
        var value: Range<Int>
    }

    private(set) var lines: [Line] = []

    /// Reads `bytes`, which are nothing but whole lines from `start` on.
    ///
    /// - Parameter allowsSpace: White space before a colon is overlooked, as it may be in what a peer wrote.
    init(_ bytes: [UInt8], from start: Int = 0, allowsSpace: Bool = false) throws(BrokenProperty) {
        var index = start
        while index < bytes.count {
            let nameStart = index
            while index < bytes.count && isTokenByte(bytes[index]) { index += 1 }
            try require(index > nameStart, "a field without a name")
            let name = nameStart..<index
            while allowsSpace && index < bytes.count && (bytes[index] == 32 || bytes[index] == 9) {
                index += 1
            }
            try require(
                index < bytes.count && bytes[index] == UInt8(ascii: ":"),
                "a field name with something behind it"
            )
            index += 1
            let textStart = index
            while index < bytes.count && bytes[index] != 13 && bytes[index] != 10 {
                try require(isTextByte(bytes[index]), "a control character in a field value")
                index += 1
            }
            let text = textStart..<index
            try require(
                index + 1 < bytes.count && bytes[index] == 13 && bytes[index + 1] == 10,
                "a field line without CRLF"
            )
            index += 2
            lines.append(Line(name: name, value: trimmed(bytes, text)))
        }
    }

    /// How many lines have the name, which is in lower case.
    func count(_ bytes: [UInt8], _ name: String) -> Int {
        var found = 0
        for line in lines where equal(bytes, line.name, name) { found += 1 }
        return found
    }

    /// The first line of the name, which is in lower case.
    func first(_ bytes: [UInt8], _ name: String) -> Line? {
        for line in lines where equal(bytes, line.name, name) { return line }
        return nil
    }
}

/// RFC 9110 §5.6.2, spelled out once more.
func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
    case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
        UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
        true
    default: false
    }
}

/// What may stand in a field value: tab, and everything that is no control character.
func isTextByte(_ byte: UInt8) -> Bool { byte == 9 || (byte >= 32 && byte != 127) }

func lowered(_ byte: UInt8) -> UInt8 {
    byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
}

/// The range without white space at its ends.
func trimmed(_ bytes: [UInt8], _ range: Range<Int>) -> Range<Int> {
    var start = range.lowerBound
    var end = range.upperBound
    while start < end && (bytes[start] == 32 || bytes[start] == 9) { start += 1 }
    while end > start && (bytes[end - 1] == 32 || bytes[end - 1] == 9) { end -= 1 }
    return start..<end
}

/// Whether the bytes spell the name, which is in lower case, in any case.
func equal(_ bytes: [UInt8], _ range: Range<Int>, _ name: String) -> Bool {
    let other = name.utf8
    if other.count != range.count { return false }
    var index = range.lowerBound
    for byte in other {
        if lowered(bytes[index]) != byte { return false }
        index += 1
    }
    return true
}

/// Whether two runs of bytes are the same but for case.
func equal(_ bytes: [UInt8], _ range: Range<Int>, _ others: [UInt8], _ other: Range<Int>) -> Bool {
    if range.count != other.count { return false }
    for step in 0..<range.count
    where lowered(bytes[range.lowerBound + step]) != lowered(others[other.lowerBound + step]) {
        return false
    }
    return true
}

/// The bytes of a range as text, for messages.
func shown(_ bytes: [UInt8], _ range: Range<Int>) -> String {
    String(decoding: bytes[range], as: UTF8.self).debugDescription
}
