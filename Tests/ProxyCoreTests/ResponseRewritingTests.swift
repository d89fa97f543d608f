import Basics
import ProxyCore
import Testing

/// One response as the origin sends it and as the client gets it.
struct ResponseRow: CustomTestStringConvertible, Sendable {
    let testDescription: String
    var request = get()
    let sent: String
    let expected: String
    /// The origin's connection goes back to the pool.
    var keepsOrigin = true
    /// The client's connection is parked.
    var keepsClient = true

    init(
        _ rule: String,
        to request: String = get(),
        _ sent: String,
        _ expected: String,
        keepsOrigin: Bool = true,
        keepsClient: Bool = true
    ) {
        testDescription = rule
        self.request = request
        self.sent = sent
        self.expected = expected
        self.keepsOrigin = keepsOrigin
        self.keepsClient = keepsClient
    }
}

@Suite("Responses")
struct ResponseRewritingTests {
    private static let kept = ["Connection: keep-alive", "Keep-Alive: timeout=59"]

    private static func head(_ lines: String..., keeps: Bool = true, content: String = "") -> String {
        let end = keeps ? kept : ["Connection: close"]
        return (lines + end).map { $0 + "\r\n" }.joined() + "\r\n" + content
    }

    private static let rows = [
        ResponseRow(
            "fields pass in order; Via and what happens to the connection are added",
            message("HTTP/1.1 200 OK", "X-A: 1", "Content-Length: 2", "Server: s", content: "hi"),
            head(
                "HTTP/1.1 200 OK",
                "X-A: 1",
                "Content-Length: 2",
                "Server: s",
                "Via: 1.1 weir",
                content: "hi"
            )
        ),
        ResponseRow(
            "hop-by-hop fields go, nominated or not",
            message(
                "HTTP/1.1 200 OK",
                "Connection: x-hop, keep-alive",
                "X-Hop: 1",
                "Keep-Alive: timeout=9",
                "Proxy-Connection: x",
                "Upgrade: h2c",
                "Content-Length: 0"
            ),
            head("HTTP/1.1 200 OK", "Content-Length: 0", "Via: 1.1 weir")
        ),
        ResponseRow(
            "the origin's close is not the client's",
            message("HTTP/1.1 200 OK", "Connection: close", "Content-Length: 0"),
            head("HTTP/1.1 200 OK", "Content-Length: 0", "Via: 1.1 weir"),
            keepsOrigin: false
        ),
        ResponseRow(
            "the client's close is not the origin's",
            to: message("GET http://origin.test/ HTTP/1.1", "Host: x", "Connection: close"),
            ok("hi"),
            head("HTTP/1.1 200 OK", "Content-Length: 2", "Via: 1.1 weir", keeps: false, content: "hi"),
            keepsClient: false
        ),
        ResponseRow(
            "Proxy-Connection: close counts",
            to: message("GET http://origin.test/ HTTP/1.1", "Host: x", "Proxy-Connection: close"),
            ok(),
            head("HTTP/1.1 200 OK", "Content-Length: 0", "Via: 1.1 weir", keeps: false),
            keepsClient: false
        ),
        ResponseRow(
            "an HTTP/1.0 client's connection is never kept",
            to: message("GET http://origin.test/ HTTP/1.0", "Connection: keep-alive"),
            ok("hi"),
            head("HTTP/1.1 200 OK", "Content-Length: 2", "Via: 1.1 weir", keeps: false, content: "hi"),
            keepsClient: false
        ),
        ResponseRow(
            "an HTTP/1.0 origin is named in Via and not kept",
            message("HTTP/1.0 200 OK", "Content-Length: 2", content: "hi"),
            head("HTTP/1.1 200 OK", "Content-Length: 2", "Via: 1.0 weir", content: "hi"),
            keepsOrigin: false
        ),
        ResponseRow(
            "an HTTP/1.0 origin that keeps its connection is kept",
            message("HTTP/1.0 200 OK", "Connection: keep-alive", "Content-Length: 2", content: "hi"),
            head("HTTP/1.1 200 OK", "Content-Length: 2", "Via: 1.0 weir", content: "hi")
        ),
        ResponseRow(
            "204 declares no content",
            message("HTTP/1.1 204 No Content", "Content-Length: 0", "X-A: 1"),
            head("HTTP/1.1 204 No Content", "X-A: 1", "Via: 1.1 weir")
        ),
        ResponseRow(
            "304 has a length and no content",
            message("HTTP/1.1 304 Not Modified", "Content-Length: 500"),
            head("HTTP/1.1 304 Not Modified", "Content-Length: 500", "Via: 1.1 weir")
        ),
        ResponseRow(
            "the answer to HEAD has a length and no content",
            to: message("HEAD http://origin.test/ HTTP/1.1", "Host: x"),
            message("HTTP/1.1 200 OK", "Content-Length: 500"),
            head("HTTP/1.1 200 OK", "Content-Length: 500", "Via: 1.1 weir")
        ),
        ResponseRow(
            "the answer to HEAD may name chunked and has no content",
            to: message("HEAD http://origin.test/ HTTP/1.1", "Host: x"),
            message("HTTP/1.1 200 OK", "Transfer-Encoding: chunked"),
            head("HTTP/1.1 200 OK", "Via: 1.1 weir")
        ),
        ResponseRow(
            "an empty reason phrase and an unknown status pass",
            message("HTTP/1.1 299 ", "Content-Length: 0"),
            head("HTTP/1.1 299 ", "Content-Length: 0", "Via: 1.1 weir")
        ),
        ResponseRow(
            "bytes behind a complete response reach nobody",
            ok("hi") + "HTTP/1.1 200 OK\r\n",
            head("HTTP/1.1 200 OK", "Content-Length: 2", "Via: 1.1 weir", content: "hi"),
            keepsOrigin: false
        ),
        ResponseRow(
            "white space before a colon is removed (RFC 9112 §5.1)",
            message("HTTP/1.1 200 OK", "X-A : 1", "Content-Length\t : 2", "X-B:2", content: "hi"),
            head("HTTP/1.1 200 OK", "X-A: 1", "Content-Length: 2", "X-B:2", "Via: 1.1 weir", content: "hi")
        ),
        ResponseRow(
            "white space does not hide a transfer coding",
            message(
                "HTTP/1.1 200 OK",
                "Transfer-Encoding : chunked",
                content: "2\r\nhi\r\n0\r\nT : x\r\n\r\n"
            ),
            head(
                "HTTP/1.1 200 OK",
                "Transfer-Encoding: chunked",
                "Via: 1.1 weir",
                content: "2\r\nhi\r\n0\r\nT: x\r\n\r\n"
            )
        ),
        ResponseRow(
            "a 426 says to what the client should switch, as far as that is relayed",
            message("HTTP/1.1 426 Upgrade Required", "Upgrade: websocket, h2c", "Content-Length: 0"),
            head(
                "HTTP/1.1 426 Upgrade Required",
                "Content-Length: 0",
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Via: 1.1 weir"
            )
        ),
        ResponseRow(
            "the version is our own, not a higher one of the origin's (RFC 9110 §2.5)",
            message("HTTP/1.2 200 OK", "Content-Length: 0"),
            head("HTTP/1.1 200 OK", "Content-Length: 0", "Via: 1.1 weir")
        ),
        ResponseRow(
            "chunked passes as chunked",
            message("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", content: "2\r\nhi\r\n0\r\n\r\n"),
            head(
                "HTTP/1.1 200 OK",
                "Transfer-Encoding: chunked",
                "Via: 1.1 weir",
                content: "2\r\nhi\r\n0\r\n\r\n"
            )
        ),
    ]

