import Basics
import HTTPWire
import Testing

@testable import ProxyCore

/// One message that goes beyond one limit.
struct LimitRow: CustomTestStringConvertible, Sendable {
    let limit: Limit
    /// The limits are these: head 600 B, target 100 B, 9 fields, extensions 20 B.
    let request: String
    /// What the origin sends, if it comes to that.
    var response = ""
    /// What the client's answer begins with behind "HTTP/1.1 ", and the error type.
    let status: String
    var token = "http_request_error"

    var testDescription: String { "\(limit)" }
}

@Suite("Limits on one message: each has an answer and is counted")
struct LimitTests {
    private static let long = String(repeating: "x", count: 700)
    private static let many = String(repeating: "A: b\r\n", count: 10)

    private static func chunked(_ content: String, more: String = "") -> String {
        message(
            "POST http://origin.test/ HTTP/1.1",
            "Host: x",
            "Transfer-Encoding: chunked",
            content: content
        )
    }

    private static func chunkedResponse(_ content: String) -> String {
        message("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", content: content)
    }

    private static let rows = [
        LimitRow(limit: .uriSize, request: get("http://origin.test/\(long.prefix(100))"), status: "414 "),
        LimitRow(
            limit: .requestHeadSize,
            request: message("GET http://origin.test/ HTTP/1.1", "Host: x", "A: \(long)"),
            status: "431 "
        ),
        LimitRow(
            limit: .requestFields,
            request: "GET http://origin.test/ HTTP/1.1\r\nHost: x\r\n\(many)\r\n",
            status: "431 "
        ),
        LimitRow(limit: .requestTrailers, request: chunked("0\r\nT: \(long)"), status: "431 "),
        LimitRow(
            limit: .requestChunkExtensions,
            request: chunked("1;\(long.prefix(20))\r\nx\r\n"),
            status: "400 "
        ),
        LimitRow(
            limit: .responseHeadSize,
            request: get(),
            response: message("HTTP/1.1 200 OK", "A: \(long)"),
            status: "502 ",
            token: "http_response_header_section_size"
        ),
        LimitRow(
            limit: .responseFields,
            request: get(),
            response: "HTTP/1.1 200 OK\r\n\(many)\r\n",
            status: "502 ",
            token: "http_response_header_section_size"
        ),
    ]

    private static func lower(_ configuration: inout EngineConfiguration) {
        configuration.heads = HeadLimits(headSize: 600, fields: 9, uriSize: 100)
        configuration.chunkExtensions = 20
    }

    @Test("too much of a head, of trailers or of extensions", arguments: rows)
    func tooMuch(row: LimitRow) throws {
        try withProxy(LimitTests.lower) { shell in
            let client = try shell.client(row.request)
            if !shell.dials.isEmpty {
                let origin = try shell.dialled()
                if !row.response.isEmpty { shell.send(origin, row.response) }
                #expect(origin.closed == .reset, "never reused")
            }
            let text = client.take()
            #expect(text.hasPrefix("HTTP/1.1 \(row.status)"), "\(text)")
            #expect(text.contains("Proxy-Status: weir; error=\(row.token); details=\""), "\(text)")
            expectCounted(row.limit, shell)
        }
    }

    @Test(
        "too much behind a response's head cuts the response, visibly",
        arguments: [
            (Limit.responseTrailers, chunkedResponse("1\r\nx\r\n0\r\nT: \(long)")),
            (.responseChunkExtensions, chunkedResponse("1\r\nx\r\n1;\(long.prefix(20))\r\ny\r\n")),
        ]
    )
    func tooMuchInContent(limit: Limit, response: String) throws {
        try withProxy(LimitTests.lower) { shell in
            let (client, origin) = try shell.exchange()
            shell.send(origin, response)
            #expect(origin.closed == .reset && client.hasSeenFIN)
            #expect(!client.take().hasSuffix("0\r\n\r\n"))
            expectCounted(limit, shell)
        }
    }

    @Test("a head that trickles in is answered after header_timeout")
    func headerTimeout() throws {
        try withProxy { shell in
            let client = try shell.client("G")
            for byte in "ET http:/" {
                shell.advance(.milliseconds(1050))
                shell.send(client, String(byte))
            }
            #expect(client.take().isEmpty)
            shell.advance(.milliseconds(550))
            #expect(client.take().hasPrefix("HTTP/1.1 408 "))
            expectCounted(.headerTimeout, shell)
        }
    }

    @Test("content that trickles in does not prolong write_timeout; enough of it does")
    func minProgress() throws {
        try withProxy({ $0.minProgress = 10 }) { shell in
            let client = try shell.client(
                message("POST http://origin.test/ HTTP/1.1", "Host: x", "Content-Length: 99", content: "a")
            )
            let origin = try shell.dialled()
            shell.advance(.seconds(299))
            shell.send(client, "123456789")
            shell.advance(.seconds(299))
            #expect(client.take().isEmpty, "ten bytes are progress")
            shell.send(client, "123456789")
            shell.advance(.seconds(1))
            #expect(client.take().hasPrefix("HTTP/1.1 408 "), "nine are not")
            #expect(origin.closed == .reset)
            expectCounted(.minProgress, shell)
        }
    }

    @Test("content that stands still is answered after write_timeout")
    func writeTimeout() throws {
        try withProxy { shell in
            let client = try shell.client(
                message("POST http://origin.test/ HTTP/1.1", "Host: x", "Content-Length: 9")
            )
            _ = try shell.dialled()
            shell.advance(.seconds(300))
            #expect(client.take().hasPrefix("HTTP/1.1 408 "))
            expectCounted(.writeTimeout, shell)
        }
    }

    private func expectCounted(_ limit: Limit, _ shell: EngineHarness) {
        for other in Limit.allCases {
            #expect(shell.statistics.limits[Int(other.rawValue)] == (other == limit ? 1 : 0), "\(other)")
        }
    }
}
