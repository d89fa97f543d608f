import Basics
import ClientPolicy
import ProxyCore
import Testing
import UpstreamPool

/// What the simulator (or reading for it) found in the engine, each as the shortest order of events.
@Suite("Found by simulation")
struct FoundBySimulationTests {
    @Test("a half-closed client's connection is not closed in the event that sends its response")
    func closeBehindResponse() throws {
        let driver = EngineDriver()
        let (client, upstream) = try #require(driver.exchange(EngineDriver.get))
        driver.take { $0.ended(client, now: $1) }
        driver.receive(.upstream(upstream), EngineDriver.empty)
        #expect(driver.closed(client) == nil)
        // The kernel did not take everything: the close has to wait for it.
        driver.take { $0.stalled(client, now: $1) }
        driver.wait(.seconds(10))
        #expect(driver.closed(client) == nil)
        driver.take { $0.drained(client, now: $1) }
        #expect(driver.closed(client) == .normal)
    }

    @Test("a half-closed client's connection is closed at once when the kernel took its response")
    func closeBehindTakenResponse() throws {
        let driver = EngineDriver()
        let (client, upstream) = try #require(driver.exchange(EngineDriver.get))
        driver.take { $0.ended(client, now: $1) }
        driver.receive(.upstream(upstream), EngineDriver.empty)
        driver.wait(.zero)
        #expect(driver.closed(client) == .normal)
    }

    @Test("a client that has not taken its response is not parked, and the idle timeout does not cut it")
    func unreadIsNotParked() throws {
        let driver = EngineDriver { $0.clientIdleTimeout = .seconds(1) }
        let (client, upstream) = try #require(driver.exchange(EngineDriver.get))
        driver.receive(.upstream(upstream), EngineDriver.empty)
        driver.take { $0.stalled(client, now: $1) }
        #expect(driver.parked == 0)
        driver.wait(.seconds(60))
        #expect(driver.closed(client) == nil)
        driver.take { $0.drained(client, now: $1) }
        #expect(driver.parked == 1)
    }

    @Test("an unread response is not cut by the grace of a connection that was ended as surplus")
    func unreadSurplusIsNotCut() throws {
        let driver = EngineDriver { $0.clients.maxParkedPerOwner = 0 }
        let (client, upstream) = try #require(driver.exchange(EngineDriver.get))
        driver.receive(.upstream(upstream), EngineDriver.empty)
        driver.take { $0.stalled(client, now: $1) }
        driver.wait(.seconds(100))
        #expect(driver.closed(client) == nil)
        driver.wait(.seconds(300))
        #expect(driver.closed(client) == .reset)
    }

    @Test("bytes behind the head of a 101 are forwarded from where they stand")
    func bytesBehindUpgrade() throws {
        let driver = EngineDriver()
        let upgrade = "Connection: upgrade\r\nUpgrade: test\r\n\r\n"
        let (client, upstream) = try #require(
            driver.exchange("GET http://o.test/ HTTP/1.1\r\nHost: o.test\r\n" + upgrade)
        )
        let head = "HTTP/1.1 101 Switching\r\n" + upgrade
        #expect(driver.receive(.upstream(upstream), head + "hello") == head.utf8.count + 5)
        #expect(driver.actions.contains(.forward(client, offset: head.utf8.count, count: 5)))
    }

    @Test("an upgrade beyond tunnel.max is refused")
    func upgradeBeyondBound() throws {
        let driver = EngineDriver { $0.maxTunnels = 0 }
        let upgrade = "Connection: upgrade\r\nUpgrade: test\r\n\r\n"
        let (client, upstream) = try #require(
            driver.exchange("GET http://o.test/ HTTP/1.1\r\nHost: o.test\r\n" + upgrade)
        )
        driver.receive(.upstream(upstream), "HTTP/1.1 101 Switching\r\n" + upgrade)
        #expect(driver.sent(client).hasPrefix("HTTP/1.1 503"))
        #expect(driver.closed(.upstream(upstream)) == .reset)
    }

    @Test("a queue timeout of zero does not spin while a dial is under way")
    func noSpinBehindDial() throws {
        let driver = EngineDriver { $0.queueTimeout = .zero }
        let client = try #require(driver.accept())
        driver.receive(client, EngineDriver.get)
        #expect(driver.dialled.count == 1)
        driver.take { $0.timePassed(now: $1) }
        #expect(driver.nextDeadline > driver.now)
    }

    @Test("a request whose content stops is answered 408 after the write timeout")
    func contentStops() throws {
        let driver = EngineDriver {
            $0.writeTimeout = .seconds(20)
            $0.minProgress = 1
        }
        let (client, upstream) = try #require(driver.exchange(EngineDriver.post + "ab"))
        driver.wait(.seconds(19))
        #expect(driver.closed(.upstream(upstream)) == nil)
        driver.receive(client, "c")
        driver.wait(.seconds(19))
        #expect(driver.closed(.upstream(upstream)) == nil)
        driver.wait(.seconds(2))
        #expect(driver.closed(.upstream(upstream)) == .reset)
        #expect(driver.ended(.clientTimeout) == 1)
    }

    @Test("a client that has left does not hold an upstream connection behind a silent origin for ever")
    func leftBehindSilentOrigin() throws {
        let driver = EngineDriver()
        let (client, upstream) = try #require(driver.exchange(EngineDriver.get))
        driver.take { $0.ended(client, now: $1) }
        driver.wait(.seconds(29))
        #expect(driver.closed(.upstream(upstream)) == nil)
        driver.wait(.seconds(2))
        #expect(driver.closed(.upstream(upstream)) == .reset)
        #expect(driver.isAtRest)
    }

    @Test("a reload that sets a timeout gives deadlines to those who waited without one")
    func reloadGivesDeadlines() throws {
        let driver = EngineDriver {
            $0.clientIdleTimeout = .unlimited
            $0.pool.idleTimeout = .unlimited
        }
        _ = try #require(driver.warm())
        // Only the question what became of it is still open.
        driver.wait(ClientPolicy.idleEvidence)
        #expect(driver.nextDeadline == .never)
        driver.reload()
        driver.wait(.seconds(80))
        #expect(driver.isAtRest)
    }

    @Test("after a reload that lowered client.max_connections by several, a newcomer still finds room")
    func loweredClientBound() throws {
        let driver = EngineDriver()
        let served = (0..<3).compactMap { _ in driver.exchange(EngineDriver.get) }
        for (_, upstream) in served { driver.receive(.upstream(upstream), EngineDriver.empty) }
        #expect(driver.parked == 3)
        driver.reload {
            $0.clients.maxConnections = 1
            $0.pool.maxConnections = 1
        }
        #expect(driver.accept() != nil)
        #expect(driver.clients == 1)
        #expect(driver.upstreams == 1)
    }
}
