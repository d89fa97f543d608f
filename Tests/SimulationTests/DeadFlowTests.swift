import Basics
import ProxyCore
import Testing
import UpstreamPool

/// Which deadline finds what about a request on a reused connection: one must not hide the other.
@Suite("Deadlines of a reused connection")
struct DeadFlowTests {
    /// A POST with content on a connection that was just used.
    private func post(_ driver: EngineDriver) throws -> (client: ConnectionID, upstream: UpstreamID) {
        let (client, upstream) = try #require(driver.warm())
        driver.receive(client, EngineDriver.post)
        #expect(driver.actions.contains(.check(upstream)))
        driver.take { $0.checked(upstream, isSilent: true, now: $1) }
        return (client, upstream)
    }

    @Test("the acknowledgement is still asked for when the content came after the head")
    func acknowledgedContent() throws {
        let driver = EngineDriver()
        let (client, upstream) = try post(driver)
        driver.receive(client, "abcd")
        driver.wait(.seconds(5))
        #expect(driver.actions.contains(.inspect(upstream)))
        driver.take { $0.inspected(upstream, silentFor: .seconds(5), now: $1) }
        #expect(driver.sent(client).hasPrefix("HTTP/1.1 504"))
    }

    @Test("the response timeout holds although the acknowledgement is late")
    func lateAcknowledgement() throws {
        let driver = EngineDriver { $0.responseTimeout = .seconds(6) }
        let (client, upstream) = try #require(driver.warm())
        driver.receive(client, EngineDriver.get)
        driver.wait(.seconds(5))
        #expect(driver.actions.contains(.inspect(upstream)))
        driver.take { $0.inspected(upstream, silentFor: .seconds(2), now: $1) }
        driver.wait(.seconds(2))
        #expect(driver.ended(.upstreamTimeout) == 1)
    }

    @Test("an acknowledged request with content on its way is not timed as if it were complete")
    func slowContent() throws {
        let driver = EngineDriver { $0.responseTimeout = .seconds(6) }
        let (client, upstream) = try post(driver)
        driver.wait(.seconds(5))
        driver.take { $0.inspected(upstream, silentFor: .zero, now: $1) }
        driver.wait(.seconds(20))
        #expect(driver.closed(.upstream(upstream)) == nil)
        driver.receive(client, "abcd")
        driver.wait(.seconds(7))
        #expect(driver.closed(.upstream(upstream)) == .reset)
    }

    @Test("the response timeout holds after an interim response came before the content")
    func interimBeforeContent() throws {
        let driver = EngineDriver { $0.responseTimeout = .seconds(6) }
        let (client, upstream) = try #require(driver.exchange(EngineDriver.post))
        driver.receive(.upstream(upstream), "HTTP/1.1 100 Continue\r\n\r\n")
        driver.receive(client, "abcd")
        driver.wait(.seconds(7))
        #expect(driver.closed(.upstream(upstream)) == .reset)
    }

    @Test("an origin that does not answer in time is not asked again")
    func noRetryAfterTimeout() throws {
        let driver = EngineDriver { $0.responseTimeout = .seconds(2) }
        let (client, _) = try #require(driver.warm())
        driver.receive(client, EngineDriver.get)
        driver.wait(.seconds(3))
        #expect(driver.dialled.isEmpty)
        #expect(driver.statistics.retries == 0)
    }

    @Test("a second try is not given a reused connection")
    func secondTryIsFresh() throws {
        let driver = EngineDriver { $0.pool.maxPerDestination = 2 }
        let (first, one) = try #require(driver.warm())
        driver.receive(first, EngineDriver.get)
        let (_, two) = try #require(driver.exchange(EngineDriver.get))
        driver.take { $0.ended(.upstream(one), now: $1) }
        #expect(driver.statistics.retries == 1)
        let third = try #require(driver.dialled.first)
        driver.receive(.upstream(two), EngineDriver.empty)
        #expect(!driver.actions.contains { if case .send(.upstream(two), _, _) = $0 { true } else { false } })
        driver.take { $0.dialSucceeded(third, now: $1) }
        #expect(driver.sent(.upstream(third)).hasPrefix("GET / HTTP/1.1"))
    }

    @Test("a pool whose bound was lowered does not dial before it is below it")
    func loweredPoolBound() throws {
        let driver = EngineDriver()
        var upstreams: [UpstreamID] = []
        for _ in 0..<3 {
            let (_, upstream) = try #require(driver.exchange(EngineDriver.get))
            upstreams.append(upstream)
        }
        driver.reload { $0.pool.maxConnections = 2 }
        let client = try #require(driver.accept())
        driver.receive(client, EngineDriver.get.replacing("o.test", with: "p.test"))
        for upstream in upstreams.prefix(2) {
            driver.receive(.upstream(upstream), EngineDriver.empty)
            #expect(driver.upstreams <= 2)
        }
        #expect(driver.dialled.count == 1)
    }
}
