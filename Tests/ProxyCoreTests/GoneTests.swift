import Basics
import ProxyCore
import Testing
import UpstreamPool

/// How the client of the tests below leaves.
enum Leaving: CaseIterable, Sendable {
    case fin, reset
}

@Suite("Client or origin gone")
struct GoneTests {
    private func leave(_ shell: EngineHarness, _ client: HarnessPeer, _ way: Leaving) {
        if way == .fin { shell.finish(client) } else { shell.fail(client) }
    }

    private func expectGone(_ shell: EngineHarness, _ client: HarnessPeer, in phase: Phase) {
        #expect(!client.isOpen)
        #expect(shell.lastNote?.record.cause == .clientGone)
        #expect(shell.lastNote?.record.phase == phase)
    }

    // MARK: The client

    @Test("a client that leaves the queue gives up its place", arguments: Leaving.allCases)
    func inQueue(way: Leaving) throws {
        try withProxy({ $0.pool.maxPerDestination = 1 }) { shell in
            let (_, origin) = try shell.exchange()
            let leaver = try shell.client(get())
            let next = try shell.client(get("http://origin.test/next"))
            leave(shell, leaver, way)
            expectGone(shell, leaver, in: .connect)
            _ = origin.take()
            shell.send(origin, ok())
            #expect(origin.take().hasPrefix("GET /next "))
            shell.send(origin, ok("n"))
            #expect(next.take() == okAtClient("n"))
        }
    }

    @Test("a dial whose client has broken off is adopted by the pool")
    func duringDial() throws {
        try withProxy { shell in
            let client = try shell.client(get())
            shell.fail(client)
            expectGone(shell, client, in: .connect)
            let origin = try shell.dialled()
            #expect(origin.take().isEmpty && shell.idleUpstreams == 1)
        }
    }

    @Test("a tunnel's dial whose client has broken off is closed when it stands")
    func duringTunnelDial() throws {
        try withProxy { shell in
            let client = try shell.client(connectRequest())
            shell.fail(client)
            expectGone(shell, client, in: .connect)
            #expect(try shell.dialled().closed == .reset)
            #expect(shell.openTunnels == 0)
        }
    }

    @Test("a client that leaves while its connection is looked at leaves nothing behind")
    func duringCheck() throws {
        try withProxy { shell in
            shell.answerToChecks = nil
            let (client, origin) = try shell.parkedPair()
            shell.send(client, post("x"))
            shell.fail(client)
            expectGone(shell, client, in: .connect)
            #expect(origin.closed == .reset && origin.take().isEmpty)
            shell.event { $0.engine.checked($0.checks[0], isSilent: true, now: $0.now) }
            #expect(shell.statistics.staleEvents == 1)
        }
    }

