import Basics
import Testing
import UpstreamPool

@testable import ProxyCore

@Suite("Retry")
struct RetryTests {
    @Test("of all combinations of facts, one permits a second try")
    func rules() {
        for bits in 0..<32 {
            let mayRetry = RetryRules.mayRetry(
                isReused: bits & 1 != 0,
                isConnectionDead: bits & 2 != 0,
                hasResponseBytes: bits & 4 != 0,
                isReplayable: bits & 8 != 0,
                isRetried: bits & 16 != 0
            )
            #expect(mayRetry == (bits == 0b01011), "\(bits)")
        }
    }

    @Test(
        "a replayable request on a reused connection that dies is sent once more",
        arguments: [
            "GET", "HEAD", "OPTIONS", "DELETE", "TRACE",
        ]
    )
    func retried(method: String) throws {
        for isReset in [false, true] {
            try withProxy { shell in
                let (client, stale) = try shell.parkedPair()
                shell.send(client, message("\(method) http://origin.test/ HTTP/1.1", "Host: x", "X-A: 1"))
                let first = stale.take()
                if isReset { shell.fail(stale) } else { shell.finish(stale) }
                #expect(client.take().isEmpty)
                let fresh = try shell.dialled()
                #expect(fresh.take() == first)
                shell.send(fresh, message("HTTP/1.1 204 No Content"))
                #expect(client.take().hasPrefix("HTTP/1.1 204 No Content\r\n"))
                #expect(shell.statistics.retries == 1)
                let record = try #require(shell.lastNote?.record)
                #expect(record.isRetried && !record.isReused && record.cause == .completed)
            }
        }
    }

    /// Requests that may have had an effect, or whose content is gone.
    private static let unrepeatable = [
        post("x"), message("POST http://origin.test/ HTTP/1.1", "Host: x"),
        message("PATCH http://origin.test/ HTTP/1.1", "Host: x"),
        message("get http://origin.test/ HTTP/1.1", "Host: x"),
        message("PUT http://origin.test/ HTTP/1.1", "Host: x", "Content-Length: 1", content: "x"),
        message("GET http://origin.test/ HTTP/1.1", "Host: x", "Connection: upgrade", "Upgrade: websocket"),
        message(
            "DELETE http://origin.test/ HTTP/1.1",
            "Host: x",
            "Transfer-Encoding: chunked",
            content: "0\r\n\r\n"
        ),
    ]

    @Test("a request that is not replayable is never sent twice", arguments: unrepeatable)
    func neverTwice(request: String) throws {
        try withProxy { shell in
            let (client, stale) = try shell.parkedPair()
            shell.send(client, request)
            #expect(shell.checks.count == 1, "looked at before it is sent")
            #expect(!stale.take().isEmpty)
            shell.finish(stale)
            #expect(client.take().hasPrefix("HTTP/1.1 502 Bad Gateway\r\n"))
            #expect(shell.dials.isEmpty)
            #expect(shell.lastNote?.record.cause == .upstreamGone)
            #expect(shell.lastNote?.record.isReused == true)
        }
    }

    @Test("nothing is sent a third time")
    func onlyOnce() throws {
        try withProxy { shell in
            let (client, stale) = try shell.parkedPair()
            shell.send(client, get())
            shell.finish(stale)
            shell.finish(try shell.dialled())
            #expect(client.take().hasPrefix("HTTP/1.1 502 Bad Gateway\r\n"))
            #expect(shell.dials.isEmpty)
            #expect(shell.outcomes(.upstreamGone) == 1)
        }
    }

