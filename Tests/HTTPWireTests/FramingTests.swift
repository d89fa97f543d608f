import Basics
import HTTPWire
import Testing

/// Fields of a message and the framing or the error they must give.
struct FramingRow: Sendable, CustomTestStringConvertible {
    let section: String
    let fields: String
    let framing: BodyFraming?
    let error: WireError?
    var start: String

    init(_ section: String, _ fields: String, _ framing: BodyFraming, start: String = "") {
        (self.section, self.fields, self.framing, error, self.start) = (section, fields, framing, nil, start)
    }

    init(_ section: String, _ fields: String, _ error: WireError, start: String = "") {
        (self.section, self.fields, self.error, framing, self.start) = (section, fields, error, nil, start)
    }

    var testDescription: String { "\(section): \(start) \(fields.debugDescription)" }

    var lines: String { fields.isEmpty ? "" : fields + "\r\n" }
}

@Suite struct FramingTests {
    /// What is true of Content-Length and Transfer-Encoding in both directions.
    static let common: [FramingRow] = [
        FramingRow("6.2 zero", "Content-Length: 0", .length(0)),
        FramingRow("6.2 any case", "CONTENT-length:42", .length(42)),
        FramingRow("6.2 leading zeros", "Content-Length: 0000000000000000000000042", .length(42)),
        FramingRow("6.2 largest", "Content-Length: 9223372036854775807", .length(9_223_372_036_854_775_807)),
        FramingRow("6.3 one too large", "Content-Length: 9223372036854775808", .invalidContentLength),
        FramingRow("6.3 above 64 bits", "Content-Length: 18446744073709551617", .invalidContentLength),
        FramingRow("6.3 very large", "Content-Length: 99999999999999999999999", .invalidContentLength),
        FramingRow("6.3 plus", "Content-Length: +5", .invalidContentLength),
        FramingRow("6.3 minus", "Content-Length: -5", .invalidContentLength),
        FramingRow("6.3 hexadecimal", "Content-Length: 0x5", .invalidContentLength),
        FramingRow("6.3 space inside", "Content-Length: 5 5", .invalidContentLength),
        FramingRow("6.3 fraction", "Content-Length: 5.0", .invalidContentLength),
        FramingRow("6.3 empty", "Content-Length:", .invalidContentLength),
        FramingRow("6.3 one empty of two", "Content-Length: 5\r\nContent-Length:", .invalidContentLength),
        FramingRow("6.3 high digits", "Content-Length: \u{B2}", .invalidContentLength),
        FramingRow("6.3 list with junk", "Content-Length: 5, x", .invalidContentLength),
        FramingRow("6.3 equal list", "Content-Length: 5, 5", .repeatedContentLength),
        FramingRow("6.3 list of one", "Content-Length: 5,", .repeatedContentLength),
        FramingRow("6.3 equal lines", "Content-Length: 5\r\nContent-Length: 5", .repeatedContentLength),
        FramingRow("6.3 unequal list", "Content-Length: 5, 6", .differingContentLengths),
        FramingRow(
            "6.3 unequal lines",
            "Content-Length: 5\r\nA: b\r\ncontent-length: 6",
            .differingContentLengths
        ),
        FramingRow("7.1 chunked", "Transfer-Encoding: chunked", .chunked),
        FramingRow("7 any case", "transfer-encoding:\tCHUNKED ", .chunked),
        FramingRow(
            "6.3 both",
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            .contentLengthWithTransferEncoding
        ),
        FramingRow(
            "6.3 both, junk coding",
            "Transfer-Encoding: x\r\nContent-Length: 5",
            .contentLengthWithTransferEncoding
        ),
        FramingRow(
            "6.1 another coding before",
            "Transfer-Encoding: gzip, chunked",
            .unsupportedTransferCoding
        ),
        FramingRow(
            "6.1 in two lines",
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
            .unsupportedTransferCoding
        ),
        FramingRow("6.3 not chunked", "Transfer-Encoding: gzip", .malformedTransferEncoding),
        FramingRow("6.3 identity", "Transfer-Encoding: identity", .malformedTransferEncoding),
        FramingRow("6.3 not last", "Transfer-Encoding: chunked, gzip", .malformedTransferEncoding),
        FramingRow("6.1 twice", "Transfer-Encoding: chunked, chunked", .malformedTransferEncoding),
        FramingRow(
            "6.1 twice in lines",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            .malformedTransferEncoding
        ),
        FramingRow(
            "6.1 hidden by a second",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            .malformedTransferEncoding
        ),
        FramingRow("6.1 prefix", "Transfer-Encoding: xchunked", .malformedTransferEncoding),
        FramingRow("6.1 suffix", "Transfer-Encoding: chunkedx", .malformedTransferEncoding),
        FramingRow("6.1 quoted", "Transfer-Encoding: \"chunked\"", .malformedTransferEncoding),
        FramingRow("6.1 parameter", "Transfer-Encoding: chunked;a=b", .malformedTransferEncoding),
        FramingRow("6.1 comma before", "Transfer-Encoding: ,chunked", .malformedTransferEncoding),
        FramingRow("6.1 comma behind", "Transfer-Encoding: chunked,", .malformedTransferEncoding),
        FramingRow("6.1 empty", "Transfer-Encoding:", .malformedTransferEncoding),
        FramingRow("6.1 high byte", "Transfer-Encoding: chunked\u{A0}", .malformedTransferEncoding),
        FramingRow("another name", "Transfer_Encoding: chunked\r\nContent-Length: 5", .length(5)),
    ]

