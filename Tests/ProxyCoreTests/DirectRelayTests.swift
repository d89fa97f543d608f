import Basics
import ProxyCore
import Testing

/// Bytes that the shell moves without showing them to the engine.
@Suite("Direct relay")
struct DirectRelayTests {
    private func way(_ shell: EngineHarness, _ peer: HarnessPeer) -> DirectRelay? {
        shell.engine.directRelay(from: peer.id)
    }

    private let head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"

    // MARK: Responses

    @Test("content of known length passes to its end and not beyond, and the connections are kept")
    func response() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            #expect(way(shell, origin) == nil && way(shell, client) == nil)
            shell.send(origin, head + "012")
            #expect(way(shell, origin) == DirectRelay(receiver: client.id, limit: 7))
            try shell.relay(origin, "345")
            #expect(way(shell, origin)?.limit == 4)
            #expect(shell.notes.isEmpty)
            try shell.relay(origin, "6789")
            #expect(way(shell, origin) == nil)
            #expect(client.take() == okAtClient("0123456789"))
            let note = try #require(shell.lastNote)
            #expect(note.record.cause == .completed && note.record.bytesDown == UInt64(head.utf8.count + 10))
            #expect(shell.statistics.bytesDown == head.utf8.count + 10)
            #expect(shell.parkedClients == 1 && shell.idleUpstreams == 1)
        }
    }

    @Test("what was moved and what was read count alike")
    func alternating() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            shell.send(origin, head)
            try shell.relay(origin, "01")
            shell.send(origin, "23")
            try shell.relay(origin, "45")
            shell.send(origin, "6789")
            #expect(client.take() == okAtClient("0123456789") && shell.idleUpstreams == 1)
        }
    }

    @Test("a connection on which bytes follow the response is not used again")
    func followed() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            shell.send(origin, head)
            try shell.relay(origin, "0123456789", isFollowed: true)
            #expect(client.take() == okAtClient("0123456789"))
            #expect(origin.closed == .reset && shell.idleUpstreams == 0)
            #expect(shell.statistics.unsolicitedBytes == 1)
        }
    }

    @Test("an origin that ends before its content does truncates the response", arguments: [true, false])
    func truncated(byReset: Bool) throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            shell.send(origin, head)
            try shell.relay(origin, "012345678")
            if byReset { shell.fail(origin) } else { shell.finish(origin) }
            #expect(client.take().hasSuffix("\r\n\r\n012345678"))
            #expect(shell.lastNote?.record.cause == .upstreamGone)
            #expect(byReset ? client.closed == .reset : client.hasSeenFIN)
        }
    }

    @Test("chunked content and changed framing are read")
    func framed() throws {
        try withProxy { shell in
            let (_, chunked) = try shell.exchange()
            shell.send(chunked, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01")
            #expect(way(shell, chunked) == nil)
            let (_, untilClose) = try shell.exchange()
            shell.send(untilClose, "HTTP/1.0 200 OK\r\n\r\n01")
            #expect(way(shell, untilClose) == nil)
        }
    }

    @Test("content until close passes without a limit to a client of HTTP/1.0")
    func untilClose() throws {
        try withProxy { shell in
            let request = "GET http://origin.test/ HTTP/1.0\r\nHost: origin.test\r\n\r\n"
            let (client, origin) = try shell.exchange(request)
            shell.send(origin, "HTTP/1.0 200 OK\r\n\r\n01")
            #expect(way(shell, origin) == DirectRelay(receiver: client.id, limit: .max))
            try shell.relay(origin, "2345")
            shell.finish(origin)
            #expect(client.take().hasSuffix("\r\n\r\n012345") && client.hasSeenFIN)
            #expect(shell.lastNote?.record.cause == .completed)
        }
    }

    @Test("a client that does not read stops the flow, and a block taken in time keeps it alive")
    func stalledClient() throws {
        try withProxy({ $0.writeTimeout = .seconds(10) }) { shell in
            let (client, origin) = try shell.exchange()
            shell.send(origin, head)
            shell.stall(client)
            try shell.relay(origin, "01234")
            #expect(origin.isPaused && way(shell, origin) == nil)
            shell.advance(.seconds(9))
            shell.event { $0.engine.progressed(client.id, now: $0.now) }
            shell.advance(.seconds(9))
            #expect(client.isOpen)
            shell.drainPending(client)
            #expect(!origin.isPaused && way(shell, origin)?.limit == 5)
            shell.stall(client)
            try shell.relay(origin, "5")
            shell.advance(.seconds(11))
            #expect(client.closed == .reset && shell.lastNote?.record.cause == .clientTimeout)
        }
    }

    @Test("what is pending at the end of the response is taken before the connection is parked")
    func pendingAtEnd() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            shell.send(origin, head)
            shell.stall(client)
            try shell.relay(origin, "0123456789")
            #expect(shell.idleUpstreams == 1 && shell.parkedClients == 0)
            shell.drainPending(client)
            #expect(shell.parkedClients == 1 && client.take() == okAtClient("0123456789"))
        }
    }

    // MARK: Requests

    @Test("a request's content passes to its end, and the next request is read")
    func upload() throws {
        try withProxy { shell in
            let text = message(
                "POST http://origin.test/ HTTP/1.1",
                "Host: origin.test",
                "Content-Length: 6",
                content: "01"
            )
            let (client, origin) = try shell.exchange(text)
            #expect(way(shell, client) == DirectRelay(receiver: origin.id, limit: 4))
            try shell.relay(client, "234")
            try shell.relay(client, "5")
            #expect(way(shell, client) == nil)
            #expect(origin.take().hasSuffix("\r\n\r\n012345"))
            shell.send(origin, ok())
            #expect(shell.lastNote?.record.bytesUp == UInt64(text.utf8.count + 4))
            #expect(shell.parkedClients == 1 && shell.idleUpstreams == 1)
        }
    }

    @Test("an origin that takes no more stops the upload, and has its time for what is pending")
    func stalledOrigin() throws {
        try withProxy({ $0.writeTimeout = .seconds(10) }) { shell in
            let text = message(
                "POST http://origin.test/ HTTP/1.1",
                "Host: origin.test",
                "Content-Length: 6",
                content: "01"
            )
            let (client, origin) = try shell.exchange(text)
            shell.stall(origin)
            try shell.relay(client, "23")
            #expect(client.isPaused && way(shell, client) == nil)
            shell.advance(.seconds(9))
            shell.event { $0.engine.progressed(origin.id, now: $0.now) }
            shell.advance(.seconds(9))
            shell.drainPending(origin)
            #expect(way(shell, client)?.limit == 2)
            try shell.relay(client, "45")
            shell.send(origin, ok())
            #expect(shell.lastNote?.record.cause == .completed)
        }
    }

    @Test("content does not pass before the request's head was sent")
    func beforeHead() throws {
        try withProxy { shell in
            let client = try shell.client(
                message("POST http://origin.test/ HTTP/1.1", "Host: origin.test", "Content-Length: 9")
            )
            #expect(way(shell, client) == nil)
            try shell.dialled()
            #expect(way(shell, client)?.limit == 9)
        }
    }

    // MARK: Tunnels

    @Test("what a tunnel's client says first is looked at, and then passes")
    func tunnel() throws {
        try withProxy { shell in
            let (client, origin) = try shell.tunnel()
            #expect(way(shell, client) == nil, "the first byte tells whether it is TLS")
            #expect(way(shell, origin) == DirectRelay(receiver: client.id, limit: .max))
            shell.send(client, "\u{16}hello")
            #expect(way(shell, client) == nil, "in the middle of the handshake")
            try shell.relay(origin, "hello")
            shell.send(client, "\u{17}ask")
            #expect(way(shell, client) == DirectRelay(receiver: origin.id, limit: .max))
            try shell.relay(client, " for more")
            try shell.relay(origin, " more")
            #expect(client.take() == "hello more" && origin.take() == "\u{16}hello\u{17}ask for more")
            shell.finish(client)
            #expect(way(shell, client) == nil && way(shell, origin) != nil)
            try shell.relay(origin, "!")
            shell.finish(origin)
            let record = try #require(shell.lastNote).record
            #expect(record.cause == .completed && record.bytesDown >= 11 && record.bytesUp >= 19)
        }
    }

    @Test("a tunnel is quiet, and working, by what passes unseen as by what is read")
    func quiet() throws {
        try withProxy({ $0.tunnelIdleTimeout = .seconds(10) }) { shell in
            let (client, origin) = try shell.tunnel()
            shell.send(client, "ask")
            shell.advance(.seconds(60))
            #expect(client.isOpen, "an answer is awaited")
            for _ in 0..<5 {
                try shell.relay(origin, "answer")
                shell.advance(.seconds(9))
            }
            try shell.relay(client, "more")
            shell.advance(.seconds(60))
            #expect(client.isOpen && origin.isOpen)
            try shell.relay(origin, "answer")
            shell.advance(.seconds(11))
            #expect(shell.lastNote?.record.cause == .tunnelQuiet)
        }
    }

    @Test("what may pass is nothing for a connection that is idle, stopped or gone, and late news is ignored")
    func nothing() throws {
        try withProxy { shell in
            let (client, origin) = try shell.parkedPair()
            #expect(way(shell, client) == nil && way(shell, origin) == nil)
            shell.fail(client)
            #expect(way(shell, client) == nil)
            let stale = shell.statistics.staleEvents
            shell.event { $0.engine.relayed(client.id, 5, now: $0.now) }
            shell.event { $0.engine.progressed(client.id, now: $0.now) }
            #expect(shell.statistics.staleEvents == stale + 2)
        }
    }
}
