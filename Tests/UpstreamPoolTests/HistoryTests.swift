import Basics
import Testing
import UpstreamPool

/// What an origin's past decides: how long its connections lie idle.
@Suite("Pool: histories of origins")
struct HistoryTests {
    /// Makes so many requests, one after the other, on a connection that is left idle at the end.
    private func ask(_ driver: inout PoolDriver, _ times: Int, every pause: Interval) throws -> UpstreamID {
        var latest: UpstreamID?
        for index in 0..<times {
            if index > 0 { driver.expire(after: pause) }
            let id = try driver.served("a")
            driver.release(id)
            latest = id
        }
        _ = driver.effects()
        return try #require(latest)
    }

    /// After how long without a request the connection is ended.
    private func life(_ id: UpstreamID, _ driver: inout PoolDriver) -> Interval {
        let start = driver.now
        while driver.pool.isAlive(id), driver.pool.nextDeadline != .never {
            driver.expire(after: driver.pool.nextDeadline.since(driver.now))
        }
        #expect(driver.effects() == [.close(id, .idleTooLong)])
        return driver.now.since(start)
    }

    // MARK: Surplus

    @Test(
        "after 16 requests that came fast, an idle connection goes after surplus_timeout",
        arguments: [15, 16, 40]
    )
    func surplus(requests: Int) throws {
        var driver = PoolDriver()
        let id = try ask(&driver, requests, every: .milliseconds(10))
        #expect(life(id, &driver) == (requests < 16 ? .seconds(60) : .seconds(3)))
    }

    @Test(
        "what slow requests will want is kept for four times their pause, in doublings of surplus_timeout",
        arguments: [
            (750, 3), (751, 6), (1500, 6), (1501, 12), (5000, 24), (12_000, 48), (12_001, 60), (24_000, 60),
            (24_001, 60), (50_000, 60),
        ]
    )
    func slowPace(pause: Int, seconds: Int) throws {
        var driver = PoolDriver()
        let id = try ask(&driver, 20, every: .milliseconds(pause))
        #expect(life(id, &driver) == .seconds(seconds))
    }

    @Test("a pause is forgotten in time")
    func pauseIsForgotten() throws {
        var driver = PoolDriver()
        var id = try ask(&driver, 2, every: .seconds(6))
        driver.pass(.milliseconds(10))
        id = try ask(&driver, 30, every: .milliseconds(10))
        // 6 s times (15/16)^30 is 0.87 s, of which four times is more than 3 s.
        #expect(life(id, &driver) == .seconds(6))
        id = try ask(&driver, 2, every: .milliseconds(10))
        driver.pass(.milliseconds(10))
        id = try ask(&driver, 60, every: .milliseconds(10))
        #expect(life(id, &driver) == .seconds(3))
    }

    @Test("what a burst left goes, while what the recent requests use stays")
    func surplusOfMany() throws {
        var driver = PoolDriver()
        _ = try ask(&driver, 20, every: .milliseconds(10))
        let burst = try driver.fill("a", 10)
        _ = driver.effects()
        for _ in 0..<8 {
            driver.expire(after: .milliseconds(500))
            #expect(driver.reuse("a") == burst[9], "the most recently used")
            driver.release(burst[9])
        }
        #expect(driver.pool.idleCount == 1 && driver.refusals(.idleTooLong) == 10)
    }

    @Test("what the first requests left idle goes by the pace that is known later")
    func surplusOfTheFirst() throws {
        var driver = PoolDriver()
        let first = try driver.fill("a", 9)
        _ = driver.effects()
        for _ in 0..<20 {
            driver.expire(after: .milliseconds(10))
            #expect(driver.reuse("a") == first[8])
            driver.release(first[8])
        }
        driver.expire(after: .seconds(3))
        #expect(driver.pool.idleCount == 0 && driver.refusals(.idleTooLong) == 9)
    }