    @Test("a request's length is unambiguous or refused (RFC 9112 §6)", arguments: common)
    func request(row: FramingRow) throws { try checkRequest(row, "POST / HTTP/1.1") }

    @Test("a response's length is unambiguous or refused (RFC 9112 §6)", arguments: common)
    func response(row: FramingRow) throws { try checkResponse(row, "HTTP/1.1 200 OK", .post) }

    static let requests: [FramingRow] = [
        FramingRow("6.3 item 7", "A: b", .none, start: "GET / HTTP/1.1"),
        FramingRow("6.3 item 7, POST", "", .none, start: "POST / HTTP/1.1"),
        FramingRow("a GET may have content", "Content-Length: 3", .length(3), start: "GET / HTTP/1.1"),
        FramingRow(
            "6.1 in HTTP/1.0",
            "Transfer-Encoding: chunked",
            .transferEncodingInHTTP10,
            start: "POST / HTTP/1.0"
        ),
        FramingRow("HTTP/1.0", "Content-Length: 3", .length(3), start: "POST / HTTP/1.0"),
        FramingRow("9110-9.3.6", "Content-Length: 3", .contentInConnect, start: "CONNECT h:1 HTTP/1.1"),
        FramingRow(
            "9110-9.3.6",
            "Transfer-Encoding: chunked",
            .contentInConnect,
            start: "CONNECT h:1 HTTP/1.1"
        ),
        FramingRow("9110-9.3.6 zero", "Content-Length: 0", .none, start: "CONNECT h:1 HTTP/1.1"),
        FramingRow("9110-9.3.6 nothing", "", .none, start: "CONNECT h:1 HTTP/1.1"),
    ]

    @Test("what is particular to requests", arguments: requests)
    func requestOnly(row: FramingRow) throws { try checkRequest(row, row.start) }

