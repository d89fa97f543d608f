import Basics
import HTTPWire
import Testing

@Suite struct ResponseHeadTests {
    static let valid: [HeadRow] = [
        HeadRow("9112-4", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        HeadRow("9112-4 no fields", "HTTP/1.0 404 Not Found\r\n\r\n"),
        HeadRow("9112-4 empty reason", "HTTP/1.1 200 \r\nA: b\r\n\r\n"),
        HeadRow("9112-4 no space either", "HTTP/1.1 200\r\nA: b\r\n\r\n"),
        HeadRow("9112-4 obs-text and tab", "HTTP/1.1 200 \u{E9}t\u{E9}\tOK\r\n\r\n"),
        HeadRow("9112-4 spaces in the reason", "HTTP/1.1 200  OK \r\n\r\n"),
        HeadRow("9110-2.5 higher minor", "HTTP/1.2 200 OK\r\n\r\n"),
        HeadRow("9110-15 lowest", "HTTP/1.1 100 Continue\r\n\r\n"),
        HeadRow("9110-15 no class", "HTTP/1.1 999 Denied\r\n\r\n"),
        HeadRow("9112-5.1 space before colon", "HTTP/1.1 200 OK\r\nA : b\r\nB\t :c\r\n\r\n"),
    ]

    @Test("a valid response head is read whatever pieces it comes in", arguments: valid)
    func accepts(row: HeadRow) { row.check(.response) }

    static let invalid: [HeadRow] = [
        HeadRow("9112-2.2 empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n", .malformedStatusLine),
        HeadRow("9112-2.2 nothing but empty lines", "\r\n\r\n", .malformedStatusLine),
        HeadRow("9112-2.2 bare LF", "HTTP/1.1 200 OK\nA: b\n\n", .bareLineFeed),
        HeadRow("9112-2.2 bare LF behind the code", "HTTP/1.1 200\nA: b\r\n\r\n", .bareLineFeed),
        HeadRow("9112-2.2 bare CR in the reason", "HTTP/1.1 200 O\rK\r\n\r\n", .bareCarriageReturn),
        HeadRow("9112-4 NUL in the reason", "HTTP/1.1 200 O\u{0}K\r\n\r\n", .controlCharacter),
        HeadRow("9112-4 two spaces", "HTTP/1.1  200 OK\r\n\r\n", .malformedStatusLine),
        HeadRow("9112-4 tab", "HTTP/1.1\t200 OK\r\n\r\n", .malformedStatusLine),
        HeadRow("9112-4 tab behind the code", "HTTP/1.1 200\tOK\r\n\r\n", .malformedStatusLine),
        HeadRow("9112-4 two digits", "HTTP/1.1 20 OK\r\n\r\n", .malformedStatusLine),
        HeadRow("9112-4 four digits", "HTTP/1.1 2000 OK\r\n\r\n", .malformedStatusLine),
        HeadRow("9112-4 sign", "HTTP/1.1 +20 OK\r\n\r\n", .malformedStatusLine),
        HeadRow("9112-4 no code", "HTTP/1.1\r\n\r\n", .malformedStatusLine),
        HeadRow("9112-4 no code but a space", "HTTP/1.1 \r\n\r\n", .malformedStatusLine),
        HeadRow("9110-15 below 100", "HTTP/1.1 099 Low\r\n\r\n", .malformedStatusLine),
        HeadRow("9112-2.3 another protocol", "ICY 200 OK\r\n\r\n", .malformedStatusLine),
        HeadRow("9112-2.3 case", "http/1.1 200 OK\r\n\r\n", .malformedStatusLine),
        HeadRow("9112-2.3 other major", "HTTP/2.0 200 OK\r\n\r\n", .unsupportedVersion),
        HeadRow("9112-2.3 not digits", "HTTP/1,1 200 OK\r\n\r\n", .malformedVersion),
        HeadRow("9112-5.2 folding", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", .obsoleteFolding),
        HeadRow("9112-5.1 space in a name", "HTTP/1.1 200 OK\r\nA b: c\r\n\r\n", .spaceBeforeColon),
        HeadRow("9112-5.1 space for a name", "HTTP/1.1 200 OK\r\nA: b\r\n : c\r\n\r\n", .obsoleteFolding),
        HeadRow("9112-5 no colon", "HTTP/1.1 200 OK\r\nA b\r\n\r\n", .spaceBeforeColon),
        HeadRow("9110-5.5 NUL", "HTTP/1.1 200 OK\r\nA: \u{0}\r\n\r\n", .controlCharacter),
    ]

    @Test("a response head that is not to the letter is refused", arguments: invalid)
    func refuses(row: HeadRow) { row.check(.response) }

    @Test("version, status and reason are read, and interim responses recognised")
    func parts() throws {
        let (bytes, head, _) = try validResponse("HTTP/1.0 503 Slow down\r\nRetry-After: 1\r\n\r\n")
        #expect(head.version == .http10 && head.status == 503)
        #expect(text(bytes, head.reason) == "Slow down")
        #expect(try validResponse("HTTP/1.1 103 Early Hints\r\n\r\n").head.isInterim)
        #expect(try validResponse("HTTP/1.1 100\r\n\r\n").head.isInterim)
        #expect(try !validResponse("HTTP/1.1 101 Switching Protocols\r\n\r\n").head.isInterim)
        #expect(try validResponse("HTTP/1.1 200\r\n\r\n").head.reason.isEmpty)
    }
}
