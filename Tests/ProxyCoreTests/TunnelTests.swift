import Basics
import ProxyCore
import Testing

@Suite("Tunnels")
struct TunnelTests {
    @Test("a CONNECT is answered when the connection stands, and then bytes pass both ways")
    func opened() throws {
        try withProxy { shell in
            let client = try shell.client(connectRequest())
            #expect(shell.destinations == ["tunnel.test:443 tunnel"])
            #expect(client.take().isEmpty && shell.openTunnels == 1)
            let origin = try shell.dialled()
            #expect(client.take() == "HTTP/1.1 200 Connection established\r\n\r\n")
            #expect(origin.take().isEmpty, "nothing of the CONNECT is passed on")
            shell.send(client, "one")
            shell.send(origin, "two")
            #expect(origin.take() == "one" && client.take() == "two")
        }
    }

    @Test("bytes that come with or right behind the CONNECT wait for the connection")
    func early() throws {
        try withProxy { shell in
            let client = try shell.client(connectRequest() + "ear")
            shell.send(client, "ly")
            #expect(client.isPaused)
            let origin = try shell.dialled()
            #expect(origin.take() == "early")
            #expect(client.take() == "HTTP/1.1 200 Connection established\r\n\r\n")
        }
    }

    @Test("early bytes and a FIN behind them reach the origin in that order")
    func earlyEnd() throws {
        try withProxy { shell in
            let client = try shell.client(connectRequest() + "all")
            shell.finish(client)
            let origin = try shell.dialled()
            #expect(origin.take() == "all" && origin.hasSeenFIN)
            shell.send(origin, "reply")
            shell.finish(origin)
            #expect(client.take().hasSuffix("reply") && client.closed == .normal)
        }
    }

    @Test("a client that half-closes during the dial still gets its tunnel")
    func endDuringDial() throws {
        try withProxy { shell in
            let client = try shell.client(connectRequest())
            shell.finish(client)
            #expect(client.isOpen)
            let origin = try shell.dialled()
            #expect(origin.hasSeenFIN)
            shell.send(origin, "news")
            #expect(client.take().hasSuffix("news"))
        }
    }

    @Test("a tunnel's connection is never taken from the pool or given back to it")
    func notPooled() throws {
        try withProxy { shell in
            let (_, idle) = try shell.exchange(get("http://tunnel.test:443/"))
            shell.send(idle, ok())
            let (client, origin) = try shell.tunnel()
            #expect(origin !== idle && shell.idleUpstreams == 1)
            shell.finish(client)
            shell.finish(origin)
            #expect(origin.closed == .normal && shell.idleUpstreams == 1)
        }
    }

