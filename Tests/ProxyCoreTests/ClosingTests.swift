import Basics
import ClientPolicy
import ProxyCore
import Testing

@Suite("Closing client connections")
struct ClosingTests {
    // MARK: Idle closes: FIN, grace, RST

    @Test("a parked connection is finished at its time-out, and reset when the grace is over")
    func threeSteps() throws {
        try withProxy { shell in
            let (client, _) = try shell.parkedPair()
            // A quarter more than idle_timeout, so that who comes back just then meets no close.
            shell.advance(.milliseconds(74_999))
            #expect(!client.hasSeenFIN)
            shell.advance(.milliseconds(1))
            #expect(client.hasSeenFIN && client.isOpen)
            shell.advance(.milliseconds(1999))
            #expect(client.isOpen)
            shell.advance(.milliseconds(1))
            #expect(client.closed == .reset)
            #expect(shell.statistics.resetAfterGrace == 1)
            #expect(shell.clientEnds(.idleTooLong) == 1)
        }
    }

    @Test("a peer that answers our FIN within the grace is closed in good order")
    func answeredFIN() throws {
        try withProxy { shell in
            let (client, _) = try shell.parkedPair()
            shell.advance(.seconds(76))
            shell.finish(client)
            #expect(client.closed == .normal)
            #expect(shell.statistics.gracefulCloses == 1 && shell.statistics.resetAfterGrace == 0)
        }
    }

    @Test("a request in the grace of an idle close is not served at all")
    func lateRequest() throws {
        try withProxy { shell in
            let (client, origin) = try shell.parkedPair()
            shell.advance(.milliseconds(75_500))
            shell.send(client, post("x"))
            #expect(client.take().isEmpty && origin.take().isEmpty)
            #expect(shell.statistics.lateRequests == 1 && shell.statistics.requests == 1)
            shell.advance(.seconds(2))
            #expect(client.closed == .reset)
        }
    }

    @Test("a connection without a request is ended after request_timeout, without an answer")
    func neverAsked() throws {
        try withProxy { shell in
            let client = try shell.client()
            shell.advance(.milliseconds(29_999))
            #expect(!client.hasSeenFIN)
            shell.advance(.milliseconds(1))
            #expect(client.hasSeenFIN && client.take().isEmpty)
            shell.advance(.seconds(2))
            #expect(client.closed == .reset)
        }
    }

    @Test("a client that leaves without or between requests is closed at once")
    func leaves() throws {
        try withProxy { shell in
            let fresh = try shell.client()
            let reading = try shell.client("GET http")
            let (parked, _) = try shell.parkedPair()
            for client in [fresh, reading, parked] {
                shell.finish(client)
                #expect(client.closed == .normal)
            }
            #expect(shell.heldClients == 0 && shell.statistics.requests == 1)
            let broken = try shell.client("GET http")
            shell.fail(broken)
            #expect(broken.closed == .reset)
        }
    }

    // MARK: Announced closes