    @Test(
        "a client that leaves before its content is complete ends the request visibly",
        arguments: Leaving.allCases
    )
    func inRequestContent(way: Leaving) throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange(
                message("POST http://origin.test/ HTTP/1.1", "Host: x", "Content-Length: 9", content: "half")
            )
            leave(shell, client, way)
            expectGone(shell, client, in: .response)
            #expect(origin.closed == .reset)
        }
    }

    @Test("a client that breaks off while it waits takes the request with it")
    func inResponse() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            shell.fail(client)
            expectGone(shell, client, in: .response)
            #expect(origin.closed == .reset && shell.idleUpstreams == 0)
        }
    }

    @Test("a client that breaks off within the content ends the origin's connection")
    func inContent() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            shell.send(origin, message("HTTP/1.1 200 OK", "Content-Length: 9", content: "half"))
            shell.fail(client)
            expectGone(shell, client, in: .content)
            #expect(origin.closed == .reset)
        }
    }

    @Test("a client that breaks off behind its answer has no second outcome")
    func afterAnswer() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            shell.stall(client)
            shell.send(origin, ok("hi"))
            shell.fail(client)
            #expect(client.closed == .reset)
            #expect(shell.outcomes(.completed) == 1 && shell.outcomes(.clientGone) == 0)
            let other = try shell.client(get())
            shell.send(origin, ok())
            shell.advance(.seconds(75))
            #expect(other.hasSeenFIN)
            shell.fail(other)
            #expect(other.closed == .reset)
        }
    }

    // MARK: The origin

    @Test(
        "an origin that goes before its head is a bad gateway",
        arguments: [("", Cause.upstreamGone), ("HTTP/1.1 200 OK\r\nContent-Le", .responseIncomplete)]
    )
    func beforeHead(sent: String, cause: Cause) throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            shell.send(origin, sent)
            shell.finish(origin)
            #expect(client.take().hasPrefix("HTTP/1.1 502 ") && shell.parkedClients == 1)
            #expect(shell.lastNote?.record.cause == cause)
            #expect(shell.lastNote?.record.phase == .response)
        }
    }

    @Test("an origin that goes while the request is being sent is a bad gateway, and the close is announced")
    func duringUpload() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange(
                message("POST http://origin.test/ HTTP/1.1", "Host: x", "Content-Length: 9", content: "half")
            )
            shell.fail(origin)
            let text = client.take()
            #expect(text.hasPrefix("HTTP/1.1 502 ") && text.contains("\r\nConnection: close\r\n"))
            #expect(client.hasSeenFIN)
        }
    }

    /// Responses that stop short, and whether only a reset can show that.
    private static let short: [(version: String, response: String, isReset: Bool)] = [
        ("1.1", message("HTTP/1.1 200 OK", "Content-Length: 9", content: "half"), false),
        ("1.1", message("HTTP/1.1 200 OK", "Content-Length: 9"), false),
        ("1.1", message("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", content: "4\r\nha"), false),
        ("1.1", message("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", content: "4\r\nhalf\r\n"), false),
        (
            "1.1", message("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", content: "4\r\nhalf\r\n0\r\n"),
            false
        ),
        (
            "1.1", message("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", content: "0\r\nX-Sum: 1\r\n"),
            false
        ),
        ("1.0", message("HTTP/1.1 200 OK", "Content-Length: 9", content: "half"), false),
        ("1.0", message("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", content: "4\r\nhalf\r\n"), true),
        (
            "1.0", message("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", content: "4\r\nhalf\r\n0\r\n"),
            true
        ),
    ]

    @Test("a response that stops short never looks complete", arguments: short)
    func truncated(version: String, response: String, isReset: Bool) throws {
        for breaks in [true, false] {
            try withProxy { shell in
                let (client, origin) = try shell.exchange(
                    message("GET http://origin.test/ HTTP/\(version)", "Host: x")
                )
                shell.send(origin, response)
                if breaks { shell.fail(origin) } else { shell.finish(origin) }
                #expect(!client.take().hasSuffix("0\r\n\r\n"))
                // A reset is passed on: not every client counts what it gets.
                #expect(isReset || breaks ? client.closed == .reset : client.hasSeenFIN && client.isOpen)
                #expect(shell.parkedClients == 0 && shell.idleUpstreams == 0)
                #expect(shell.lastNote?.record.cause == .upstreamGone)
                #expect(shell.lastNote?.record.phase == .content)
            }
        }
    }

    @Test(
        "content that ends with the connection is complete at a FIN and short at a reset",
        arguments: ["1.0", "1.1"]
    )
    func untilClose(version: String) throws {
        for breaks in [true, false] {
            try withProxy { shell in
                let (client, origin) = try shell.exchange(
                    message("GET http://origin.test/ HTTP/\(version)", "Host: x")
                )
                shell.send(origin, message("HTTP/1.1 200 OK", content: "hello"))
                if breaks { shell.fail(origin) } else { shell.finish(origin) }
                #expect(shell.lastNote?.record.cause == (breaks ? .upstreamGone : .completed))
                #expect(client.take().hasSuffix("0\r\n\r\n") == (version == "1.1" && !breaks))
                #expect((client.closed == .reset) == breaks)
                #expect(client.hasSeenFIN == (version == "1.0" && !breaks))
            }
        }
    }

    // MARK: Waiters

    @Test("the place of a lost connection goes to who waits")
    func placeIsFree() throws {
        try withProxy({ $0.pool.maxPerDestination = 1 }) { shell in
            let (first, origin) = try shell.exchange()
            let second = try shell.client(get())
            #expect(shell.dials.isEmpty)
            shell.fail(origin)
            #expect(first.take().hasPrefix("HTTP/1.1 502 "))
            shell.send(try shell.dialled(), ok())
            #expect(second.take() == okAtClient())
        }
    }

    @Test("a request that waits is served by the connection that comes free")
    func served() throws {
        try withProxy({ $0.pool.maxPerDestination = 1 }) { shell in
            let (first, origin) = try shell.exchange()
            let second = try shell.client(get("http://origin.test/2"))
            shell.advance(.seconds(3))
            _ = origin.take()
            shell.send(origin, ok("1"))
            #expect(first.take() == okAtClient("1"))
            #expect(origin.take().hasPrefix("GET /2 "))
            shell.send(origin, ok("2"))
            #expect(second.take() == okAtClient("2"))
            #expect(shell.lastNote?.record.waited == .seconds(3))
            #expect(shell.lastNote?.record.isReused == true)
        }
    }
}
