import Basics
import HTTPWire
import Testing

@Suite struct TrailerTests {
    static let valid: [HeadRow] = [
        HeadRow("9112-7.1.2 none", "\r\n"),
        HeadRow("9112-7.1.2 one", "X-Sum: 1\r\n\r\n"),
        HeadRow("9112-7.1.2 two", "X-Sum: 1\r\nETag: \"a\"\r\n\r\n"),
    ]

    @Test("a trailer section is read whatever pieces it comes in", arguments: valid)
    func accepts(row: HeadRow) { row.check(.trailers) }

    static let invalid: [HeadRow] = [
        HeadRow("9112-2.2 LF", "\n", .bareLineFeed),
        HeadRow("9112-2.2 CR", "\rX: 1\r\n\r\n", .bareCarriageReturn),
        HeadRow("9112-2.2 LF behind a trailer", "X: 1\n\r\n", .bareLineFeed),
        HeadRow("9112-5.2 folding", "X: 1\r\n 2\r\n\r\n", .obsoleteFolding),
        HeadRow("9112-2.2 space first", " X: 1\r\n\r\n", .whitespaceBeforeFirstField),
        HeadRow("9112-5.1 space before colon", "X : 1\r\n\r\n", .spaceBeforeColon),
        HeadRow("9112-5 no colon", "GET / HTTP/1.1\r\n\r\n", .spaceBeforeColon),
        HeadRow("9110-5.1 empty name", ": 1\r\n\r\n", .emptyFieldName),
        HeadRow("9110-5.5 NUL", "X: \u{0}\r\n\r\n", .controlCharacter),
    ]

    @Test("a trailer section that is not to the letter is refused", arguments: invalid)
    func refuses(row: HeadRow) { row.check(.trailers) }

    @Test("framing, routing, authentication and hop-by-hop fields never pass as trailers (RFC 9110 §6.5.1)")
    func filter() {
        let passing: Set<FieldName> = [
            .other, .authenticationInfo, .proxyStatus, .userAgent, .server, .accept,
        ]
        for name in FieldName.allCases where name != .other {
            let bytes = wire("A: 1\r\n\(name.text.uppercased()): x\r\nB: 2\r\n\r\n")
            var reader = HeadReader(.trailers)
            _ = reader.read(bytes)
            var out = ByteBuffer()
            HeadWriter.appendTrailers(bytes.span, reader.fields, to: &out)
            let expected = passing.contains(name) ? bytes : wire("A: 1\r\nB: 2\r\n\r\n")
            #expect(bytesOf(out) == expected, "\(name)")
        }
    }

    @Test("an empty section is written as an empty section")
    func empty() {
        var reader = HeadReader(.trailers)
        _ = reader.read(wire("A: b\r\n\r\n"))
        reader.scanned = 0
        #expect(reader.read(wire("\r\nGET")) == .read(ReadHead(start: [], fields: [], length: 2)))
        var out = ByteBuffer()
        HeadWriter.appendTrailers(wire("\r\n").span, reader.fields, to: &out)
        #expect(bytesOf(out) == wire("\r\n"))
    }
}
