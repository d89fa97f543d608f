import Basics
import HTTPWire
import Testing

/// A chunked body up to its trailers, and its content or the error.
struct ChunkedRow: Sendable, CustomTestStringConvertible {
    let section: String
    let body: String
    let content: String?
    let error: WireError?

    init(_ section: String, _ body: String, _ content: String) {
        (self.section, self.body, self.content, error) = (section, body, content, nil)
    }

    init(_ section: String, _ body: String, _ error: WireError) {
        (self.section, self.body, self.error, content) = (section, body, error, nil)
    }

    var testDescription: String { "\(section): \(body.prefix(60).debugDescription)" }
}

@Suite struct ChunkedDecoderTests {
    static let valid: [ChunkedRow] = [
        ChunkedRow("7.1 empty", "0\r\n", ""),
        ChunkedRow("7.1 one", "5\r\nhello\r\n0\r\n", "hello"),
        ChunkedRow("7.1 two", "3\r\nabc\r\n2\r\nde\r\n0\r\n", "abcde"),
        ChunkedRow(
            "7.1 hexadecimal",
            "a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n",
            "01234567890123456789a"
        ),
        ChunkedRow("7.1 leading zeros", "0000000000000003\r\nabc\r\n0000000000000000\r\n", "abc"),
        ChunkedRow("7.1 line ends as content", "4\r\n\r\n\r\n\r\n0\r\n", "\r\n\r\n"),
        ChunkedRow("7.1 framing as content", "5\r\n0\r\n\r\n\r\n0\r\n", "0\r\n\r\n"),
        ChunkedRow("7.1.1 extension", "3;a=b\r\nabc\r\n0;c\r\n", "abc"),
        ChunkedRow("7.1.1 white space", "3 \t; a = \"b;\tc\"\r\nabc\r\n0 ;c\r\n", "abc"),
        ChunkedRow("7.1.1 nothing behind the semicolon", "3;\r\nabc\r\n0\r\n", "abc"),
        ChunkedRow("7.1.1 obs-text", "3;a=\"\u{E9}\"\r\nabc\r\n0\r\n", "abc"),
    ]

    @Test("a valid chunked body is followed whatever pieces it comes in", arguments: valid)
    func accepts(row: ChunkedRow) {
        let reading = ChunkedReading(wire(row.body), cuts: [])
        #expect(reading.isComplete && reading.error == nil)
        #expect(reading.content == row.content.map(wire))
        #expect(reading.consumed == wire(row.body).count)
        ParserVerifier.verifyChunked(wire(row.body))
    }

    static let invalid: [ChunkedRow] = [
        ChunkedRow("7.1 no size", "\r\nabc\r\n0\r\n", .malformedChunkSize),
        ChunkedRow("7.1 no size but an extension", ";a\r\n", .malformedChunkSize),
        ChunkedRow("7.1 space before", " 3\r\nabc\r\n0\r\n", .malformedChunkSize),
        ChunkedRow("7.1 padded", "3 \r\nabc\r\n0\r\n", .malformedChunkSize),
        ChunkedRow("7.1 space inside", "1 0\r\n", .malformedChunkSize),
        ChunkedRow("7.1 sign", "+3\r\nabc\r\n0\r\n", .malformedChunkSize),
        ChunkedRow("7.1 minus", "-1\r\n", .malformedChunkSize),
        ChunkedRow("7.1 prefix", "0x3\r\nabc\r\n0\r\n", .malformedChunkSize),
        ChunkedRow("7.1 not hexadecimal", "3g\r\nabc\r\n0\r\n", .malformedChunkSize),
        ChunkedRow("7.1 comma", "3,3\r\nabc\r\n0\r\n", .malformedChunkSize),
        ChunkedRow("7.1 underscore", "1_0\r\n", .malformedChunkSize),
        ChunkedRow("7.1 high byte", "\u{B3}\r\n", .malformedChunkSize),
        ChunkedRow("7.1 NUL", "3\u{0}\r\nabc\r\n0\r\n", .controlCharacter),
        ChunkedRow("7.1 vertical tab", "\u{B}3\r\nabc\r\n0\r\n", .controlCharacter),
        ChunkedRow("7.1 above 2^63", "8000000000000000\r\n", .chunkTooLarge),
        ChunkedRow("7.1 wraps to 3", "10000000000000003\r\nabc\r\n0\r\n", .chunkTooLarge),
        ChunkedRow("7.1 17 digits", "00000000000000003\r\nabc\r\n0\r\n", .chunkTooLarge),
        ChunkedRow("7.1 all ones", "ffffffffffffffff\r\n", .chunkTooLarge),
        ChunkedRow("2.2 LF behind a size", "3\nabc\r\n0\r\n", .bareLineFeed),
        ChunkedRow("2.2 CR behind a size", "3\rabc\r\n0\r\n", .bareCarriageReturn),
        ChunkedRow("2.2 CR CR LF", "3\r\r\nabc\r\n0\r\n", .bareCarriageReturn),
        ChunkedRow("2.2 LF behind an extension", "3;a\nabc\r\n0\r\n", .bareLineFeed),
        ChunkedRow("2.2 CR in an extension", "3;a\rb\r\nabc\r\n0\r\n", .bareCarriageReturn),
        ChunkedRow("2.2 LF before an extension", "3 \n;a\r\nabc\r\n0\r\n", .bareLineFeed),
        ChunkedRow("7.1.1 NUL in an extension", "3;a\u{0}\r\nabc\r\n0\r\n", .controlCharacter),
        ChunkedRow("7.1 content too long", "3\r\nabcd\r\n0\r\n", .malformedChunkEnd),
        ChunkedRow("7.1 content too short", "4\r\nabc\r\n0\r\n", .bareLineFeed),
        ChunkedRow("2.2 LF behind content", "3\r\nabc\n0\r\n", .bareLineFeed),
        ChunkedRow("2.2 CR behind content", "3\r\nabc\r0\r\n", .bareCarriageReturn),
        ChunkedRow("7.1 two CRLFs behind content", "3\r\nabc\r\n\r\n0\r\n", .malformedChunkSize),
        ChunkedRow("2.2 LF behind the last", "0\n", .bareLineFeed),
    ]

