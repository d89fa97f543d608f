import Basics
import ProxyCore
import Testing

@Suite("Interim responses, Expect and Upgrade")
struct InterimTests {
    private static func upload(_ version: String = "1.1") -> String {
        message(
            "POST http://origin.test/ HTTP/\(version)",
            "Host: x",
            "Content-Length: 5",
            "Expect: 100-continue"
        )
    }

    @Test("interim responses are passed on in order, with Via and without hop-by-hop fields or lengths")
    func passed() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            shell.send(
                origin,
                message(
                    "HTTP/1.1 103 Early Hints",
                    "Link: </a>",
                    "Connection: x-h",
                    "X-H: 1",
                    "Content-Length: 3"
                )
            )
            #expect(client.take() == message("HTTP/1.1 103 Early Hints", "Link: </a>", "Via: 1.1 weir"))
            shell.send(origin, message("HTTP/1.1 102 Processing") + message("HTTP/1.1 103 More") + ok("hi"))
            #expect(
                client.take() == interim("102 Processing") + interim("103 More") + okAtClient("hi")
            )
            #expect(shell.idleUpstreams == 1)
        }
    }

    @Test("interim responses never reach an HTTP/1.0 client")
    func notToHTTP10() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange(message("GET http://origin.test/ HTTP/1.0"))
            shell.send(origin, message("HTTP/1.1 103 Early Hints", "Link: </a>") + ok())
            #expect(client.take().hasPrefix("HTTP/1.1 200 OK\r\n"))
        }
    }

    @Test("hundreds of interim responses in one segment pass in bounded steps")
    func flood() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            let hint = message("HTTP/1.1 103 Early Hints")
            shell.send(origin, String(repeating: hint, count: 300) + ok())
            #expect(client.take() == String(repeating: interim("103 Early Hints"), count: 300) + okAtClient())
        }
    }

    @Test("the origin's 100 reaches the client that waits for it, and its content the origin")
    func invited() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange(InterimTests.upload())
            #expect(origin.take().contains("\r\nExpect: 100-continue\r\n"))
            shell.advance(.milliseconds(900))
            shell.send(origin, message("HTTP/1.1 100 Continue"))
            #expect(client.take() == interim("100 Continue"))
            shell.advance(.seconds(5))
            #expect(client.take().isEmpty, "no second invitation")
            shell.send(client, "hello")
            #expect(origin.take() == "hello")
            shell.send(origin, ok())
            #expect(client.take() == okAtClient())
        }
    }

    @Test(
        "where the origin stays silent weir invites the content; the origin's later 100 passes all the same"
    )
    func ownInvitation() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange(InterimTests.upload())
            shell.advance(.milliseconds(999))
            #expect(client.take().isEmpty)
            shell.advance(.milliseconds(1))
            #expect(client.take() == "HTTP/1.1 100 Continue\r\n\r\n")
            shell.send(origin, message("HTTP/1.1 100 Continue") + message("HTTP/1.1 103 Early Hints"))
            #expect(client.take() == interim("100 Continue") + interim("103 Early Hints"))
            shell.send(client, "hello")
            shell.send(origin, ok())
            #expect(client.take() == okAtClient())
            #expect(shell.idleUpstreams == 1)
        }
    }

    @Test("a client that does not wait needs no invitation")
    func uninvited() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange(InterimTests.upload() + "he")
            shell.advance(.seconds(2))
            shell.send(client, "llo")
            #expect(origin.take().hasSuffix("hello"))
            #expect(client.take().isEmpty)
            shell.send(origin, ok())
        }
    }

    @Test("the expectation of an HTTP/1.0 client is not one, and goes no further")
    func expectHTTP10() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange(InterimTests.upload("1.0"))
            #expect(!origin.take().contains("Expect"))
            shell.advance(.seconds(2))
            shell.send(origin, message("HTTP/1.1 100 Continue"))
            #expect(client.take().isEmpty)
            shell.send(client, "hello")
            shell.send(origin, ok())
            #expect(client.take().hasSuffix("Connection: close\r\n\r\n"))
        }
    }

    @Test("a final answer instead of the invitation ends the exchange and announces the close")
    func refusedExpectation() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange(InterimTests.upload())
            shell.send(origin, message("HTTP/1.1 417 Expectation Failed", "Content-Length: 0"))
            #expect(client.take().contains("\r\nConnection: close\r\n"))
            #expect(client.hasSeenFIN)
            shell.advance(.seconds(2))
            #expect(client.take().isEmpty, "no invitation behind the answer")
            #expect(origin.closed == .reset)
        }
    }

    // MARK: Upgrade

    private static let upgrade = message(
        "GET http://origin.test/chat HTTP/1.1",
        "Host: x",
        "Connection: Upgrade",
        "Upgrade: websocket"
    )
    private static let accepted = message(
        "HTTP/1.1 101 Switching Protocols",
        "Connection: upgrade",
        "Upgrade: websocket",
        "X-Key: 1"
    )

    @Test("an accepted upgrade becomes a tunnel, with the bytes that came with the 101")
    func upgraded() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange(InterimTests.upgrade)
            _ = origin.take()
            // Whoever does not wait for the 101 has its bytes kept until then.
            shell.send(client, "early")
            #expect(origin.take().isEmpty)
            shell.send(origin, InterimTests.accepted + "welcome")
            #expect(
                client.take()
                    == message(
                        "HTTP/1.1 101 Switching Protocols",
                        "X-Key: 1",
                        "Via: 1.1 weir",
                        "Connection: Upgrade",
                        "Upgrade: websocket",
                        content: "welcome"
                    )
            )
            #expect(origin.take() == "early")
            shell.send(client, "ping")
            shell.send(origin, "pong")
            #expect(origin.take() == "ping" && client.take() == "pong")
            #expect(shell.openTunnels == 1)
            shell.finish(origin)
            shell.finish(client)
            #expect(client.closed == .normal && origin.closed == .normal)
            let record = try #require(shell.lastNote?.record)
            #expect(
                record.cause == .completed && record.phase == .tunnel && record.isTunnel
                    && record.status == 101
            )
        }
    }

    @Test("a switch to several protocols is passed on whole")
    func layered() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange(
                message("GET http://origin.test/ HTTP/1.1", "Host: x", "Connection: upgrade", "Upgrade: a, b")
            )
            shell.send(
                origin,
                message("HTTP/1.1 101 Switching Protocols", "Connection: upgrade", "Upgrade: a", "Upgrade: b")
            )
            #expect(client.take().hasSuffix("\r\nConnection: Upgrade\r\nUpgrade: a,b\r\n\r\n"))
            #expect(shell.openTunnels == 1)
        }
    }

    @Test("a refused upgrade is an ordinary exchange, and what was sent early is the next request")
    func refused() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange(InterimTests.upgrade + get("http://origin.test/next"))
            shell.send(origin, ok("no"))
            #expect(client.take() == okAtClient("no"))
            #expect(origin.take().contains("GET /next HTTP/1.1\r\n"))
            shell.send(origin, ok())
            #expect(client.take() == okAtClient())
            #expect(shell.openTunnels == 0)
        }
    }

    @Test(
        "a 101 that is out of place is a bad response",
        arguments: [
            (get(), InterimTests.accepted),
            (InterimTests.upgrade, message("HTTP/1.1 101 Switching Protocols")),
            (
                InterimTests.upgrade,
                message("HTTP/1.1 101 Switching Protocols", "Connection: upgrade", "Upgrade: chat")
            ),
            (
                InterimTests.upgrade,
                message("HTTP/1.1 101 Switching Protocols", "Connection: upgrade", "Upgrade: websocket, chat")
            ),
            (
                message("GET http://origin.test/ HTTP/1.1", "Host: x", "Connection: upgrade", "Upgrade: h2c"),
                message("HTTP/1.1 101 Switching Protocols", "Connection: upgrade", "Upgrade: h2c")
            ),
        ]
    )
    func misplaced(request: String, response: String) throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange(request)
            shell.send(origin, response)
            let text = client.take()
            #expect(text.hasPrefix("HTTP/1.1 502 Bad Gateway\r\n"))
            #expect(text.contains("; error=http_upgrade_failed; details=\""))
            #expect(origin.closed == .reset)
            #expect(shell.lastNote?.record.cause == .badResponse)
        }
    }

    @Test("an upgrade beyond the bound of tunnels is refused")
    func tooMany() throws {
        try withProxy({ $0.maxTunnels = 0 }) { shell in
            let (client, origin) = try shell.exchange(InterimTests.upgrade)
            shell.send(origin, InterimTests.accepted)
            #expect(client.take().hasPrefix("HTTP/1.1 503 Service Unavailable\r\n"))
            #expect(origin.closed == .reset)
            #expect(shell.outcomes(.tooManyTunnels) == 1)
        }
    }

    /// An interim response without other fields, as the client gets it.
    private func interim(_ status: String) -> String { message("HTTP/1.1 \(status)", "Via: 1.1 weir") }
}