    @Test("an end that the origin has set sooner stays when the pace becomes known")
    func soonerEnd() throws {
        var driver = PoolDriver()
        let early = try driver.served("a")
        let other = try driver.served("a")
        driver.release(early, idleLimit: .seconds(1))
        driver.release(other)
        for _ in 0..<20 {
            #expect(driver.reuse("a") == other)
            driver.release(other)
        }
        driver.expire(after: .seconds(1))
        #expect(!driver.pool.isAlive(early) && driver.pool.isAlive(other))
    }

    @Test("without surplus_timeout, and where idle_timeout is shorter, that alone decides")
    func bounds() throws {
        var driver = PoolDriver { $0.surplusTimeout = .unlimited }
        var id = try ask(&driver, 20, every: .milliseconds(10))
        #expect(life(id, &driver) == .seconds(60))
        driver = PoolDriver { $0.idleTimeout = .seconds(2) }
        id = try ask(&driver, 20, every: .milliseconds(10))
        #expect(life(id, &driver) == .seconds(2))
        driver = PoolDriver { $0.surplusTimeout = .zero }
        id = try ask(&driver, 20, every: .milliseconds(10))
        #expect(life(id, &driver) == .seconds(60))
    }

    @Test("each origin has its own pace, and tunnels have none")
    func apart() throws {
        var driver = PoolDriver()
        _ = try ask(&driver, 20, every: .milliseconds(10))
        for _ in 0..<20 { _ = driver.acquire("b", .fresh, kind: .tunnel) }
        _ = driver.effects()
        let other = try driver.leaseFresh("b")
        driver.release(other)
        driver.expire(after: .milliseconds(59_999))
        #expect(driver.pool.isIdle(other))
    }

    @Test("the pace survives that the origin is forgotten")
    func remembered() throws {
        var driver = PoolDriver()
        var id = try ask(&driver, 20, every: .milliseconds(10))
        #expect(life(id, &driver) == .seconds(3) && driver.pool.originCount == 0)
        driver.pass(.milliseconds(100))
        id = try ask(&driver, 1, every: .zero)
        // Four times the 3.1 s since the last request.
        #expect(life(id, &driver) == .seconds(24))
    }

    @Test("of very many origins the first are forgotten for good")
    func memoryIsBounded() throws {
        var driver = PoolDriver()
        let first = try ask(&driver, 20, every: .milliseconds(10))
        driver.step { $0.lost(first, now: $1) }
        #expect(driver.pool.originCount == 0)
        for number in 0..<1024 {
            let id = try driver.leaseFresh("other\(number)")
            driver.step { $0.lost(id, now: $1) }
        }
        let id = try ask(&driver, 1, every: .zero)
        #expect(life(id, &driver) == .seconds(60))
    }

    // MARK: The origin's own limit

    /// The origin closes an idle connection after so long.
    private func closeIdle(_ driver: inout PoolDriver, after idle: Interval, host: String = "a") throws {
        let id = try driver.served(host)
        driver.release(id)
        driver.expire(after: idle)
        try #require(driver.pool.isIdle(id))
        driver.step { $0.closedWhileIdle(id, now: $1) }
        driver.step { $0.lost(id, now: $1) }
        _ = driver.effects()
    }

    /// How long an idle connection is kept.
    private func idleLife(_ driver: inout PoolDriver, host: String = "a") throws -> Interval {
        let id = try driver.served(host)
        driver.release(id)
        return life(id, &driver)
    }

    @Test(
        "two closes after about the same time are a limit, of which an eighth is left as a margin",
        arguments: [
            (8000, 8000, 7000), (8000, 9000, 7000), (9000, 8000, 7000), (20_000, 20_000, 17_500),
            (2000, 2000, 1500), (1000, 1000, 500), (600, 600, 300), (6000, 8000, 5250),
        ]
    )
    func learned(first: Int, second: Int, limit: Int) throws {
        var driver = PoolDriver()
        try closeIdle(&driver, after: .milliseconds(first))
        driver.pass(.seconds(1))
        try closeIdle(&driver, after: .milliseconds(second))
        #expect(try idleLife(&driver) == .milliseconds(limit))
    }

