import Basics
import ClientPolicy
import ProxyCore
import Testing
import UpstreamPool

@Suite("Draining, stopping, reloading, late events")
struct LifeTests {
    // MARK: Draining

    @Test("draining ends what is parked or idle, and lets what is in flight go on")
    func drain() throws {
        try withProxy { shell in
            let (parked, idle) = try shell.parkedPair()
            let (working, origin) = try shell.exchange(get("http://other.test/"))
            let tunnel = try shell.tunnel()
            let fresh = try shell.client()
            shell.drain()
            shell.advance(.zero)
            #expect(parked.hasSeenFIN && parked.isOpen && idle.closed == .reset)
            #expect(!shell.canAccept && shell.tryConnect() == nil)
            #expect(shell.clientEnds(.draining) == 1)
            shell.advance(.seconds(1))
            shell.send(origin, ok("hi"))
            #expect(working.take().contains("\r\nConnection: close\r\n") && working.hasSeenFIN)
            #expect(origin.closed == .reset, "nothing is kept any more")
            shell.advance(.seconds(1))
            #expect(parked.closed == .reset)
            // Whoever has asked for nothing by the end of a grace will hardly do so.
            #expect(fresh.hasSeenFIN)
            shell.send(tunnel.client, "still here")
            #expect(tunnel.origin.take() == "still here")
        }
    }

    @Test("a request whose head is on its way is still served while draining")
    func lateRequest() throws {
        try withProxy { shell in
            let client = try shell.client("GET http://origin.test/ HTTP/1.1\r\n")
            shell.drain()
            shell.send(client, "Host: x\r\n\r\n")
            shell.send(try shell.dialled(), ok("hi"))
            #expect(client.take().hasSuffix("Connection: close\r\n\r\nhi"))
        }
    }

    @Test("a parked connection has until the last call for one more request, which announces the close")
    func lastCall() throws {
        try withProxy { shell in
            let (late, origin) = try shell.parkedPair()
            let silent = try shell.client(get())
            shell.send(origin, ok())
            shell.drain(lastCall: .seconds(1))
            #expect(late.isOpen && !late.hasSeenFIN && silent.isOpen && !silent.hasSeenFIN)
            shell.advance(.milliseconds(900))
            shell.send(late, get())
            shell.send(try shell.dialled(), ok("last"))
            let answer = late.take()
            #expect(answer.contains("\r\nConnection: close\r\n") && answer.hasSuffix("last"))
            #expect(late.hasSeenFIN && !silent.hasSeenFIN)
            shell.advance(.milliseconds(100))
            #expect(silent.hasSeenFIN && shell.clientEnds(.draining) == 1)
        }
    }

    @Test("who comes during the last call is served once, over the pool as it is")
    func lateClient() throws {
        try withProxy { shell in
            let (parked, origin) = try shell.parkedPair()
            shell.drain(lastCall: .seconds(1), stillAccepts: true)
            #expect(shell.canAccept && parked.isOpen && origin.isOpen)
            let late = try shell.client(get())
            shell.send(origin, ok("late"))
            let answer = late.take()
            #expect(answer.contains("\r\nConnection: close\r\n") && answer.hasSuffix("late"))
            shell.drain(lastCall: .seconds(1))
            #expect(!shell.canAccept && shell.tryConnect() == nil && origin.closed == .reset)
        }
    }

