import Basics
import HTTPWire
import Testing

/// A message and what the parser must say of it.
struct HeadRow: Sendable, CustomTestStringConvertible {
    let section: String
    let message: String
    let error: WireError?

    init(_ section: String, _ message: String, _ error: WireError? = nil) {
        self.section = section
        self.message = message
        self.error = error
    }

    var testDescription: String { "\(section): \(message.debugDescription)" }

    func check(_ kind: HeadKind, limits: HeadLimits = roomyLimits) {
        let reading = readWhole(kind, wire(message), limits: limits)
        if let error {
            #expect(reading == .failed(error))
        } else if case .read(let head) = reading {
            #expect(head.length == wire(message).count)
        } else {
            Issue.record("not read: \(reading)")
        }
        ParserVerifier.verify(kind, wire(message), limits: limits)
    }
}

@Suite struct RequestHeadTests {
    static let valid: [HeadRow] = [
        HeadRow("9112-3 absolute", "GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n"),
        HeadRow("9112-3 no fields", "GET / HTTP/1.0\r\n\r\n"),
        HeadRow("9112-2.2 one empty line", "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"),
        HeadRow("9112-2.2 two empty lines", "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"),
        HeadRow("9110-2.5 higher minor", "GET / HTTP/1.9\r\nHost: h\r\n\r\n"),
        HeadRow("9110-9.1 any token is a method", "M-SEARCH!#$%&'*+.^_`|~09 * HTTP/1.1\r\nHost: h\r\n\r\n"),
        HeadRow("9112-5 empty value", "GET / HTTP/1.1\r\nA:\r\nB: \r\nC: \t \r\n\r\n"),
        HeadRow("9112-5 OWS and tab inside", "GET / HTTP/1.1\r\nA: \t a\tb c \t\r\n\r\n"),
        HeadRow("9110-5.5 obs-text", "GET / HTTP/1.1\r\nA: caf\u{E9} \u{80}\u{FF}\r\n\r\n"),
        HeadRow("9110-5.6.2 every tchar", "GET / HTTP/1.1\r\n!#$%&'*+-.^_`|~09AZaz: x\r\n\r\n"),
        HeadRow("9112-5 colons in the value", "GET / HTTP/1.1\r\nA::b:c\r\n\r\n"),
        HeadRow("9112-3.2 visible ASCII", "GET /!\"$%&'()*+,-.:;<=>?@[\\]^_`{|}~ HTTP/1.1\r\n\r\n"),
        HeadRow("long value", "GET / HTTP/1.1\r\nA: \(String(repeating: "0123456\t", count: 40))x\r\n\r\n"),
    ]

    @Test("a valid request head is read whatever pieces it comes in", arguments: valid)
    func accepts(row: HeadRow) { row.check(.request) }