    @Test("a response on its way to the client", arguments: rows)
    func rewritten(row: ResponseRow) throws {
        for pieces in [Int.max, 1, 5] {
            // In pieces, bytes behind the response come after the pool has it; that is another case.
            if pieces != .max && row.sent.hasSuffix("HTTP/1.1 200 OK\r\n") { continue }
            try withProxy { shell in
                let (client, origin) = try shell.exchange(row.request)
                shell.send(origin, row.sent, in: pieces)
                #expect(client.take() == row.expected)
                #expect(origin.isOpen == row.keepsOrigin)
                #expect(shell.idleUpstreams == (row.keepsOrigin ? 1 : 0))
                #expect(client.hasSeenFIN == !row.keepsClient)
                #expect(shell.parkedClients == (row.keepsClient ? 1 : 0))
                #expect(shell.outcomes(.completed) == 1)
            }
        }
    }

    @Test(
        "a length that is none is not passed on where there is no content either (RFC 9110 §8.6)",
        arguments: ["Content-Length: abc", "Content-Length: 3\r\nContent-Length: 4", "Content-Length: 3, 4"]
    )
    func badLengthWithoutContent(lines: String) throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange(message("HEAD http://origin.test/ HTTP/1.1", "Host: x"))
            shell.send(origin, "HTTP/1.1 200 OK\r\n\(lines)\r\n\r\n")
            #expect(client.take().hasPrefix("HTTP/1.1 502 ") && origin.closed == .reset)
            let (other, second) = try shell.exchange()
            shell.send(second, "HTTP/1.1 304 Not Modified\r\n\(lines)\r\n\r\n")
            #expect(other.take().hasPrefix("HTTP/1.1 502 ") && second.closed == .reset)
        }
    }

    @Test("a response without Date gets one, of the second in which it came (RFC 9110 §6.6.1)")
    func date() throws {
        try withProxy { shell in
            shell.readClock(seconds: 784_111_777)
            let (client, origin) = try shell.exchange()
            shell.advance(.milliseconds(1500))
            shell.send(origin, message("HTTP/1.1 103 Early Hints") + ok())
            let text = client.take()
            #expect(text.contains("\r\nDate: Sun, 06 Nov 1994 08:49:38 GMT\r\nVia: 1.1 weir\r\n"))
            #expect(
                text.split(separator: "\r\n").count { $0.hasPrefix("Date:") } == 1,
                "none in the interim response"
            )
            shell.readClock(seconds: 0)
            shell.send(client, get())
            shell.send(origin, message("HTTP/1.1 200 OK", "date: yesterday", "Content-Length: 0"))
            #expect(!client.take().contains("1970"))
            shell.send(client, get())
            shell.send(origin, ok())
            #expect(client.take().contains("\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"))
        }
    }

    @Test(
        "the keep-alive hint is a second below what is enforced",
        arguments: [
            (Interval.seconds(60), "Connection: keep-alive\r\nKeep-Alive: timeout=59\r\n"),
            (.seconds(2), "Connection: keep-alive\r\nKeep-Alive: timeout=1\r\n"), (.milliseconds(1999), ""),
            (.unlimited, ""),
        ]
    )
    func hint(idle: Interval, expected: String) throws {
        try withProxy({ $0.clientIdleTimeout = idle }) { shell in
            let (client, origin) = try shell.exchange()
            shell.send(origin, ok())
            #expect(
                client.take() == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nVia: 1.1 weir\r\n\(expected)\r\n"
            )
            #expect(shell.parkedClients == 1)
        }
    }

    @Test(
        "an idle connection goes a second before the origin's own limit",
        arguments: [
            ("timeout=5", 4), ("max=9, timeout=3", 2), ("max=9", 60), ("timeout=x", 60), ("timeout=900", 60),
        ]
    )
    func idleLimit(value: String, seconds: Int) throws {
        try withProxy { shell in
            let (_, origin) = try shell.exchange()
            shell.send(origin, message("HTTP/1.1 200 OK", "Keep-Alive: \(value)", "Content-Length: 0"))
            shell.advance(.milliseconds(seconds * 1000 - 1))
            #expect(origin.isOpen)
            shell.advance(.milliseconds(1))
            #expect(origin.closed == .reset)
        }
    }

    @Test("bytes on an idle connection close it and reach nobody")
    func unsolicited() throws {
        try withProxy { shell in
            let (client, origin) = try shell.parkedPair()
            shell.send(origin, "HTTP/1.1 408 Request Timeout\r\n\r\n")
            #expect(origin.closed == .reset)
            #expect(client.take().isEmpty)
            #expect(shell.statistics.unsolicitedBytes == 1)
        }
    }

    @Test("the end of an idle connection is counted and closes it")
    func idleEnd() throws {
        try withProxy { shell in
            let (_, origin) = try shell.parkedPair()
            shell.finish(origin)
            #expect(origin.closed == .normal)
            #expect(shell.statistics.idleClosedByUpstream == 1)
        }
    }

    @Test("an answer before the request was sent whole is passed on, and neither side is kept")
    func earlyAnswer() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange(
                message("POST http://origin.test/ HTTP/1.1", "Host: x", "Content-Length: 9", content: "part")
            )
            shell.send(origin, message("HTTP/1.1 413 Content Too Large", "Content-Length: 0"))
            #expect(client.take().hasSuffix("Connection: close\r\n\r\n"))
            #expect(origin.closed == .reset)
            #expect(client.hasSeenFIN && client.isOpen)
            shell.send(client, "rest!")
            shell.finish(client)
            #expect(client.closed == .normal)
        }
    }

    @Test("a head that comes without its content is acknowledged at once, for the sake of Nagle's algorithm")
    func headAlone() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            shell.send(origin, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
            #expect(shell.acknowledged.count == 1)
            shell.send(origin, "we")
            shell.send(origin, "ir")
            #expect(shell.acknowledged.count == 1)
            for whole in [ok("weir"), ok()] {
                shell.send(client, get())
                shell.send(origin, whole)
            }
            #expect(shell.acknowledged.count == 1, "nothing is awaited, or what is awaited flows")
        }
    }
}