    static let responses: [FramingRow] = [
        FramingRow("6.3 item 8", "A: b", .untilClose, start: "HTTP/1.1 200 OK"),
        FramingRow("6.3 item 8, error", "", .untilClose, start: "HTTP/1.0 404 No"),
        FramingRow(
            "6.1 in 1.0",
            "Transfer-Encoding: chunked",
            .transferEncodingInHTTP10,
            start: "HTTP/1.0 200 OK"
        ),
        FramingRow("6.3 item 1", "Content-Length: 5", .none, start: "HTTP/1.1 304 Not Modified"),
        FramingRow("6.3 item 1", "Transfer-Encoding: chunked", .none, start: "HTTP/1.1 204 No Content"),
        FramingRow("6.3 item 1", "Content-Length: 5", .none, start: "HTTP/1.1 100 Continue"),
        FramingRow("6.3 item 1", "Content-Length: 5, 6", .none, start: "HTTP/1.1 103 Early Hints"),
        FramingRow("6.3 item 1", "Content-Length: 5", .none, start: "HTTP/1.1 101 Switching Protocols"),
        FramingRow("205 may have content", "Content-Length: 5", .length(5), start: "HTTP/1.1 205 Reset"),
    ]

    @Test("what is particular to responses", arguments: responses)
    func responseOnly(row: FramingRow) throws { try checkResponse(row, row.start, .get) }

    @Test("responses to HEAD and successes of CONNECT end with their heads (RFC 9112 §6.3 items 1 and 2)")
    func byMethod() throws {
        for fields in ["Content-Length: 5", "Transfer-Encoding: chunked", ""] {
            let row = FramingRow("6.3", fields, .none)
            try checkResponse(row, "HTTP/1.1 200 OK", .head)
            try checkResponse(row, "HTTP/1.1 404 No", .head)
            try checkResponse(row, "HTTP/1.1 200 OK", .connect)
            try checkResponse(row, "HTTP/1.1 299 OK", .connect)
        }
        // RFC 9110 §8.6: what the client will read must not be nonsense.
        let nonsense = FramingRow("8.6", "Content-Length: x", .invalidContentLength)
        try checkResponse(nonsense, "HTTP/1.1 200 OK", .head)
        try checkResponse(nonsense, "HTTP/1.1 304 Not Modified", .get)
        try checkResponse(FramingRow("6.3", "Content-Length: x", .none), "HTTP/1.1 200 OK", .connect)
        try checkResponse(FramingRow("6.3", "Content-Length: 5", .length(5)), "HTTP/1.1 407 No", .connect)
        try checkResponse(FramingRow("6.3", "", .untilClose), "HTTP/1.1 302 No", .connect)
    }

    @Test("fields that must not announce content are known by status (RFC 9110 §8.6)")
    func mustNotDeclare() {
        for status: UInt16 in [100, 101, 103, 199, 204] {
            #expect(Framing.mustNotDeclareContent(status: status, requestMethod: .get))
        }
        for status: UInt16 in [200, 205, 304, 404] {
            #expect(!Framing.mustNotDeclareContent(status: status, requestMethod: .head))
        }
        #expect(Framing.mustNotDeclareContent(status: 200, requestMethod: .connect))
        #expect(!Framing.mustNotDeclareContent(status: 400, requestMethod: .connect))
    }

    @Test("dropping the framing fields changes nothing")
    func dropped() throws {
        var (bytes, head, fields) = try validRequest("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        _ = try ConnectionOptions.read(bytes.span, &fields)
        #expect(fields[0].isDropped)
        #expect(try Framing.ofRequest(bytes.span, head, fields) == .chunked)
    }

    private func checkRequest(_ row: FramingRow, _ start: String) throws {
        let (bytes, head, fields) = try validRequest("\(start)\r\n\(row.lines)\r\n")
        var framing: BodyFraming?
        let error = wireError { framing = try Framing.ofRequest(bytes.span, head, fields) }
        #expect(framing == row.framing && error == row.error)
    }

    private func checkResponse(_ row: FramingRow, _ start: String, _ method: Method) throws {
        let (bytes, head, fields) = try validResponse("\(start)\r\n\(row.lines)\r\n")
        var framing: BodyFraming?
        let error = wireError {
            framing = try Framing.ofResponse(bytes.span, head, fields, requestMethod: method)
        }
        #expect(framing == row.framing && error == row.error)
    }
}