    @Test("a failed dial is answered, the client's connection and its place among the tunnels are free again")
    func dialFailure() throws {
        try withProxy({ $0.maxTunnels = 1 }) { shell in
            let client = try shell.client(connectRequest())
            try shell.dialFails(.connectRefused)
            #expect(client.take().contains("\r\n\r\nweir: the connection was refused: tunnel.test:443 ("))
            #expect(shell.openTunnels == 0 && shell.parkedClients == 1)
            #expect(shell.lastNote?.record.isTunnel == true)
            shell.send(client, connectRequest())
            try shell.dialled()
            #expect(client.take().hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test("tunnels and their dials are counted against tunnel.max")
    func maximum() throws {
        try withProxy({ $0.maxTunnels = 2 }) { shell in
            let (client, origin) = try shell.tunnel()
            _ = try shell.client(connectRequest())
            let third = try shell.client(connectRequest())
            #expect(third.take().hasPrefix("HTTP/1.1 503 ") && shell.openTunnels == 2)
            shell.finish(client)
            shell.finish(origin)
            shell.send(third, connectRequest())
            #expect(third.take().isEmpty && shell.openTunnels == 2)
        }
    }

    @Test(
        "only allowed ports may be named, where any are set",
        arguments: [
            ([], 22, true), ([443], 443, true), ([443, 8443], 8443, true), ([443], 80, false),
        ]
    )
    func ports(allowed: [UInt16], port: Int, passes: Bool) throws {
        try withProxy({ $0.allowedTunnelPorts = allowed }) { shell in
            let client = try shell.client(connectRequest("tunnel.test:\(port)"))
            #expect(shell.dials.count == (passes ? 1 : 0))
            #expect(client.take().hasPrefix("HTTP/1.1 403 ") == !passes)
        }
    }

    // MARK: Ends

    @Test("each side's FIN is passed on, and the other direction goes on", arguments: [true, false])
    func halfClose(clientFirst: Bool) throws {
        try withProxy { shell in
            let (client, origin) = try shell.tunnel()
            let (first, second) = clientFirst ? (client, origin) : (origin, client)
            shell.send(first, "last words")
            shell.finish(first)
            #expect(second.take() == "last words" && second.hasSeenFIN && second.isOpen)
            shell.advance(.seconds(20))
            shell.send(second, "answer")
            #expect(first.take() == "answer")
            shell.advance(.seconds(20))
            shell.finish(second)
            #expect(client.closed == .normal && origin.closed == .normal)
            let record = try #require(shell.lastNote?.record)
            #expect(record.cause == .completed && record.phase == .tunnel && record.status == 200)
        }
    }

    @Test(
        "a half-closed tunnel is ended when the other side is silent for half_close_timeout",
        arguments: [true, false]
    )
    func halfCloseTimeout(clientFirst: Bool) throws {
        try withProxy { shell in
            let (client, origin) = try shell.tunnel()
            shell.finish(clientFirst ? client : origin)
            shell.advance(.milliseconds(29_999))
            #expect(client.isOpen && origin.isOpen)
            shell.advance(.milliseconds(1))
            #expect(origin.closed == .reset && shell.outcomes(.halfClosed) == 1)
            shell.advance(.seconds(2))
            #expect(!client.isOpen)
        }
    }

    @Test("the end of a tunnel waits until everything was taken", arguments: [true, false])
    func endWithPending(clientStalls: Bool) throws {
        try withProxy { shell in
            let (client, origin) = try shell.tunnel()
            let (slow, quick) = clientStalls ? (client, origin) : (origin, client)
            shell.finish(slow)
            shell.stall(slow)
            shell.send(quick, "much")
            shell.finish(quick)
            #expect(client.isOpen && origin.isOpen)
            shell.drainPending(slow)
            #expect(slow.take() == "much")
            // Behind a full peer nothing is read, so the FIN is seen only now.
            #expect(client.closed == .normal && origin.closed == .normal)
            #expect(shell.outcomes(.completed) == 1)
        }
    }

    @Test("a broken connection breaks the tunnel", arguments: [true, false])
    func broken(clientBreaks: Bool) throws {
        try withProxy { shell in
            let (client, origin) = try shell.tunnel()
            shell.fail(clientBreaks ? client : origin)
            #expect(client.closed == .reset && origin.closed == .reset)
            #expect(shell.lastNote?.record.cause == (clientBreaks ? .clientGone : .upstreamGone))
            #expect(shell.lastNote?.record.phase == .tunnel)
        }
    }

    @Test(
        "who does not take what it is sent pauses the other, and is cut after write_timeout",
        arguments: [true, false]
    )
    func stalled(clientStalls: Bool) throws {
        try withProxy { shell in
            let (client, origin) = try shell.tunnel()
            let (slow, quick) = clientStalls ? (client, origin) : (origin, client)
            shell.stall(slow)
            shell.send(quick, "one")
            #expect(quick.isPaused)
            shell.send(quick, "two")
            shell.advance(.seconds(299))
            shell.drainPending(slow)
            #expect(slow.take() == "onetwo" && !quick.isPaused)
            shell.stall(slow)
            shell.send(quick, "three")
            shell.advance(.seconds(300))
            #expect(origin.closed == .reset)
            #expect(shell.outcomes(clientStalls ? .clientTimeout : .upstreamTimeout) == 1)
            shell.advance(.seconds(2))
            #expect(client.closed == .reset)
        }
    }
}
