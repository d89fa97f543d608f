import Basics
import Testing
import UpstreamPool

@Suite("Pool: dials") struct DialTests {
    @Test("a failed dial takes the oldest waiter with it and nobody else")
    func failure() {
        var driver = PoolDriver()
        let waiters = [driver.wait("a"), driver.wait("a")]
        let dials = driver.dials()
        driver.step { $0.dialFailed(dials[1], isPressure: false, now: $1) }
        #expect(driver.effects() == [.failed(waiter: waiters[0])])
        #expect(driver.pool.isDialPending(for: waiters[1]) && driver.pool.statistics.dialsFailed == 1)
    }

    @Test("a dial that nobody waits for fails quietly")
    func failureOfAbandoned() throws {
        var driver = PoolDriver()
        let waiter = driver.wait("a")
        let dial = try driver.dial()
        driver.step { $0.waiterLeft(waiter, now: $1) }
        driver.step { $0.dialFailed(dial, isPressure: false, now: $1) }
        #expect(driver.effects().isEmpty && driver.pool.originCount == 0)
    }

    @Test("an abandoned dial to an origin is adopted by the pool and serves the next request")
    func adopted() throws {
        var driver = PoolDriver()
        let waiter = driver.wait("a")
        let dial = try driver.dial()
        driver.step { $0.waiterLeft(waiter, now: $1) }
        driver.step { $0.connected(dial, now: $1) }
        #expect(driver.effects().isEmpty && driver.pool.isIdle(dial))
        #expect(driver.reuse("a", .recent) == dial && driver.pool.uses(of: dial) == 1)
    }

    @Test("an abandoned tunnel's connection is closed, and a tunnel's is never reused")
    func tunnels() throws {
        var driver = PoolDriver()
        let gone = driver.wait("a", .fresh, kind: .tunnel)
        let dial = try driver.dial()
        driver.step { $0.waiterLeft(gone, now: $1) }
        driver.step { $0.connected(dial, now: $1) }
        #expect(driver.effects() == [.close(dial, .abandonedTunnel)])
        _ = driver.wait("a", .fresh, kind: .tunnel)
        let second = try driver.dial()
        driver.step { $0.connected(second, now: $1) }
        _ = driver.wait("a")
        #expect(driver.pool.originCount == 2, "a tunnel and exchanges of one host are two origins")
        driver.release(second)
        #expect(driver.effects().contains(.close(second, .notPersistent)))
    }

    @Test("lack of ports fails nobody: the origin backs off, an idle connection gives its port back")
    func pressure() throws {
        var driver = PoolDriver { $0.dialBackoff = .milliseconds(100) }
        let idle = try driver.fill("a", 2)
        let waiter = driver.wait("a", .fresh)
        let dial = try driver.dial()
        driver.step { $0.dialFailed(dial, isPressure: true, now: $1) }
        #expect(driver.effects() == [.close(idle[0], .portPressure)])
        #expect(driver.pool.isBackingOff(waiter) && !driver.pool.isDialPending(for: waiter))
        _ = driver.wait("a", .fresh)
        #expect(driver.effects().isEmpty, "no dial while the origin backs off")
        _ = driver.wait("b")
        #expect(driver.dials().count == 1, "another origin does not back off")
        #expect(driver.pool.nextDeadline == driver.now + .milliseconds(100))
        driver.expire(after: .milliseconds(99))
        #expect(driver.effects().isEmpty)
        driver.expire(after: .milliseconds(1))
        #expect(driver.dials().count == 2 && !driver.pool.isBackingOff(waiter))
        #expect(driver.pool.statistics.backoffs == 1)
    }

    @Test("a connection that comes free serves a waiter whose origin backs off")
    func backoffAndRelease() throws {
        var driver = PoolDriver()
        let leased = try driver.leaseFresh("a")
        let waiter = driver.wait("a")
        let dial = try driver.dial()
        driver.step { $0.dialFailed(dial, isPressure: true, now: $1) }
        driver.release(leased)
        #expect(driver.effects() == [.granted(waiter: waiter, leased, isReused: true)])
        driver.release(leased)
        driver.expire(after: .seconds(1))
        #expect(driver.effects().isEmpty && driver.pool.nextDeadline < .never)
    }

    @Test("a patient request waits for a connection in use before another is dialled for it")
    func patience() throws {
        var driver = PoolDriver { $0.dialPatience = .milliseconds(20) }
        let leased = try driver.leaseFresh("a")
        let first = driver.wait("a")
        #expect(driver.dials().isEmpty && !driver.pool.isDialPending(for: first))
        driver.release(leased)
        #expect(driver.effects() == [.granted(waiter: first, leased, isReused: true)])
        _ = driver.wait("a")
        driver.expire(after: .milliseconds(19))
        #expect(driver.effects().isEmpty)
        driver.expire(after: .milliseconds(1))
        #expect(driver.dials().count == 1)
    }

    @Test("nobody is patient who needs a fresh connection, or whose origin has none in use")
    func noPatience() throws {
        var driver = PoolDriver { $0.dialPatience = .milliseconds(20) }
        _ = try driver.leaseFresh("a")
        _ = driver.wait("a", .fresh)
        #expect(driver.dials().count == 1)
        _ = driver.wait("b")
        #expect(driver.dials().count == 1)
    }

    @Test("patience that ended before expire came is noticed by the next request")
    func latePatience() throws {
        var driver = PoolDriver { $0.dialPatience = .seconds(2) }
        let ids = try driver.fill("a", 2)
        #expect(driver.reuse("a") == ids[1])
        driver.pass(.seconds(1))
        _ = driver.wait("a", .recent)
        #expect(driver.dials().isEmpty)
        driver.pass(.seconds(2))
        #expect(driver.reuse("a") == ids[0])
        #expect(driver.dials().count == 1)
    }

    @Test("what is shown of an origin agrees with what it has")
    func reports() throws {
        var driver = PoolDriver()
        _ = try driver.fill("Example.ORG", 2)
        let answer = driver.reuse("example.org")
        let leased = try #require(answer)
        _ = driver.wait("example.org", .fresh)
        let report = try #require(driver.pool.originReports().first)
        #expect(report.host == "example.org" && report.port == 80 && report.kind == .http)
        #expect(report.dialling == 1 && report.idle == 1 && report.leased == 1 && report.waiting == 1)
        let dial = try driver.dial()
        #expect(driver.pool.origin(of: dial) == driver.pool.origin(of: leased))
        var counts = UpstreamPool.Counts()
        counts.dialling = 1
        counts.leased = 1
        counts.idle = 1
        counts.waiting = 1
        counts.origins = 1
        #expect(driver.pool.counts() == counts)
    }
}