    @Test(
        "one close is no limit, nor are two after very different times",
        arguments: [(8000, 5900), (5900, 8000)]
    )
    func notLearned(first: Int, second: Int) throws {
        var driver = PoolDriver()
        try closeIdle(&driver, after: .milliseconds(first))
        #expect(try idleLife(&driver) == .seconds(60))
        try closeIdle(&driver, after: .milliseconds(second))
        #expect(try idleLife(&driver) == .seconds(60))
    }

    @Test("closes of connections that were idle for less than half a second tell of a restart")
    func restart() throws {
        var driver = PoolDriver()
        for _ in 0..<4 {
            try closeIdle(&driver, after: .milliseconds(499))
            driver.pass(.seconds(2))
        }
        #expect(try idleLife(&driver) == .seconds(60))
    }

    @Test("connections that are all closed within a second tell of a restart", arguments: [999, 1000])
    func sameInstant(milliseconds: Int) throws {
        var driver = PoolDriver()
        let ids = [try driver.leaseFresh("a"), try driver.leaseFresh("a")]
        for id in ids { driver.release(id) }
        driver.pass(.seconds(8))
        for id in ids {
            driver.step { $0.closedWhileIdle(id, now: $1) }
            driver.step { $0.lost(id, now: $1) }
            driver.pass(.milliseconds(milliseconds))
        }
        _ = driver.effects()
        #expect(try idleLife(&driver) == (milliseconds == 1000 ? .seconds(7) : .seconds(60)))
    }

    @Test("a limit is put to the test again after ten minutes, and one close confirms it")
    func unlearned() throws {
        var driver = PoolDriver { $0.idleTimeout = .seconds(60) }
        for _ in 0..<2 {
            try closeIdle(&driver, after: .seconds(8))
            driver.pass(.seconds(1))
        }
        driver.expire(after: .milliseconds(598_999))
        #expect(try idleLife(&driver) == .seconds(7), "learned not quite ten minutes ago")
        #expect(try idleLife(&driver) == .seconds(60))
        try closeIdle(&driver, after: .seconds(8))
        #expect(try idleLife(&driver) == .seconds(7))
    }

    @Test("a limit that was learned never lengthens what the origin said or the settings allow")
    func shortestCounts() throws {
        var driver = PoolDriver { $0.idleTimeout = .seconds(10) }
        for _ in 0..<2 { try closeIdle(&driver, after: .seconds(9)) }
        var id = try driver.served("a")
        driver.release(id, idleLimit: .seconds(2))
        #expect(life(id, &driver) == .seconds(2))
        driver = PoolDriver { $0.idleTimeout = .seconds(5) }
        id = try driver.served("a")
        driver.release(id)
        #expect(life(id, &driver) == .seconds(5))
    }

    @Test("another origin's closes teach nothing, and neither do connections in use")
    func othersTeachNothing() throws {
        var driver = PoolDriver()
        for _ in 0..<2 {
            try closeIdle(&driver, after: .seconds(8), host: "b")
            let id = try driver.leaseFresh("a")
            driver.pass(.seconds(8))
            driver.step { $0.closedWhileIdle(id, now: $1) }
            driver.step { $0.lost(id, now: $1) }
        }
        _ = driver.effects()
        #expect(try idleLife(&driver) == .seconds(60))
        #expect(try idleLife(&driver, host: "b") == .seconds(7))
    }
}

extension PoolDriver {
    /// A leased connection to the host: an idle one, or one that is dialled.
    fileprivate mutating func served(_ host: String) throws -> UpstreamID {
        let (answer, waiter) = acquire(host)
        if case .leased(let id) = answer { return id }
        let id = try dial()
        step { $0.connected(id, now: $1) }
        #expect(effects() == [.granted(waiter: waiter, id, isReused: false)])
        return id
    }
}
