import Testing

/// One request as the client sends it and as the origin gets it.
struct RequestRow: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let sent: String
    let expected: String
    /// "host:port" that is dialled.
    var destination = "origin.test:80"

    init(_ rule: String, _ sent: String, _ expected: String, to destination: String = "origin.test:80") {
        testDescription = rule
        self.sent = sent
        self.expected = expected
        self.destination = destination
    }
}

@Suite("Request heads")
struct RequestRewritingTests {
    private static let targetRows = [
        RequestRow(
            "absolute-form becomes origin-form",
            message("GET http://origin.test/a/b?c=d HTTP/1.1", "Host: origin.test"),
            message("GET /a/b?c=d HTTP/1.1", "Host: origin.test", "Via: 1.1 weir")
        ),
        RequestRow(
            "the version is our own, not a higher one of the client's (RFC 9110 §2.5)",
            message("GET http://origin.test/ HTTP/1.2", "Host: origin.test"),
            message("GET / HTTP/1.1", "Host: origin.test", "Via: 1.1 weir")
        ),
        RequestRow(
            "Host comes from the target, not from the client",
            message("GET http://origin.test:8080/ HTTP/1.1", "Host: liar.test"),
            message("GET / HTTP/1.1", "Host: origin.test:8080", "Via: 1.1 weir"),
            to: "origin.test:8080"
        ),
        RequestRow(
            "the case of the host is kept in Host and ignored by the pool",
            message("GET http://Origin.TEST/ HTTP/1.1", "Host: x"),
            message("GET / HTTP/1.1", "Host: Origin.TEST", "Via: 1.1 weir")
        ),
        RequestRow(
            "an IPv6 literal keeps its brackets in Host only",
            message("GET http://[2001:db8::1]:8080/ HTTP/1.1", "Host: x"),
            message("GET / HTTP/1.1", "Host: [2001:db8::1]:8080", "Via: 1.1 weir"),
            to: "2001:db8::1:8080"
        ),
        RequestRow(
            "an empty path becomes a slash",
            message("GET http://origin.test HTTP/1.1", "Host: x"),
            message("GET / HTTP/1.1", "Host: origin.test", "Via: 1.1 weir")
        ),
        RequestRow(
            "a query without a path gets a slash",
            message("GET http://origin.test?q=1 HTTP/1.1", "Host: x"),
            message("GET /?q=1 HTTP/1.1", "Host: origin.test", "Via: 1.1 weir")
        ),
        RequestRow(
            "OPTIONS without a path asks about the server",
            message("OPTIONS http://origin.test HTTP/1.1", "Host: x"),
            message("OPTIONS * HTTP/1.1", "Host: origin.test", "Via: 1.1 weir")
        ),
        RequestRow(
            "OPTIONS with a path asks about that",
            message("OPTIONS http://origin.test/ HTTP/1.1", "Host: x"),
            message("OPTIONS / HTTP/1.1", "Host: origin.test", "Via: 1.1 weir")
        ),
        RequestRow(
            "a method that weir does not know passes",
            message("PROPFIND http://origin.test/ HTTP/1.1", "Host: x"),
            message("PROPFIND / HTTP/1.1", "Host: origin.test", "Via: 1.1 weir")
        ),
        RequestRow(
            "HTTP/1.0 is forwarded as 1.1 and named in Via",
            message("GET http://origin.test/ HTTP/1.0"),
            message("GET / HTTP/1.1", "Host: origin.test", "Via: 1.0 weir")
        ),
        RequestRow(
            "empty lines before the request are skipped",
            "\r\n" + message("GET http://origin.test/ HTTP/1.1", "Host: x"),
            message("GET / HTTP/1.1", "Host: origin.test", "Via: 1.1 weir")
        ),
    ]