    static let invalid: [HeadRow] = [
        HeadRow("9112-2.2 three empty lines", "\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n", .tooManyEmptyLines),
        HeadRow("9112-2.2 bare LF line", "\nGET / HTTP/1.1\r\n\r\n", .bareLineFeed),
        HeadRow("9112-2.2 bare LF ends", "GET / HTTP/1.1\nHost: h\n\n", .bareLineFeed),
        HeadRow("9112-2.2 bare LF in a value", "GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n", .bareLineFeed),
        HeadRow("9112-2.2 LF for the last line", "GET / HTTP/1.1\r\nA: b\r\n\n", .bareLineFeed),
        HeadRow("9112-2.2 bare CR in the target", "GET /\rx HTTP/1.1\r\n\r\n", .bareCarriageReturn),
        HeadRow("9112-2.2 bare CR in a value", "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", .bareCarriageReturn),
        HeadRow("9112-2.2 CR CR LF", "GET / HTTP/1.1\r\nA: b\r\r\n\r\n", .bareCarriageReturn),
        HeadRow("9112-2.2 CR in a name", "GET / HTTP/1.1\r\nA\rB: c\r\n\r\n", .bareCarriageReturn),
        HeadRow("9112-2.2 CR CR LF before", "\r\rGET / HTTP/1.1\r\n\r\n", .bareCarriageReturn),
        HeadRow(
            "9112-2.2 space before a field",
            "GET / HTTP/1.1\r\n A: b\r\n\r\n",
            .whitespaceBeforeFirstField
        ),
        HeadRow("9112-5.2 folding", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", .obsoleteFolding),
        HeadRow("9112-5.2 folding by tab", "GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n", .obsoleteFolding),
        HeadRow("9112-5.2 folded nothing", "GET / HTTP/1.1\r\nA: b\r\n \r\n\r\n", .obsoleteFolding),
        HeadRow("9112-5.1 space before colon", "GET / HTTP/1.1\r\nA : b\r\n\r\n", .spaceBeforeColon),
        HeadRow("9112-5.1 tab before colon", "GET / HTTP/1.1\r\nHost\t: b\r\n\r\n", .spaceBeforeColon),
        HeadRow("9110-5.1 empty name", "GET / HTTP/1.1\r\n: b\r\n\r\n", .emptyFieldName),
        HeadRow("9110-5.1 name not a token", "GET / HTTP/1.1\r\nA(b): c\r\n\r\n", .invalidFieldName),
        HeadRow("9110-5.1 high byte in name", "GET / HTTP/1.1\r\nA\u{E9}: c\r\n\r\n", .invalidFieldName),
        HeadRow("9112-5 no colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", .missingColon),
        HeadRow("9110-5.5 NUL in a value", "GET / HTTP/1.1\r\nA: b\u{0}c\r\n\r\n", .controlCharacter),
        HeadRow("9110-5.5 DEL in a value", "GET / HTTP/1.1\r\nA: b\u{7F}\r\n\r\n", .controlCharacter),
        HeadRow("9110-5.5 VT before a value", "GET / HTTP/1.1\r\nA:\u{B}b\r\n\r\n", .controlCharacter),
        HeadRow("9110-5.1 NUL in a name", "GET / HTTP/1.1\r\nA\u{0}: b\r\n\r\n", .controlCharacter),
        HeadRow("9112-3 NUL in the target", "GET /\u{0} HTTP/1.1\r\n\r\n", .controlCharacter),
        HeadRow("9112-3 DEL in the target", "GET /\u{7F} HTTP/1.1\r\n\r\n", .controlCharacter),
        HeadRow("9112-3 TLS on the plain port", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", .controlCharacter),
        HeadRow("9112-3 two spaces", "GET  / HTTP/1.1\r\n\r\n", .malformedRequestLine),
        HeadRow("9112-3 two spaces before version", "GET /  HTTP/1.1\r\n\r\n", .malformedRequestLine),
        HeadRow("9112-3 space at the end", "GET / HTTP/1.1 \r\n\r\n", .malformedRequestLine),
        HeadRow("9112-3 tab for a space", "GET\t/ HTTP/1.1\r\n\r\n", .invalidMethod),
        HeadRow("9112-3 tab before version", "GET /\tHTTP/1.1\r\n\r\n", .malformedTarget),
        HeadRow("9112-3 space first", " GET / HTTP/1.1\r\n\r\n", .invalidMethod),
        HeadRow("9112-3.1 method not a token", "G@T / HTTP/1.1\r\n\r\n", .invalidMethod),
        HeadRow("9112-3 HTTP/0.9", "GET /\r\n\r\n", .malformedRequestLine),
        HeadRow("9112-3 method alone", "GET\r\n\r\n", .malformedRequestLine),
        HeadRow("9112-3 space in the target", "GET /a b HTTP/1.1\r\n\r\n", .malformedRequestLine),
        HeadRow("9112-3.2 high byte", "GET /\u{E9} HTTP/1.1\r\n\r\n", .malformedTarget),
        HeadRow("9112-3.2 fragment", "GET /a#b HTTP/1.1\r\n\r\n", .fragmentInTarget),
        HeadRow("9112-2.3 case of HTTP", "GET / http/1.1\r\n\r\n", .malformedRequestLine),
        HeadRow("9112-2.3 short version", "GET / HTTP/1\r\n\r\n", .malformedVersion),
        HeadRow("9112-2.3 long minor", "GET / HTTP/1.10\r\n\r\n", .malformedRequestLine),
        HeadRow("9112-2.3 letter", "GET / HTTP/1.x\r\n\r\n", .malformedVersion),
        HeadRow("9110-15.6.6 HTTP/2", "PRI * HTTP/2.0\r\n\r\n", .unsupportedVersion),
        HeadRow("9110-15.6.6 HTTP/0", "GET / HTTP/0.9\r\n\r\n", .unsupportedVersion),
    ]

    @Test("a request head that is not to the letter is refused", arguments: invalid)
    func refuses(row: HeadRow) { row.check(.request) }

    @Test("every control character but tab is refused in names, values and targets")
    func controlCharacters() {
        for byte in Array(0..<32) + [127] where byte != 9 && byte != 10 && byte != 13 {
            let mark = String(Unicode.Scalar(UInt8(byte)))
            for message in ["GET /\(mark) HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nA\(mark)b: c\r\n\r\n"] {
                #expect(readWhole(.request, wire(message)) == .failed(.controlCharacter))
            }
            for offset in 0..<20 {
                let value = String(repeating: "v", count: offset) + mark + "tail"
                let message = "GET / HTTP/1.1\r\nA: \(value)\r\nB: c\r\n\r\n"
                #expect(readWhole(.request, wire(message)) == .failed(.controlCharacter))
            }
        }
    }

    @Test("methods are told apart by their exact names")
    func methods() throws {
        for method in Method.allCases where method != .other {
            let name = "\(method)".uppercased()
            #expect(try validRequest("\(name) /x HTTP/1.1\r\n\r\n").head.method == method)
            #expect(try validRequest("\(name.lowercased()) /x HTTP/1.1\r\n\r\n").head.method == .other)
            #expect(try validRequest("\(name)X /x HTTP/1.1\r\n\r\n").head.method == .other)
        }
        #expect(Method.allCases.filter(\.isSafe) == [.get, .head, .options, .trace])
        #expect(Method.allCases.filter(\.isIdempotent) == [.get, .head, .put, .delete, .options, .trace])
    }

    @Test("offsets count from the first byte offered, empty lines included")
    func offsets() throws {
        let (bytes, head, fields) = try validRequest("\r\nPUT /a?b HTTP/1.0\r\nHost:  h:1\t\r\nX-y:z\r\n\r\n")
        #expect(text(bytes, head.methodName) == "PUT")
        #expect(text(bytes, head.target) == "/a?b")
        #expect(head.version == .http10)
        #expect(head.length == bytes.count)
        #expect(fields.count == 2)
        #expect(text(bytes, fields[0].name) == "Host")
        #expect(text(bytes, fields[0].value) == "h:1")
        #expect(text(bytes, fields[0].line) == "Host:  h:1\t\r\n")
        #expect(fields[0].known == .host && fields[1].known == .other)
        #expect(text(bytes, fields[1].value) == "z")
    }
}