    @Test("after an announced close the answer may stay unread for write_timeout")
    func announced() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange(
                message("GET http://origin.test/ HTTP/1.1", "Host: x", "Connection: close")
            )
            shell.send(origin, ok("hi"))
            #expect(client.take().hasSuffix("hi") && client.hasSeenFIN)
            shell.advance(.milliseconds(299_999))
            #expect(client.isOpen)
            shell.advance(.milliseconds(1))
            #expect(client.closed == .reset)
        }
    }

    @Test("the last permitted request of a connection announces the close")
    func maxRequests() throws {
        try withProxy({ $0.clients.maxRequests = 3 }) { shell in
            let (client, origin) = try shell.parkedPair()
            for isLast in [false, true] {
                shell.send(client, get())
                shell.send(origin, ok())
                #expect(client.take().contains("\r\nConnection: close\r\n") == isLast)
                #expect(client.hasSeenFIN == isLast)
            }
            #expect(shell.clientEnds(.usedUp) == 1)
        }
    }

    @Test("the first response beyond max_age announces the close")
    func maxAge() throws {
        try withProxy({ $0.clients.maxAge = .seconds(40) }) { shell in
            let (client, origin) = try shell.parkedPair()
            for isOld in [false, true] {
                // With a tenth of jitter 35 s is young and 46 s is old.
                shell.advance(.seconds(isOld ? 11 : 35))
                shell.send(client, get())
                shell.send(origin, ok())
                #expect(client.take().contains("\r\nConnection: close\r\n") == isOld)
            }
            #expect(shell.clientEnds(.tooOld) == 1)
        }
    }

    @Test("with keep_alive off every response announces the close, weir's own too")
    func keepAliveOff() throws {
        try withProxy({ $0.clients.keepAlive = false }) { shell in
            let (client, origin) = try shell.exchange()
            shell.send(origin, ok())
            #expect(
                client.take()
                    == message("HTTP/1.1 200 OK", "Content-Length: 0", "Via: 1.1 weir", "Connection: close")
            )
            #expect(client.hasSeenFIN && shell.idleUpstreams == 1)
            shell.fail(origin)
            let other = try shell.client(get())
            try shell.dialFails(.connectRefused)
            #expect(other.take().contains("\r\nConnection: close\r\n"))
            #expect(shell.clientEnds(.keepAliveOff) == 2)
        }
    }

    @Test("bytes that the kernel has not taken are not cut by the close behind them")
    func pendingSurvives() throws {
        for hasFinished in [false, true] {
            try withProxy { shell in
                let (client, origin) = try shell.exchange(message("GET http://origin.test/ HTTP/1.0"))
                if hasFinished { shell.finish(client) }
                shell.stall(client)
                shell.send(origin, ok("hello"))
                shell.advance(.seconds(200))
                #expect(client.isOpen && !client.hasSeenFIN)
                shell.drainPending(client)
                #expect(client.take().hasSuffix("hello"))
                #expect(client.hasSeenFIN)
                if !hasFinished { shell.finish(client) }
                #expect(client.closed == .normal)
            }
        }
    }

    @Test("a kept connection whose answer is unread is not parked until it was taken")
    func unreadIsNotParked() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            shell.stall(client)
            shell.send(origin, ok("hello"))
            #expect(shell.parkedClients == 0 && shell.idleUpstreams == 1)
            shell.advance(.seconds(299))
            #expect(client.isOpen && !client.hasSeenFIN)
            shell.drainPending(client)
            #expect(client.take() == okAtClient("hello"))
            #expect(shell.parkedClients == 1)
        }
    }

    @Test("an answer that stays unread for write_timeout is cut by a reset")
    func unreadForEver() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            shell.stall(client)
            shell.send(origin, ok("hello"))
            shell.advance(.seconds(300))
            #expect(client.closed == .reset)
            #expect(shell.outcomes(.completed) == 1, "it had its outcome")
        }
    }

    // MARK: Half-closed clients

    @Test("a client that has finished still gets its answer, and the close is announced")
    func halfClosed() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            shell.finish(client)
            shell.advance(.seconds(29))
            shell.send(origin, ok("hi"))
            #expect(client.take().contains("\r\nConnection: close\r\n"))
            shell.advance(.zero)
            #expect(client.closed == .normal)
            #expect(shell.outcomes(.completed) == 1 && shell.idleUpstreams == 1)
        }
    }

    @Test("a client that has finished is waited for no longer than half_close_timeout")
    func halfClosedTooLong() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            shell.finish(client)
            shell.advance(.seconds(30))
            #expect(client.closed == .reset && origin.closed == .reset)
            #expect(shell.outcomes(.halfClosed) == 1)
        }
    }

    @Test("content that keeps coming keeps a half-closed client")
    func halfClosedContent() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            shell.finish(client)
            shell.send(origin, message("HTTP/1.1 200 OK", "Content-Length: 4"))
            for _ in 0..<4 {
                shell.advance(.seconds(29))
                shell.send(origin, "x")
            }
            shell.advance(.zero)
            #expect(client.take().hasSuffix("xxxx") && client.closed == .normal)
            #expect(shell.outcomes(.completed) == 1)
        }
    }

    // MARK: Bounds

    @Test("at max_connections an ending connection goes first, then the longest parked of the heaviest owner")
    func evictionOrder() throws {
        try withProxy({ $0.clients.maxConnections = 5 }) { shell in
            let (light, origin) = try shell.parkedPair()
            let ending = try shell.client(
                message("GET http://origin.test/ HTTP/1.1", "Host: x", "Connection: close"),
                owner: 2
            )
            shell.send(origin, ok())
            var heavy: [HarnessPeer] = []
            for _ in 0..<3 {
                heavy.append(try shell.client(get(), owner: 3))
                shell.send(origin, ok())
                shell.advance(.milliseconds(10))
            }
            #expect(shell.heldClients == 5 && ending.isOpen && shell.canAccept)
            let newcomers = try (0..<3).map { _ in try shell.client(owner: 4) }
            #expect(ending.closed == .reset)
            #expect(heavy[0].closed == .reset && heavy[1].closed == .reset)
            #expect(heavy[2].isOpen && light.isOpen && newcomers.allSatisfy(\.isOpen))
            #expect(shell.clientEnds(.evicted) == 2)
        }
    }

    @Test("at max_connections nobody is cut for a newcomer who is not parked or ending")
    func fullHouse() throws {
        try withProxy({ $0.clients.maxConnections = 2 }) { shell in
            let (working, origin) = try shell.exchange()
            let reading = try shell.client("GET http")
            #expect(!shell.canAccept)
            #expect(shell.tryConnect() == nil)
            #expect(working.isOpen && reading.isOpen)
            shell.send(origin, ok())
            #expect(shell.canAccept)
        }
    }

    @Test("near max_connections the longest parked goes in good order")
    func nearTheBound() throws {
        try withProxy({ $0.clients.maxConnections = 16 }) { shell in
            let (parked, _) = try shell.parkedPair()
            for _ in 0..<14 { _ = try shell.client() }
            #expect(!parked.hasSeenFIN)
            _ = try shell.client()
            #expect(parked.hasSeenFIN && parked.isOpen)
        }
    }

    @Test("beyond max_parked_per_owner the owner's longest parked is ended, in steps")
    func maxParkedPerOwner() throws {
        try withProxy({ $0.clients.maxParkedPerOwner = 2 }) { shell in
            let (first, origin) = try shell.parkedPair()
            // Long enough not to be one of those that the app goes round.
            shell.advance(.seconds(5))
            let neighbour = try shell.client(get(), owner: 2)
            shell.send(origin, ok())
            let others = try (0..<2).map { _ in
                let client = try shell.client(get())
                shell.send(origin, ok())
                return client
            }
            #expect(first.hasSeenFIN && first.isOpen)
            #expect(!neighbour.hasSeenFIN && others.allSatisfy { !$0.hasSeenFIN })
            #expect(shell.clientEnds(.tooManyParked) == 1)
        }
    }

    @Test("an app that goes round as many connections as may be parked is told on the one that is too many")
    func busyPool() throws {
        try withProxy({ $0.clients.maxParkedPerOwner = 2 }) { shell in
            let (first, origin) = try shell.parkedPair()
            let second = try shell.client(get())
            shell.send(origin, ok())
            #expect(!second.take().contains("Connection: close"))
            shell.advance(.seconds(4))
            let third = try shell.client(get())
            shell.send(origin, ok())
            #expect(third.take().contains("\r\nConnection: close\r\n") && third.hasSeenFIN)
            #expect(!first.hasSeenFIN && !second.hasSeenFIN && shell.clientEnds(.tooManyParked) == 1)
        }
    }

    @Test("want of descriptors closes idle and parked connections at once")
    func descriptors() throws {
        try withProxy { shell in
            let (parked, idle) = try shell.parkedPair()
            let (working, origin) = try shell.exchange(get("http://other.test/"))
            shell.exhaustDescriptors()
            #expect(parked.closed == .reset && idle.closed == .reset)
            #expect(working.isOpen && origin.isOpen)
        }
    }
}