    @Test("what was promised to be kept has a last call of its own when it is parked")
    func parkedLate() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            // The head promised to keep the connection before the drain began.
            shell.send(origin, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
            shell.drain(lastCall: .seconds(1))
            shell.advance(.seconds(2))
            shell.send(origin, "cd")
            shell.advance(.milliseconds(900))
            #expect(client.take().hasSuffix("abcd") && !client.hasSeenFIN)
            shell.advance(.milliseconds(100))
            #expect(client.hasSeenFIN)
        }
    }

    @Test("without a limit a parked connection keeps its own time, until a second drain sets one")
    func unlimitedLastCall() throws {
        try withProxy { shell in
            let (client, _) = try shell.parkedPair()
            shell.drain(lastCall: .unlimited)
            shell.advance(.seconds(30))
            #expect(!client.hasSeenFIN)
            shell.drain(lastCall: .seconds(1))
            shell.advance(.seconds(1))
            #expect(client.hasSeenFIN && shell.clientEnds(.draining) == 1)
        }
    }

    @Test("many parked connections are ended in slices")
    func drainInSlices() throws {
        try withProxy { shell in
            let (_, origin) = try shell.parkedPair()
            for _ in 0..<99 {
                _ = try shell.client(get())
                shell.send(origin, ok())
            }
            shell.drain()
            shell.event { $0.engine.timePassed(now: $0.now) }
            #expect(shell.parkedClients == 68)
            #expect(shell.nextDeadline <= shell.now)
            shell.advance(.zero)
            #expect(shell.parkedClients == 0 && shell.clientEnds(.draining) == 100)
        }
    }

    @Test("when the time for draining is up everything has its outcome")
    func stop() throws {
        try withProxy { shell in
            let (working, origin) = try shell.exchange()
            let waiting = try shell.client(get("http://other.test/"))
            let tunnel = try shell.tunnel()
            let reading = try shell.client("GET ")
            shell.drain()
            shell.stop()
            #expect(working.closed == .reset && origin.closed == .reset && waiting.closed == .reset)
            #expect(tunnel.origin.closed == .reset && !reading.isOpen)
            #expect(shell.outcomes(.stopped) == 3)
            #expect(shell.notes.map(\.record.phase) == [.response, .connect, .tunnel])
        }
    }

    // MARK: Reloading

    @Test("a reload brings deadlines forward where they got shorter")
    func shorterDeadlines() throws {
        try withProxy({ $0.accessLog = true }) { shell in
            let fresh = try shell.client()
            let reading = try shell.client("GET ")
            let (parked, _) = try shell.parkedPair()
            let uploading = try shell.exchange(
                message("POST http://up.test/ HTTP/1.1", "Host: x", "Content-Length: 9", content: "abc")
            )
            let asking = try shell.exchange(get("http://slow.test/"))
            let dialling = try shell.client(get("http://far.test/"))
            shell.reconfigure {
                $0.requestTimeout = .seconds(1)
                $0.headerTimeout = .seconds(1)
                $0.clientIdleTimeout = .seconds(1)
                $0.writeTimeout = .seconds(1)
                $0.responseTimeout = .seconds(1)
                $0.connectTimeout = .seconds(1)
            }
            shell.advance(.milliseconds(999))
            #expect(
                [fresh, reading, parked, uploading.client, asking.client, dialling].allSatisfy {
                    !$0.hasSeenFIN
                }
            )
            #expect(uploading.client.take().isEmpty && asking.client.take().isEmpty)
            shell.advance(.milliseconds(1))
            #expect(fresh.hasSeenFIN && !parked.hasSeenFIN)
            #expect(reading.take().hasPrefix("HTTP/1.1 408 "))
            #expect(uploading.client.take().hasPrefix("HTTP/1.1 408 "))
            #expect(asking.client.take().hasPrefix("HTTP/1.1 504 "))
            #expect(dialling.take().hasPrefix("HTTP/1.1 504 "))
            shell.advance(.milliseconds(250))
            #expect(parked.hasSeenFIN)
        }
    }

    @Test("a reload gives deadlines to what had none")
    func newDeadlines() throws {
        try withProxy({
            $0.clientIdleTimeout = .unlimited
            $0.tunnelIdleTimeout = .unlimited
            $0.requestTimeout = .unlimited
        }) { shell in
            let (parked, _) = try shell.parkedPair()
            let tunnel = try shell.tunnel()
            shell.send(tunnel.client, "question")
            shell.send(tunnel.origin, "answer")
            shell.advance(.seconds(100_000))
            #expect(!parked.hasSeenFIN && tunnel.origin.isOpen)
            shell.reconfigure {
                $0.clientIdleTimeout = .seconds(5)
                $0.tunnelIdleTimeout = .seconds(5)
            }
            shell.advance(.seconds(5))
            #expect(parked.hasSeenFIN && tunnel.origin.closed == .reset)
        }
    }

    @Test("a reload gives deadlines to upstream connections that had none")
    func newUpstreamDeadlines() throws {
        try withProxy({ $0.connectTimeout = .unlimited }) { shell in
            let asking = try shell.exchange(get("http://slow.test/"))
            let dialling = try shell.client(get("http://far.test/"))
            shell.advance(.seconds(100_000))
            shell.reconfigure {
                $0.connectTimeout = .seconds(5)
                $0.responseTimeout = .seconds(5)
            }
            shell.advance(.seconds(5))
            #expect(asking.client.take().hasPrefix("HTTP/1.1 504 "))
            #expect(dialling.take().hasPrefix("HTTP/1.1 504 ") && shell.cancelledDials == 1)
        }
    }

    @Test("a reload of the stall time-out reaches an origin that does not read")
    func shorterStall() throws {
        try withProxy { shell in
            let client = try shell.client(
                message("POST http://origin.test/ HTTP/1.1", "Host: x", "Content-Length: 9", content: "abc")
            )
            let origin = try shell.dialled()
            shell.stall(origin)
            shell.send(client, "def")
            shell.reconfigure { $0.writeTimeout = .seconds(1) }
            shell.advance(.seconds(1))
            #expect(client.take().hasPrefix("HTTP/1.1 504 ") && origin.closed == .reset)
        }
    }

    @Test("a reload that lowers a bound ends nothing that is in use")
    func lowerBounds() throws {
        try withProxy { shell in
            let pairs = try (0..<3).map { _ in try shell.exchange() }
            shell.reconfigure {
                $0.pool.maxConnections = 1
                $0.clients.maxConnections = 1
            }
            #expect(pairs.allSatisfy { $0.client.isOpen && $0.origin.isOpen })
            #expect(!shell.canAccept)
            for pair in pairs {
                shell.send(pair.origin, ok())
                #expect(pair.client.take() == okAtClient())
            }
            #expect(shell.idleUpstreams == 1)
        }
    }

    // MARK: Events that come too late

    @Test("events for connections that are gone are counted and change nothing")
    func stale() throws {
        try withProxy { shell in
            let (client, origin) = try shell.parkedPair()
            let late = try shell.client(get("http://far.test/"))
            let dial = try #require(shell.dials.first)
            try shell.dialFails(.connectRefused)
            for peer in [client, origin, late] { shell.fail(peer) }
            let upstream = UpstreamID(origin.id.id)
            shell.event { shell in
                let consumed = shell.engine.received(client.id, Array("GET".utf8).span, now: shell.now)
                #expect(consumed == 3, "discarded")
            }
            shell.event { $0.engine.ended(client.id, now: $0.now) }
            shell.event { $0.engine.failed(origin.id, now: $0.now) }
            shell.event { $0.engine.stalled(client.id, now: $0.now) }
            shell.event { $0.engine.drained(origin.id, now: $0.now) }
            shell.event { $0.engine.dialSucceeded(dial, now: $0.now) }
            shell.event { $0.engine.dialFailed(dial, .connectFailed, now: $0.now) }
            shell.event { $0.engine.checked(upstream, isSilent: true, now: $0.now) }
            shell.event { $0.engine.inspected(upstream, silentFor: .seconds(9), now: $0.now) }
            #expect(shell.statistics.staleEvents >= 6)
            // The same slots, occupied by others.
            let (other, otherOrigin) = try shell.parkedPair()
            #expect(other.id.id.slot <= 1 && other.id != client.id)
            shell.event { $0.engine.ended(client.id, now: $0.now) }
            shell.event { $0.engine.failed(origin.id, now: $0.now) }
            #expect(other.isOpen && otherOrigin.isOpen)
        }
    }

    @Test(
        "a connection's id survives as an event cookie",
        arguments: [
            ConnectionID(side: .client, id: SlotID(slot: 0, generation: 1)),
            ConnectionID(side: .upstream, id: SlotID(slot: 0, generation: 1)),
            ConnectionID(side: .upstream, id: SlotID(slot: 0x7FFF_FFFF, generation: .max)),
        ]
    )
    func token(id: ConnectionID) {
        #expect(ConnectionID(token: id.token) == id)
    }

    @Test("the report counts every client connection once")
    func report() throws {
        try withProxy { shell in
            _ = try shell.parkedPair()
            _ = try shell.client()
            _ = try shell.client("GET ")
            let slow = try shell.client(get("http://far.test/"))
            try shell.dialled()
            _ = try shell.tunnel()
            _ = try shell.client(get("http://other.test/"))
            _ = try shell.client("bad\r\n\r\n")
            let report = shell.clientReport
            #expect(report.parked == 1 && report.fresh == 1 && report.readingHead == 1 && report.waiting == 1)
            #expect(report.exchanging == 1 && report.tunnels == 1 && report.ending == 1)
            #expect(shell.heldClients == 7 && slow.isOpen)
        }
    }
}