    private static let fieldRows = [
        RequestRow(
            "other fields pass unchanged and in order",
            message("GET http://origin.test/ HTTP/1.1", "Accept: a", "Host: x", "X-B:  b ", "accept: c"),
            message(
                "GET / HTTP/1.1",
                "Host: origin.test",
                "Accept: a",
                "X-B:  b ",
                "accept: c",
                "Via: 1.1 weir"
            )
        ),
        RequestRow(
            "hop-by-hop fields go, nominated or not",
            message(
                "GET http://origin.test/ HTTP/1.1",
                "Host: x",
                "Connection: keep-alive",
                "Keep-Alive: 5",
                "Proxy-Connection: keep-alive",
                "TE: trailers",
                "Upgrade: h2c",
                "HTTP2-Settings: x",
                "Proxy-Authorization: secret",
                "Accept: a"
            ),
            message("GET / HTTP/1.1", "Host: origin.test", "Accept: a", "Via: 1.1 weir")
        ),
        RequestRow(
            "fields that Connection nominates go",
            message(
                "GET http://origin.test/ HTTP/1.1",
                "Host: x",
                "Connection: X-One, x-two",
                "X-One: 1",
                "X-Two: 2",
                "X-Three: 3"
            ),
            message("GET / HTTP/1.1", "Host: origin.test", "X-Three: 3", "Via: 1.1 weir")
        ),
        RequestRow(
            "close names a field too, should there be one",
            message("GET http://origin.test/ HTTP/1.1", "Host: x", "Connection: close", "Close: 1", "A: b"),
            message("GET / HTTP/1.1", "Host: origin.test", "A: b", "Via: 1.1 weir")
        ),
        RequestRow(
            "fields that are meant for the origin cannot be nominated away",
            message("GET http://origin.test/ HTTP/1.1", "Host: x", "Connection: cookie, host", "Cookie: a=b"),
            message("GET / HTTP/1.1", "Host: origin.test", "Cookie: a=b", "Via: 1.1 weir")
        ),
        RequestRow(
            "TE is renewed for trailers alone",
            message(
                "GET http://origin.test/ HTTP/1.1",
                "Host: x",
                "Connection: TE",
                "TE: gzip;q=0.5, trailers"
            ),
            message("GET / HTTP/1.1", "Host: origin.test", "Connection: TE", "TE: trailers", "Via: 1.1 weir")
        ),
        RequestRow(
            "TE without trailers is not renewed",
            message("GET http://origin.test/ HTTP/1.1", "Host: x", "Connection: TE", "TE: gzip"),
            message("GET / HTTP/1.1", "Host: origin.test", "Via: 1.1 weir")
        ),
        RequestRow(
            "an upgrade that Connection nominates is renewed",
            message(
                "GET http://origin.test/ HTTP/1.1",
                "Host: x",
                "Connection: upgrade",
                "Upgrade: websocket"
            ),
            message(
                "GET / HTTP/1.1",
                "Host: origin.test",
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Via: 1.1 weir"
            )
        ),
        RequestRow(
            "only protocols that are relayed are offered to the origin",
            message(
                "GET http://origin.test/ HTTP/1.1",
                "Host: x",
                "Connection: upgrade, HTTP2-Settings",
                "Upgrade: h2c, WebSocket",
                "Upgrade: TLS/1.2, HTTP/3, tcp, SPDY/3.1, b@d, x/",
                "HTTP2-Settings: AAMAAABkAAQ"
            ),
            message(
                "GET / HTTP/1.1",
                "Host: origin.test",
                "Connection: Upgrade",
                "Upgrade: WebSocket,tcp,SPDY/3.1",
                "Via: 1.1 weir"
            )
        ),
        RequestRow(
            "an offer of HTTP/2 alone is none",
            message(
                "GET http://origin.test/ HTTP/1.1",
                "Host: x",
                "Connection: Upgrade, HTTP2-Settings",
                "Upgrade: h2c",
                "HTTP2-Settings: AAMAAABkAAQ"
            ),
            message("GET / HTTP/1.1", "Host: origin.test", "Via: 1.1 weir")
        ),
        RequestRow(
            "Max-Forwards of OPTIONS is counted down",
            message("OPTIONS http://origin.test/ HTTP/1.1", "Host: x", "Max-Forwards: 3"),
            message("OPTIONS / HTTP/1.1", "Host: origin.test", "Max-Forwards: 2", "Via: 1.1 weir")
        ),
        RequestRow(
            "Max-Forwards of TRACE is counted down",
            message("TRACE http://origin.test/ HTTP/1.1", "Host: x", "Max-Forwards: 1", "A: b"),
            message("TRACE / HTTP/1.1", "Host: origin.test", "A: b", "Max-Forwards: 0", "Via: 1.1 weir")
        ),
        RequestRow(
            "Max-Forwards of other methods is none of weir's business",
            message("GET http://origin.test/ HTTP/1.1", "Host: x", "Max-Forwards: 0"),
            message("GET / HTTP/1.1", "Host: origin.test", "Max-Forwards: 0", "Via: 1.1 weir")
        ),
        RequestRow(
            "an HTTP/1.0 client has no expectations and understands no trailers",
            message(
                "POST http://origin.test/ HTTP/1.0",
                "Expect: 100-continue",
                "Connection: TE",
                "TE: trailers",
                "Content-Length: 1",
                content: "x"
            ),
            message(
                "POST / HTTP/1.1",
                "Host: origin.test",
                "Content-Length: 1",
                "Via: 1.0 weir",
                content: "x"
            )
        ),
        RequestRow(
            "an HTTP/1.0 client is offered no upgrade",
            message("GET http://origin.test/ HTTP/1.0", "Connection: upgrade", "Upgrade: websocket"),
            message("GET / HTTP/1.1", "Host: origin.test", "Via: 1.0 weir")
        ),
        RequestRow(
            "weir's Via follows those before it",
            message("GET http://origin.test/ HTTP/1.1", "Host: x", "Via: 1.1 other"),
            message("GET / HTTP/1.1", "Host: origin.test", "Via: 1.1 other", "Via: 1.1 weir")
        ),
        RequestRow(
            "content with a length passes as it is",
            message("POST http://origin.test/ HTTP/1.1", "Host: x", "Content-Length: 5", content: "hello"),
            message(
                "POST / HTTP/1.1",
                "Host: origin.test",
                "Content-Length: 5",
                "Via: 1.1 weir",
                content: "hello"
            )
        ),
        RequestRow(
            "chunked content is announced anew and loses its extensions",
            message(
                "POST http://origin.test/ HTTP/1.1",
                "Host: x",
                "transfer-encoding: Chunked",
                content: "5;a=b\r\nhello\r\n0\r\n\r\n"
            ),
            message(
                "POST / HTTP/1.1",
                "Host: origin.test",
                "Transfer-Encoding: chunked",
                "Via: 1.1 weir",
                content: "5\r\nhello\r\n0\r\n\r\n"
            )
        ),
        RequestRow(
            "trailers pass, but for those that must not be trailers",
            message(
                "POST http://origin.test/ HTTP/1.1",
                "Host: x",
                "Transfer-Encoding: chunked",
                content: "0\r\nX-Sum: 1\r\nHost: evil\r\nContent-Length: 7\r\nConnection: close\r\n\r\n"
            ),
            message(
                "POST / HTTP/1.1",
                "Host: origin.test",
                "Transfer-Encoding: chunked",
                "Via: 1.1 weir",
                content: "0\r\nX-Sum: 1\r\n\r\n"
            )
        ),
        RequestRow(
            "trailers that Connection nominates go",
            message(
                "POST http://origin.test/ HTTP/1.1",
                "Host: x",
                "Connection: x-hop, X-Too",
                "Transfer-Encoding: chunked",
                content: "0\r\nX-Hop: 1\r\nX-Sum: 1\r\nx-too: 2\r\n\r\n"
            ),
            message(
                "POST / HTTP/1.1",
                "Host: origin.test",
                "Transfer-Encoding: chunked",
                "Via: 1.1 weir",
                content: "0\r\nX-Sum: 1\r\n\r\n"
            )
        ),
    ]

    @Test("the request target", arguments: targetRows)
    func targetForm(row: RequestRow) throws { try check(row) }

    @Test("the fields of a request", arguments: fieldRows)
    func fieldLines(row: RequestRow) throws { try check(row) }

    private func check(_ row: RequestRow) throws {
        // In one piece, byte by byte, and in pieces that cut lines anywhere.
        for pieces in [Int.max, 1, 7] {
            try withProxy { shell in
                let client = try shell.client()
                shell.send(client, row.sent, in: pieces)
                let origin = try shell.dialled()
                #expect(origin.take() == row.expected)
                #expect(shell.destinations == ["\(row.destination) http"])
                shell.send(origin, ok())
                #expect(client.take().hasPrefix("HTTP/1.1 200 OK\r\n"))
            }
        }
    }

    @Test("a second spelling of the same host is the same origin")
    func sameOrigin() throws {
        try withProxy { shell in
            let (client, origin) = try shell.parkedPair()
            shell.send(client, get("http://ORIGIN.test:80/second"))
            #expect(origin.take().hasPrefix("GET /second HTTP/1.1\r\nHost: ORIGIN.test:80\r\n"))
            #expect(shell.dials.isEmpty)
        }
    }
}
