import Basics
import HTTPWire
import Testing

/// Field lines, the options read from them, and the names that are left to forward.
struct ConnectionRow: Sendable, CustomTestStringConvertible {
    let fields: [String]
    let options: ConnectionOptions
    let kept: [String]

    init(_ fields: [String], _ options: ConnectionOptions, kept: [String]) {
        (self.fields, self.options, self.kept) = (fields, options, kept)
    }

    var testDescription: String { fields.joined(separator: " | ") }
}

@Suite struct ConnectionOptionsTests {
    static let rows: [ConnectionRow] = [
        ConnectionRow(["A: b"], [], kept: ["A"]),
        ConnectionRow(["Connection: close"], .close, kept: []),
        ConnectionRow(["connection: CLOSE", "A: b"], .close, kept: ["A"]),
        ConnectionRow(["Connection: keep-alive", "Keep-Alive: timeout=5"], .keepAlive, kept: []),
        ConnectionRow(["Connection: upgrade, close", "Upgrade: websocket"], [.upgrade, .close], kept: []),
        ConnectionRow(["Connection: Upgrade", "Connection: TE", "TE: trailers"], [.upgrade, .te], kept: []),
        ConnectionRow(["Connection: ,, close ,\t,"], .close, kept: []),
        ConnectionRow(["Connection:"], [], kept: []),
        ConnectionRow(["Connection: x-a", "X-A: 1", "x-A: 2", "X-AB: 3"], .nominated, kept: ["X-AB"]),
        ConnectionRow(["X-A: 1", "B: 2", "Connection: X-A, b"], .nominated, kept: []),
        ConnectionRow(["Connection: absent"], .nominated, kept: []),
        // RFC 9110 §7.6.1: fields that go whatever Connection says
        ConnectionRow(
            ["Keep-Alive: x", "Proxy-Connection: keep-alive", "TE: trailers", "Transfer-Encoding: chunked"],
            [],
            kept: []
        ),
        ConnectionRow(["Upgrade: h2c", "HTTP2-Settings: AAA", "Proxy-Authorization: Basic x"], [], kept: []),
        ConnectionRow(["Proxy-Authenticate: Basic", "Proxy-Authentication-Info: x"], [], kept: []),
        ConnectionRow(
            ["Trailer: X", "Via: 1.1 a", "Max-Forwards: 3"],
            [],
            kept: ["Trailer", "Via", "Max-Forwards"]
        ),
        // RFC 9112 appendix C.2.2
        ConnectionRow(["Proxy-Connection: close"], .close, kept: []),
        ConnectionRow(["Proxy-Connection: Keep-Alive", "A: b"], [], kept: ["A"]),
        ConnectionRow(["Proxy-Connection: A", "A: b"], [], kept: ["A"]),
        // Fields for every recipient are not to be nominated away.
        ConnectionRow(
            ["Connection: host, content-length, close", "Host: h", "Content-Length: 3"],
            [.close, .nominated],
            kept: ["Host", "Content-Length"]
        ),
        ConnectionRow(
            [
                "Connection: authorization, cookie, x-forwarded-for, via", "Authorization: x", "Cookie: y",
                "X-Forwarded-For: z", "Via: 1.1 a",
            ],
            .nominated,
            kept: ["Authorization", "Cookie", "X-Forwarded-For", "Via"]
        ),
    ]

    @Test("Connection is read and hop-by-hop fields are dropped (RFC 9110 §7.6.1)", arguments: rows)
    func reads(row: ConnectionRow) throws {
        let lines = row.fields.map { $0 + "\r\n" }.joined()
        var (bytes, _, fields) = try validRequest("GET / HTTP/1.1\r\n\(lines)\r\n")
        let options = try ConnectionOptions.read(bytes.span, &fields)
        #expect(options == row.options)
        #expect(fields.count == row.fields.count, "dropped fields can still be read")
        var out = ByteBuffer()
        HeadWriter.appendFields(bytes.span, fields, to: &out)
        let kept = row.fields.filter { line in row.kept.contains { line.hasPrefix($0 + ":") } }
        #expect(bytesOf(out) == wire(kept.map { $0 + "\r\n" }.joined()))
    }

    @Test(
        "an option that is not a token is refused",
        arguments: ["a b", "close;x", "\"close\"", "caf\u{E9}", "a/b"]
    )
    func invalidOption(value: String) throws {
        var (bytes, _, fields) = try validRequest("GET / HTTP/1.1\r\nConnection: \(value)\r\n\r\n")
        #expect(wireError { _ = try ConnectionOptions.read(bytes.span, &fields) } == .invalidConnectionOption)
    }

    @Test("the number of options is bounded over all Connection fields")
    func tooMany() throws {
        let half = Array(repeating: "a", count: ConnectionOptions.limit / 2).joined(separator: ",")
        let lines = "Connection: \(half)\r\nConnection: \(half)\r\n"
        var (bytes, _, fields) = try validRequest("GET / HTTP/1.1\r\n\(lines)\r\n")
        #expect(try ConnectionOptions.read(bytes.span, &fields) == .nominated)
        (bytes, _, fields) = try validRequest("GET / HTTP/1.1\r\n\(lines)Connection: b\r\n\r\n")
        #expect(
            wireError { _ = try ConnectionOptions.read(bytes.span, &fields) } == .tooManyConnectionOptions
        )
    }

    @Test("nominated names take their trailers with them (RFC 9110 §7.6.1)")
    func nominatedTrailers() throws {
        let lines = "Connection: close, X-Sum\r\nConnection: keep-alive, etag\r\n"
        var (bytes, _, fields) = try validRequest("GET / HTTP/1.1\r\n\(lines)\r\n")
        #expect(try ConnectionOptions.read(bytes.span, &fields).contains(.nominated))
        var names = ByteBuffer()
        ConnectionOptions.appendNominated(bytes.span, fields, to: &names)
        #expect(bytesOf(names) == wire("X-Sum,etag"))
        let trailers = wire("x-sum: 1\r\nX-Other: 2\r\nETag: 3\r\n\r\n")
        var reader = HeadReader(.trailers)
        _ = reader.read(trailers)
        ConnectionOptions.dropNominated(names.span, from: &reader.fields, in: trailers.span)
        var out = ByteBuffer()
        HeadWriter.appendTrailers(trailers.span, reader.fields, to: &out)
        #expect(bytesOf(out) == wire("X-Other: 2\r\n\r\n"))
    }
}

/// A copy of a buffer's content.
func bytesOf(_ buffer: ByteBuffer) -> [UInt8] {
    let span = buffer.span
    return span.indices.map { span[$0] }
}
