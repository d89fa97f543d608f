import Basics
import ProxyCore
import Testing

@Suite("Quiet tunnels")
struct QuietTunnelTests {
    /// One question and its answer: from here on the tunnel is quiet.
    private func talk(_ shell: EngineHarness, _ pair: (client: HarnessPeer, origin: HarnessPeer)) {
        shell.send(pair.client, "question")
        shell.send(pair.origin, "answer")
        _ = pair.client.take()
        _ = pair.origin.take()
    }

    @Test("a tunnel whose last bytes were the origin's is ended after tunnel.idle_timeout, in steps")
    func quiet() throws {
        try withProxy { shell in
            let pair = try shell.tunnel()
            talk(shell, pair)
            shell.advance(.milliseconds(299_999))
            #expect(!pair.client.hasSeenFIN)
            shell.advance(.milliseconds(1))
            #expect(pair.origin.closed == .reset)
            #expect(pair.client.hasSeenFIN && pair.client.isOpen)
            #expect(shell.lastNote?.record.cause == .tunnelQuiet)
            shell.advance(.seconds(2))
            #expect(pair.client.closed == .reset)
        }
    }

    @Test("a tunnel in which an answer is awaited is working, however long it takes")
    func working() throws {
        try withProxy { shell in
            let pair = try shell.tunnel()
            talk(shell, pair)
            shell.send(pair.client, "a hard question")
            shell.advance(.seconds(86_400))
            #expect(pair.client.isOpen && pair.origin.isOpen)
            shell.send(pair.origin, "42")
            #expect(pair.client.take() == "42")
            shell.advance(.seconds(300))
            #expect(pair.origin.closed == .reset)
        }
    }

    @Test("every byte of the origin starts the quiet clock anew")
    func stream() throws {
        try withProxy { shell in
            let pair = try shell.tunnel()
            talk(shell, pair)
            for _ in 0..<5 {
                shell.advance(.seconds(299))
                shell.send(pair.origin, "event")
            }
            #expect(pair.client.isOpen)
        }
    }

    @Test("a tunnel in which the client never spoke is ended too")
    func neverUsed() throws {
        try withProxy { shell in
            let pair = try shell.tunnel()
            shell.advance(.seconds(301))
            #expect(pair.origin.closed == .reset && shell.outcomes(.tunnelQuiet) == 1)
        }
    }

    @Test("the quiet clock starts with the connection, not with its dial")
    func dialIsNotQuiet() throws {
        try withProxy({ $0.tunnelIdleTimeout = .seconds(31) }) { shell in
            let client = try shell.client(connectRequest())
            shell.advance(.seconds(29))
            let pair = (client: client, origin: try shell.dialled())
            shell.advance(.seconds(30))
            #expect(pair.origin.isOpen)
            shell.advance(.seconds(1))
            #expect(!pair.origin.isOpen)
        }
    }

    @Test("beyond the budget of a destination its longest quiet tunnel goes, never a working one")
    func budget() throws {
        try withProxy({ $0.maxQuietPerDestination = 2 }) { shell in
            let working = try shell.tunnel()
            talk(shell, working)
            let pairs = try (0..<3).map { _ in try shell.tunnel() }
            shell.send(working.client, "question")
            for pair in pairs.prefix(2) {
                talk(shell, pair)
                shell.advance(.seconds(31))
            }
            #expect(pairs.allSatisfy { $0.origin.isOpen })
            talk(shell, pairs[2])
            #expect(pairs[0].origin.closed == .reset && pairs[0].client.hasSeenFIN)
            #expect(pairs[1].origin.isOpen && pairs[2].origin.isOpen && working.origin.isOpen)
            #expect(shell.outcomes(.tunnelQuiet) == 1 && shell.openTunnels == 3)
        }
    }

    @Test("a tunnel that was quiet for less than a minute is not cut for the budget, and then it is")
    func minimumQuiet() throws {
        try withProxy({ $0.maxQuietPerDestination = 1 }) { shell in
            let pairs = try (0..<2).map { _ in try shell.tunnel() }
            talk(shell, pairs[0])
            shell.advance(.milliseconds(1000))
            talk(shell, pairs[1])
            shell.advance(.milliseconds(58_999))
            #expect(pairs[0].origin.isOpen && pairs[1].origin.isOpen)
            shell.advance(.milliseconds(1))
            #expect(pairs[0].origin.closed == .reset && pairs[1].origin.isOpen)
            shell.advance(.seconds(100))
            #expect(pairs[1].origin.isOpen, "alone it is within the budget")
        }
    }

    @Test("each destination has a budget of its own")
    func perDestination() throws {
        try withProxy({ $0.maxQuietPerDestination = 1 }) { shell in
            var origins: [HarnessPeer] = []
            for name in ["a.test:443", "b.test:443", "a.test:444"] {
                let pair = try shell.exchange(connectRequest(name))
                talk(shell, pair)
                origins.append(pair.origin)
                shell.advance(.seconds(3))
            }
            #expect(origins.allSatisfy { $0.isOpen })
        }
    }

    @Test("an upgraded connection is quiet like any tunnel")
    func upgraded() throws {
        try withProxy { shell in
            let pair = try shell.exchange(
                message(
                    "GET http://origin.test/ HTTP/1.1",
                    "Host: x",
                    "Connection: upgrade",
                    "Upgrade: websocket"
                )
            )
            shell.send(
                pair.origin,
                message("HTTP/1.1 101 Switching Protocols", "Connection: upgrade", "Upgrade: websocket")
            )
            shell.advance(.seconds(299))
            #expect(pair.origin.isOpen)
            shell.advance(.seconds(1))
            #expect(pair.origin.closed == .reset && shell.outcomes(.tunnelQuiet) == 1)
        }
    }

    @Test("a TLS handshake is not a quiet tunnel, but what follows it may be")
    func handshake() throws {
        try withProxy({
            $0.tunnelIdleTimeout = .seconds(2)
            $0.maxQuietPerDestination = 0
        }) { shell in
            let pair = try shell.tunnel()
            shell.advance(.seconds(20))
            shell.send(pair.client, "\u{16}hello")
            shell.send(pair.origin, "\u{16}certificate")
            shell.advance(.milliseconds(29_999))
            #expect(pair.origin.isOpen)
            shell.send(pair.client, "finished")
            shell.send(pair.origin, "answer")
            shell.advance(.seconds(2))
            #expect(pair.origin.closed == .reset)
        }
    }

    @Test("a TLS handshake that stops half-way is ended after request_timeout")
    func handshakeStops() throws {
        try withProxy({ $0.tunnelIdleTimeout = .seconds(2) }) { shell in
            let pair = try shell.tunnel()
            shell.send(pair.client, "\u{16}hello")
            shell.send(pair.origin, "\u{16}certificate")
            shell.advance(.seconds(30))
            #expect(pair.origin.closed == .reset && shell.outcomes(.tunnelQuiet) == 1)
        }
    }
}
