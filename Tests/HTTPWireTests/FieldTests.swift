import Basics
import HTTPWire
import Testing

@Suite struct FieldTests {
    @Test("every known name is recognised in any case and nothing like it is")
    func names() throws {
        #expect(FieldName.allCases.count <= 64, "a set of names is one word")
        for name in FieldName.allCases where name != .other {
            let spelling = name.text
            for variant in [spelling, spelling.lowercased(), spelling.uppercased()] {
                #expect(try known(variant) == name)
            }
            var variants = [
                spelling + "s", "x" + spelling, String(spelling.dropLast()), spelling + "-" + spelling,
            ]
            for index in spelling.utf8.indices {
                // Bit 5 flipped, another letter and a hyphen made underscore, at every place.
                let byte = spelling.utf8[index]
                for other in [byte ^ 32, byte ^ 1, byte == 45 ? 95 : 45] where isTokenCharacter(other) {
                    if ASCII.isLetter(byte) && other == byte ^ 32 { continue }
                    var bytes = Array(spelling.utf8)
                    bytes[spelling.utf8.distance(from: spelling.utf8.startIndex, to: index)] = other
                    if bytes != Array(spelling.utf8) {
                        variants.append(String(decoding: bytes, as: UTF8.self))
                    }
                }
            }
            for variant in variants where !FieldName.allCases.contains(where: { sameName($0.text, variant) })
            {
                #expect(try known(variant) == .other, "\(variant)")
            }
        }
        #expect(try known(String(repeating: "connection", count: 40)) == .other)
    }

    private func sameName(_ left: String, _ right: String) -> Bool { left.lowercased() == right.lowercased() }

    private func isTokenCharacter(_ byte: UInt8) -> Bool {
        "!#$%&'*+-.^_`|~".utf8.contains(byte) || ASCII.isDigit(byte) || ASCII.isLetter(byte)
    }

    /// What the name is taken for, in the middle of a head and as its last line.
    private func known(_ name: String) throws -> FieldName {
        let middle = try validRequest("GET / HTTP/1.1\r\n\(name): long enough a value\r\n\r\n").fields[0]
            .known
        let last = try validRequest("GET / HTTP/1.1\r\n\(name):\r\n\r\n").fields[0].known
        #expect(middle == last)
        return middle
    }

    @Test("a table finds, counts and drops by name, and forgets")
    func table() throws {
        var (bytes, _, fields) = try validRequest(
            "GET / HTTP/1.1\r\nVia: 1\r\nA: b\r\nvia: 2\r\nHost: h\r\n\r\n"
        )
        #expect(fields.count(of: .via) == 2 && fields.count(of: .host) == 1 && fields.count(of: .te) == 0)
        #expect(fields.first(.via).map { text(bytes, $0.value) } == "1")
        #expect(fields.first(.te) == nil)
        fields.drop(.via)
        #expect((0..<fields.count).map { fields[$0].isDropped } == [true, false, true, false])
        #expect(fields.first(.via)?.isDropped == true)
        var out = ByteBuffer()
        HeadWriter.appendFields(bytes.span, fields, to: &out)
        #expect(bytesOf(out) == wire("A: b\r\nHost: h\r\n"))
        fields.removeAll()
        #expect(fields.count == 0 && fields.first(.host) == nil && fields.count(of: .via) == 0)
        bytes = []
    }

    static let decimals: [(String, UInt64?)] = [
        ("0", 0), ("7", 7), ("007", 7), ("9223372036854775807", 9_223_372_036_854_775_807),
        ("09223372036854775807", 9_223_372_036_854_775_807), ("9223372036854775808", nil),
        ("18446744073709551616", nil), ("99999999999999999999999999", nil), ("", nil), ("1 ", nil),
        ("a", nil),
        ("1a", nil), ("+1", nil), ("-1", nil),
    ]

    @Test("decimal numbers are digits only and fit Int", arguments: decimals)
    func decimal(digits: String, value: UInt64?) {
        #expect(FieldValue.parseDecimal(wire(digits).span, ByteRange(0, digits.utf8.count)) == value)
    }

    static let keepAlives: [(String, UInt64?)] = [
        ("timeout=5", 5), ("timeout=5, max=100", 5), ("max=100,Timeout=60", 60), (" ,, TIMEOUT=0 ,", 0),
        ("max=100", nil), ("timeout", nil), ("timeout=", nil), ("timeout=x", nil), ("xtimeout=5", nil),
        ("", nil),
        ("timeout=99999999999999999999", nil),
    ]

    @Test("the timeout of Keep-Alive is read", arguments: keepAlives)
    func keepAlive(value: String, seconds: UInt64?) {
        #expect(FieldValue.keepAliveTimeout(wire(value).span, ByteRange(0, value.utf8.count)) == seconds)
    }

    static let tokens: [(String, Bool)] = [
        ("100-continue", true), ("100-Continue", true), ("a, 100-continue", true), (",100-continue\t,", true),
        ("100-continued", false), ("x100-continue", false), ("100-continue;a", false), ("100", false),
        ("", false),
        ("100 - continue", false), ("\"100-continue\"", false),
    ]

    @Test("a token is found among the members of a list", arguments: tokens)
    func token(value: String, found: Bool) {
        #expect(
            hasToken(wire("<" + value + ">").span, ByteRange(1, value.utf8.count + 1), "100-continue")
                == found
        )
    }

    @Test("a byte range knows its size")
    func range() {
        let range = ByteRange(3, 7)
        #expect(range.count == 4 && !range.isEmpty && range.range == 3..<7)
        #expect(ByteRange(3, 3).isEmpty && ByteRange.empty.isEmpty)
        #expect(MemoryLayout<Field>.stride <= 28)
    }
}
