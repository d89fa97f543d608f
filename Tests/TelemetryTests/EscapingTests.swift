import Basics
import Telemetry
import Testing

@Suite("Escaping")
struct EscapingTests {
    private func json(_ bytes: [UInt8]) -> String {
        Fixture.text { buffer in
            buffer.beginObject()
            buffer.member("k", bytes.span)
            buffer.endObject()
        }
    }

    @Test(
        "a text from outside stays on its line and within its quotation marks",
        arguments: [
            ("plain", "plain"), ("a\nb", "a\\x0ab"), ("a\r\nb", "a\\x0d\\x0ab"), ("\"x\"", "\\\"x\\\""),
            ("\\x0a", "\\\\x0a"), ("\u{1B}[2J", "\\x1b[2J"), ("\u{7F}", "\\x7f"), ("é", "\\xc3\\xa9"),
            ("", ""),
        ]
    )
    func asciiText(text: String, expected: String) {
        #expect(Fixture.text { $0.appendEscaped(text.utf8.span) } == expected)
    }

    @Test("every single byte is written as printable ASCII without a bare quotation mark")
    func everyByte() {
        for byte in UInt8.min...UInt8.max {
            let text = Fixture.text { $0.appendEscaped([byte].span) }
            #expect(text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
            #expect(!text.hasPrefix("\""))
        }
    }

    @Test(
        "weir's own sentences keep their letters but no control characters",
        arguments: [
            ([0xC3, 0xA9], "é"), ([0xC2, 0x85], "\\xc2\\x85"), ([0xE2, 0x80, 0xA6], "…"), ([0x0A], "\\x0a"),
            ([0xFF], "\\xff"), ([0xE2, 0x80], "\\xe2\\x80"),
        ] as [([UInt8], String)]
    )
    func unicodeText(bytes: [UInt8], expected: String) {
        #expect(Fixture.text { $0.appendEscaped(bytes.span, .unicode) } == expected)
    }

    @Test(
        "a JSON string escapes what RFC 8259 asks for, and control characters of every kind",
        arguments: [
            ("plain", "plain"), ("\"\\/", "\\\"\\\\/"), ("\n\r\t", "\\n\\r\\t"), ("\u{0}", "\\u0000"),
            ("\u{1F}", "\\u001f"), ("\u{7F}", "\\u007f"), ("\u{85}", "\\u0085"), ("é€😀", "é€😀"),
        ]
    )
    func jsonString(text: String, expected: String) {
        #expect(json(Array(text.utf8)) == "{\"k\":\"\(expected)\"}")
    }

    @Test(
        "bytes that are not UTF-8 become replacement characters in JSON, as Swift itself repairs them",
        arguments: [
            [0xFF], [0xC0, 0xAF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xC3],
            [0xE2, 0x82], [0xF0, 0x9F, 0x98], [0x80], [0xF5, 0x80], [0x61, 0xE2, 0x82, 0x62],
            [0xF0, 0x80, 0x41],
        ] as [[UInt8]]
    )
    func malformed(bytes: [UInt8]) {
        #expect(json(bytes) == "{\"k\":\"\(String(decoding: bytes, as: UTF8.self))\"}")
    }

    @Test("every pair of bytes gives well-formed JSON text")
    func everyPair() {
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max {
                var buffer = ByteBuffer()
                buffer.beginObject()
                buffer.member("k", [first, second].span)
                buffer.endObject()
                let written = Fixture.bytes(of: buffer)
                if String(validating: written, as: UTF8.self) == nil || written.contains(where: { $0 < 0x20 })
                {
                    Issue.record("bytes \(first) \(second)")
                }
            }
        }
    }

    @Test("members and elements are separated by commas")
    func commas() {
        let text = Fixture.text { buffer in
            buffer.beginObject()
            buffer.beginArray("a")
            buffer.beginObject()
            buffer.endObject()
            buffer.beginObject()
            buffer.member("x", -1)
            buffer.member("y", true)
            buffer.endObject()
            buffer.endArray()
            buffer.beginArray("empty")
            buffer.endArray()
            buffer.member("brace", "{[")
            buffer.member("limit", limit: .max)
            buffer.member("time", Interval.unlimited)
            buffer.endObject()
        }
        #expect(
            text == #"{"a":[{},{"x":-1,"y":true}],"empty":[],"brace":"{[","limit":null,"time":null}"#
        )
    }
}