    @Test("a chunked body that is not to the letter is refused", arguments: invalid)
    func refuses(row: ChunkedRow) {
        #expect(ChunkedReading(wire(row.body), cuts: []).error == row.error)
        ParserVerifier.verifyChunked(wire(row.body))
    }

    @Test("extensions are bounded over the whole body")
    func extensionLimit() {
        let size = chunkExtensionLimit
        let one = ";" + String(repeating: "x", count: size / 2 - 1)
        let most = wire("1\(one)\r\na\r\n1\(one)\r\nb\r\n0\r\n")
        let reading = ChunkedReading(most, cuts: [])
        #expect(reading.isComplete && reading.content == wire("ab") && reading.extensions.count == size)
        let tooMuch = wire("1\(one)\r\na\r\n1\(one)x\r\nb\r\n0\r\n")
        #expect(ChunkedReading(tooMuch, cuts: []).error == .chunkExtensionsTooLong)
        #expect(ChunkedReading(tooMuch, cuts: Array(tooMuch.indices)).error == .chunkExtensionsTooLong)
        let endless = wire("1;" + String(repeating: "x", count: size))
        #expect(ChunkedReading(endless, cuts: []).error == .chunkExtensionsTooLong)
    }

    @Test("a body that is cut off is never complete")
    func truncated() {
        for row in ChunkedDecoderTests.valid {
            let bytes = wire(row.body)
            for count in bytes.indices {
                let reading = ChunkedReading(Array(bytes[..<count]), cuts: [])
                #expect(reading.error == nil && !reading.isComplete)
            }
        }
    }

    @Test("runs are named and sized as they come")
    func runs() throws {
        let bytes = wire("5;x\r\nhello\r\n2\r\nab\r\n0\r\n\r\n")
        var decoder = ChunkedDecoder()
        var runs: [ChunkedDecoder.Run] = []
        var start = 0
        while runs.last != .trailers {
            if start == 5 { #expect(decoder.remainingInChunk == 5) }
            let run = try decoder.next(bytes.span.extracting(start...), extensionLimit: 0x1000)
            runs.append(run)
            switch run {
            case .framing(let count), .content(let count), .ext(let count): start += count
            case .trailers: break
            }
        }
        let expected: [ChunkedDecoder.Run] = [
            .framing(1), .ext(2), .framing(2), .content(5), .framing(5), .content(2), .framing(5), .trailers,
        ]
        #expect(runs == expected)
        #expect(decoder.isAtTrailers && start == bytes.count - 2 && decoder.remainingInChunk == 0)
    }

    @Test("the largest chunk size is 2^63 - 1, and a decoder is small")
    func sizes() throws {
        var decoder = ChunkedDecoder()
        let size = wire("7fffffffffffffff\r\n")
        #expect(try decoder.next(size.span, extensionLimit: 0) == .framing(size.count))
        #expect(decoder.remainingInChunk == UInt64(Int64.max))
        #expect(try decoder.next(wire("abc").span, extensionLimit: 0) == .content(3))
        #expect(decoder.remainingInChunk == UInt64(Int64.max) - 3)
        #expect(MemoryLayout<ChunkedDecoder>.stride <= 16)
    }
}