    @Test("a fresh connection that dies is an answer, not a reason to try again")
    func freshIsNotRetried() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            shell.finish(origin)
            #expect(client.take().hasPrefix("HTTP/1.1 502 Bad Gateway\r\n"))
            #expect(shell.dials.isEmpty)
            #expect(origin.closed == .normal)
        }
    }

    @Test("once a byte of a response has come nothing is sent again")
    func notAfterBytes() throws {
        try withProxy { shell in
            let (client, stale) = try shell.parkedPair()
            shell.send(client, get())
            shell.send(stale, "H")
            shell.finish(stale)
            #expect(client.take().hasPrefix("HTTP/1.1 502 Bad Gateway\r\n"))
            #expect(shell.dials.isEmpty)
        }
    }

    @Test("an origin that is merely late is not asked again")
    func notAfterTimeout() throws {
        try withProxy({ $0.responseTimeout = .seconds(20) }) { shell in
            let (client, stale) = try shell.parkedPair()
            shell.send(client, get())
            shell.advance(.seconds(20))
            #expect(client.take().hasPrefix("HTTP/1.1 504 Gateway Timeout\r\n"))
            #expect(stale.closed == .reset)
            #expect(shell.dials.isEmpty)
            #expect(shell.outcomes(.upstreamTimeout) == 1)
        }
    }

    @Test("the second try passes by other idle connections")
    func secondTryIsFresh() throws {
        try withProxy { shell in
            let (one, first) = try shell.exchange()
            let (_, second) = try shell.exchange()
            shell.send(first, ok())
            shell.send(second, ok())
            shell.send(one, get())
            #expect(first.take().hasPrefix("GET ") && shell.idleUpstreams == 1)
            shell.finish(second)
            #expect(shell.dials.count == 1)
            #expect(shell.idleUpstreams == 1)
        }
    }

    // MARK: Looking before a request that must not be sent twice

    @Test("a POST takes a connection that was in use a moment ago, after a look at it")
    func checked() throws {
        try withProxy { shell in
            shell.answerToChecks = nil
            let (client, origin) = try shell.parkedPair()
            shell.advance(.milliseconds(999))
            shell.send(client, post("hello"))
            #expect(shell.checks.count == 1)
            #expect(origin.take().isEmpty)
            shell.event { $0.engine.checked(shell.checks[0], isSilent: true, now: $0.now) }
            #expect(origin.take().hasSuffix("\r\n\r\nhello"))
            shell.send(origin, ok())
            #expect(client.take() == okAtClient())
        }
    }

    @Test("a POST takes no connection that was idle for longer")
    func recentOnly() throws {
        try withProxy { shell in
            let (client, origin) = try shell.parkedPair()
            shell.advance(.seconds(1))
            shell.send(client, post("hello"))
            #expect(shell.checks.isEmpty && shell.dials.count == 1)
            #expect(origin.take().isEmpty)
        }
    }

    @Test("a POST whose connection has ended meanwhile is sent on another, once")
    func checkFails() throws {
        for discovery in 0..<3 {
            try withProxy { shell in
                shell.answerToChecks = discovery == 0 ? false : nil
                let (client, stale) = try shell.parkedPair()
                shell.send(client, post("hello"))
                switch discovery {
                case 0: break
                case 1: shell.finish(stale)
                default: shell.send(stale, "HTTP/1.1 408 Request Timeout\r\n\r\n")
                }
                #expect(stale.take().isEmpty && !stale.isOpen)
                let fresh = try shell.dialled()
                #expect(fresh.take().hasSuffix("\r\n\r\nhello"))
                shell.send(fresh, ok())
                #expect(client.take() == okAtClient())
                #expect(shell.statistics.retries == 0, "nothing had been sent")
                #expect(shell.statistics.idleClosedByUpstream + shell.statistics.unsolicitedBytes == 1)
            }
        }
    }

    // MARK: Flows that the network forgot

    @Test("a GET that nobody acknowledges is sent again on a fresh connection")
    func silentGet() throws {
        try withProxy { shell in
            let (client, dead) = try shell.parkedPair()
            shell.send(client, get())
            shell.silence = .seconds(5)
            shell.advance(.milliseconds(4999))
            #expect(shell.inspections.isEmpty)
            shell.advance(.milliseconds(1))
            #expect(shell.inspections.count == 1)
            #expect(dead.closed == .reset)
            shell.send(try shell.dialled(), ok())
            #expect(client.take() == okAtClient())
        }
    }

    @Test("a POST that nobody acknowledges is refused and not sent again")
    func silentPost() throws {
        try withProxy { shell in
            let (client, dead) = try shell.parkedPair()
            shell.send(client, post("hello"))
            shell.silence = .seconds(5)
            shell.advance(.seconds(5))
            #expect(client.take().hasPrefix("HTTP/1.1 504 Gateway Timeout\r\n"))
            #expect(dead.closed == .reset && shell.dials.isEmpty)
            #expect(shell.outcomes(.upstreamSilent) == 1)
        }
    }

    @Test("an origin that acknowledges may take its time")
    func slowOrigin() throws {
        try withProxy { shell in
            let (client, origin) = try shell.parkedPair()
            shell.send(client, get())
            shell.advance(.seconds(3600))
            #expect(shell.inspections.count == 1)
            shell.send(origin, ok("late"))
            #expect(client.take() == okAtClient("late"))
        }
    }

    @Test("a silence that began late is looked at again when it has lasted")
    func laterSilence() throws {
        try withProxy { shell in
            let (client, origin) = try shell.parkedPair()
            shell.send(client, get())
            shell.silence = .seconds(2)
            shell.advance(.seconds(5))
            #expect(shell.inspections.count == 1 && origin.isOpen)
            shell.silence = .seconds(5)
            shell.advance(.milliseconds(2999))
            #expect(shell.inspections.count == 1)
            shell.advance(.milliseconds(1))
            #expect(shell.inspections.count == 2 && origin.closed == .reset)
        }
    }

    @Test("what the kernel counted while the connection was idle is not held against it")
    func idleSilence() throws {
        try withProxy { shell in
            let (client, origin) = try shell.parkedPair()
            shell.advance(.seconds(30))
            shell.send(client, get())
            shell.advance(.seconds(1))
            shell.event {
                $0.engine.inspected(UpstreamID(origin.id.id), silentFor: .seconds(31), now: $0.now)
            }
            #expect(origin.isOpen)
        }
    }

    @Test("a fresh connection is not inspected, nor one that has answered")
    func notInspected() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            shell.advance(.seconds(60))
            shell.send(origin, ok())
            shell.send(client, get())
            shell.send(origin, message("HTTP/1.1 200 OK", "Content-Length: 9"))
            shell.advance(.seconds(60))
            #expect(shell.inspections.isEmpty && origin.isOpen)
        }
    }
}
