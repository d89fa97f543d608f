import Basics
import ProxyCore
import Testing

@Suite("Requests that go no further, loops, and errors for programs")
struct RecipientTests {
    @Test(
        "OPTIONS for weir itself is answered by weir, and the connection goes on",
        arguments: [
            message("OPTIONS * HTTP/1.1", "Host: weir"),
            message("OPTIONS http://origin.test/ HTTP/1.1", "Host: x", "Max-Forwards: 0"),
            message("OPTIONS http://origin.test/ HTTP/1.1", "Host: x", "Max-Forwards: 00"),
        ]
    )
    func options(request: String) throws {
        try withProxy { shell in
            let client = try shell.client(request)
            let text = client.take()
            #expect(
                text.hasPrefix(
                    "HTTP/1.1 200 OK\r\nProxy-Status: weir; error=proxy_internal_response\r\nAllow: GET, HEAD, "
                )
            )
            #expect(text.contains("\r\nContent-Length: 0\r\n") && text.hasSuffix("\r\n\r\n"))
            #expect(shell.parkedClients == 1 && shell.destinations.isEmpty)
            #expect(shell.lastNote?.record.cause == .completed)
        }
    }

    @Test("TRACE with no forwards left is answered with the head that came, without secrets")
    func trace() throws {
        try withProxy { shell in
            let client = try shell.client(
                message(
                    "TRACE http://origin.test/a?b HTTP/1.1",
                    "Host: x",
                    "Max-Forwards: 0",
                    "Authorization: Basic c2VjcmV0",
                    "Cookie: secret",
                    "Proxy-Authorization: secret",
                    "Connection: x-hop",
                    "X-Hop:  1 "
                )
            )
            let echo = message(
                "TRACE http://origin.test/a?b HTTP/1.1",
                "Host: x",
                "Max-Forwards: 0",
                "Connection: x-hop",
                "X-Hop:  1 "
            )
            let text = client.take()
            #expect(text.contains("\r\nContent-Type: message/http\r\nContent-Length: \(echo.utf8.count)\r\n"))
            #expect(text.hasSuffix("\r\n\r\n" + echo))
            #expect(shell.parkedClients == 1 && shell.destinations.isEmpty)
        }
    }

    @Test("content of a request that goes no further is not taken for the next request")
    func optionsWithContent() throws {
        try withProxy { shell in
            let client = try shell.client(
                message(
                    "OPTIONS * HTTP/1.1",
                    "Host: weir",
                    "Content-Length: \(get().utf8.count)",
                    content: get()
                )
            )
            #expect(client.take().contains("\r\nConnection: close\r\n"))
            #expect(client.hasSeenFIN && shell.statistics.requests == 1)
        }
    }

    @Test(
        "what cannot be counted or sent back is refused",
        arguments: [
            message("TRACE http://origin.test/ HTTP/1.1", "Host: x", "Content-Length: 1", content: "x"),
            message("TRACE http://origin.test/ HTTP/1.1", "Host: x", "Transfer-Encoding: chunked"),
            message("TRACE http://origin.test/ HTTP/1.1", "Host: x", "Max-Forwards: -1"),
            message("TRACE http://origin.test/ HTTP/1.1", "Host: x", "Max-Forwards:"),
            message("OPTIONS http://origin.test/ HTTP/1.1", "Host: x", "Max-Forwards: 1, 2"),
            message("OPTIONS http://origin.test/ HTTP/1.1", "Host: x", "Max-Forwards: 1", "Max-Forwards: 1"),
            message(
                "OPTIONS http://origin.test/ HTTP/1.1",
                "Host: x",
                "Max-Forwards: 99999999999999999999"
            ),
        ]
    )
    func refused(request: String) throws {
        try withProxy { shell in
            let client = try shell.client(request)
            #expect(client.take().hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
            #expect(shell.destinations.isEmpty && shell.outcomes(.badRequest) == 1)
        }
    }

    @Test(
        "a request that has been here is refused, in whatever place Via says so",
        arguments: [
            ("1.1 Weir-7", true), ("1.0 a, 1.1 weir-7 (comment)", true), ("HTTP/1.1\tweir-7", true),
            ("1.1 weir-70", false), ("1.1 a (weir-7)", false), ("weir-7", false), ("1.1 a, 1.1", false),
        ]
    )
    func loop(via: String, isLoop: Bool) throws {
        try withProxy({ $0.pseudonym = "weir-7" }) { shell in
            let client = try shell.client(
                message("GET http://origin.test/ HTTP/1.1", "Host: x", "Via: 1.1 first", "Via: \(via)")
            )
            #expect(client.take().hasPrefix("HTTP/1.1 508 Loop Detected\r\n") == isLoop)
            #expect(shell.destinations.isEmpty == isLoop)
            #expect(shell.outcomes(.loopDetected) == (isLoop ? 1 : 0))
        }
    }

    @Test("the pseudonym stands in Via both ways, and not in Proxy-Status")
    func pseudonym() throws {
        try withProxy({ $0.pseudonym = "weir-7" }) { shell in
            let (client, origin) = try shell.exchange()
            #expect(origin.take().hasSuffix("\r\nVia: 1.1 weir-7\r\n\r\n"))
            shell.send(origin, ok())
            #expect(client.take().contains("\r\nVia: 1.1 weir-7\r\n"))
            shell.send(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(client.take().contains("\r\nProxy-Status: weir; "))
        }
    }

    @Test(
        "an error is JSON where the client allows nothing else",
        arguments: [
            ("application/json", true), ("application/problem+json, application/json;q=0.5", true),
            ("Application/JSON ; charset=utf-8", true), ("application/json, text/plain", false),
            ("application/json, */*", false), ("text/html", false), ("", false),
        ]
    )
    func json(accept: String, isJSON: Bool) throws {
        try withProxy { shell in
            let client = try shell.client(
                message("GET http://[2001:db8::1]:81/ HTTP/1.1", "Host: x", "Accept: \(accept)")
            )
            try shell.dialFails(.connectRefused)
            let text = client.take()
            let json =
                "{\"proxy\":\"weir\",\"status\":502,\"error\":\"connection_refused\","
                + "\"reason\":\"the connection was refused\",\"hint\":\"is the service listening there?\","
                + "\"destination\":\"[2001:db8::1]:81\"}\n"
            #expect(text.hasSuffix("\r\n\r\n" + json) == isJSON, "\(text)")
            #expect(text.contains("\r\nContent-Type: application/json\r\n") == isJSON)
            #expect(text.contains("; next-hop=\"[2001:db8::1]:81\"\r\n"))
        }
    }

    @Test(
        "errors found before anything was forwarded are JSON too",
        arguments: [
            message("GET / HTTP/1.1", "Host: x", "Accept: application/json"),
            message("GET https://x/ HTTP/1.1", "Host: x", "Accept: application/json"),
            message("GET http://x/ HTTP/1.1", "Accept: application/json"),
            message("GET http://x/ HTTP/1.1", "Host: x", "Via: 1.1 weir", "Accept: application/json"),
        ]
    )
    func earlyJSON(request: String) throws {
        try withProxy { shell in
            let client = try shell.client(request)
            #expect(client.take().hasSuffix("}\n"))
        }
    }
}
