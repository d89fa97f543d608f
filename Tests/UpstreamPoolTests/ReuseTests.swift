import Basics
import Testing
import UpstreamPool

@Suite("Pool: reuse and ends") struct ReuseTests {
    @Test("the most recently used connection is reused first")
    func mostRecentFirst() throws {
        var driver = PoolDriver()
        let ids = try driver.fill("a", 3)
        #expect(driver.reuse("a") == ids[2])
        #expect(driver.reuse("A") == ids[1], "hosts are compared in lower case")
        driver.release(ids[1])
        #expect(driver.reuse("a") == ids[1])
        #expect(driver.pool.uses(of: ids[1]) == 3 && driver.pool.statistics.leasesReused == 3)
    }

    @Test("a request that must not be sent twice takes what was in use a moment ago, or a fresh one")
    func recentWindow() throws {
        var driver = PoolDriver()
        let id = try driver.fill("a", 1)[0]
        driver.pass(.milliseconds(998))
        #expect(driver.reuse("a", .recent) == id)
        driver.release(id)
        driver.pass(.seconds(1))
        _ = driver.wait("a", .recent)
        #expect(driver.dials().count == 1 && driver.pool.isIdle(id))
        #expect(driver.reuse("a", .any) == id)
    }

    @Test("without a window a request that must not be sent twice always gets a fresh connection")
    func noWindow() throws {
        var driver = PoolDriver {
            $0.unsafeReuseWindow = .zero
            $0.maxPerDestination = 1
        }
        let id = try driver.leaseFresh("a")
        let waiter = driver.wait("a", .recent)
        driver.release(id)
        let effects = driver.effects()
        #expect(effects.first == .close(id, .evicted) && effects.count == 2)
        #expect(driver.pool.isDialPending(for: waiter))
    }

    @Test("a request that needs a fresh connection is not given one that comes free, the next one is")
    func freshIsPassedBy() throws {
        var driver = PoolDriver { $0.maxPerDestination = 1 }
        let id = try driver.leaseFresh("a")
        let fresh = driver.wait("a", .fresh)
        let any = driver.wait("a", .any)
        driver.release(id)
        #expect(driver.effects() == [.granted(waiter: any, id, isReused: true)])
        driver.release(id)
        let effects = driver.effects()
        #expect(effects.first == .close(id, .evicted) && effects.count == 2)
        #expect(driver.pool.isDialPending(for: fresh))
    }

    @Test("a request that needs a fresh connection evicts an idle one at its origin's bound")
    func freshEvicts() throws {
        var driver = PoolDriver { $0.maxPerDestination = 2 }
        let ids = try driver.fill("a", 2)
        _ = driver.wait("a", .fresh)
        let effects = driver.effects()
        #expect(effects.first == .close(ids[0], .evicted) && effects.count == 2)
        #expect(driver.pool.isIdle(ids[1]))
    }

    @Test("a request that needs a fresh connection evicts nothing while a dial is under way for it")
    func freshUsesAbandonedDial() throws {
        var driver = PoolDriver { $0.maxPerDestination = 2 }
        let ids = try driver.fill("a", 1)
        let gone = driver.wait("a", .fresh)
        driver.step { $0.waiterLeft(gone, now: $1) }
        let waiter = driver.wait("a", .fresh)
        #expect(driver.dials().count == 1 && driver.pool.isIdle(ids[0]))
        #expect(driver.pool.isDialPending(for: waiter))
    }

    @Test("a connection that was not left clean is closed and its place used for a waiter")
    func notPersistent() throws {
        var driver = PoolDriver { $0.maxPerDestination = 1 }
        let id = try driver.leaseFresh("a")
        _ = driver.wait("a")
        driver.release(id, isPersistent: false)
        let effects = driver.effects()
        #expect(effects.count == 2 && effects.first == .close(id, .notPersistent))
        #expect(!driver.pool.isAlive(id))
    }

    @Test("max_age ends a connection at 90 to 110 % of it, and not all at once")
    func maxAge() throws {
        var driver = PoolDriver {
            $0.maxAge = .seconds(100)
            $0.surplusTimeout = .unlimited
            $0.maxPerDestination = 200
            $0.maxIdlePerDestination = 200
            $0.maxIdle = 200
            $0.idleTimeout = .unlimited
        }
        var ids: [UpstreamID] = []
        for _ in 0..<100 { ids.append(try driver.leaseFresh("a")) }
        driver.pass(.milliseconds(89_999))
        for id in ids.prefix(30) { driver.release(id) }
        #expect(driver.effects().isEmpty, "too old before 90 %")
        driver.pass(.milliseconds(10_001))
        for id in ids[30..<60] { driver.release(id) }
        let ended = driver.effects().count
        #expect((5...25).contains(ended), "\(ended) of 30 ended at 100 %")
        driver.pass(.milliseconds(10_001))
        for id in ids[60...] { driver.release(id) }
        #expect(driver.effects() == ids[60...].map { .close($0, .tooOld) }, "kept beyond 110 %")
        #expect(driver.reuse("a") == nil, "those that grew old while idle are closed at check-out")
        #expect(driver.pool.idleCount == 0 && driver.refusals(.tooOld) == 100)
    }

    @Test("max_requests ends a connection after its last exchange")
    func maxRequests() throws {
        var driver = PoolDriver { $0.maxRequests = 2 }
        let id = try driver.leaseFresh("a")
        driver.release(id)
        #expect(driver.reuse("a") == id)
        driver.release(id)
        #expect(driver.effects() == [.close(id, .usedUp)])
    }

    @Test("an idle connection goes at idle_timeout, or earlier where its origin said so")
    func idleTimeout() throws {
        var driver = PoolDriver { $0.idleTimeout = .seconds(60) }
        let patient = try driver.leaseFresh("a")
        let hasty = try driver.leaseFresh("b")
        let lavish = try driver.leaseFresh("c")
        driver.release(patient)
        driver.release(lavish, idleLimit: .seconds(600))
        driver.release(hasty, idleLimit: .seconds(5))
        driver.expire(after: .milliseconds(4999))
        #expect(driver.effects().isEmpty)
        driver.expire(after: .milliseconds(1))
        #expect(driver.effects() == [.close(hasty, .idleTooLong)])
        driver.expire(after: .milliseconds(54_999))
        #expect(driver.effects().isEmpty)
        driver.expire(after: .milliseconds(1))
        #expect(driver.effects() == [.close(patient, .idleTooLong), .close(lavish, .idleTooLong)])
        #expect(driver.pool.originCount == 0 && driver.pool.nextDeadline == .never)
    }

    @Test("a connection past its idle time is not leased, even where expire has not come to it yet")
    func overdue() throws {
        var driver = PoolDriver { $0.idleTimeout = .seconds(60) }
        let older = try driver.leaseFresh("a")
        let newer = try driver.leaseFresh("a")
        driver.release(older)
        driver.release(newer, idleLimit: .seconds(5))
        driver.pass(.seconds(5))
        #expect(driver.reuse("a") == older)
        #expect(driver.effects() == [.close(newer, .idleTooLong)])
    }

    @Test("expire does at most as many steps as it is told, longest idle first")
    func slices() throws {
        var driver = PoolDriver { $0.idleTimeout = .seconds(60) }
        let ids = try driver.fill("a", 5)
        driver.pass(.seconds(61))
        driver.step { $0.expire(now: $1, limit: 2) }
        #expect(driver.effects() == ids[0..<2].map { .close($0, .idleTooLong) })
        #expect(driver.pool.nextDeadline <= driver.now)
        driver.step { $0.expire(now: $1, limit: 100) }
        #expect(driver.effects() == ids[2...].map { .close($0, .idleTooLong) })
        #expect(driver.pool.nextDeadline == .never)
    }

    @Test(
        "a connection that is lost while idle, leased or dialling is forgotten; a late report changes nothing"
    )
    func lost() throws {
        var driver = PoolDriver()
        let idle = try driver.fill("a", 1)[0]
        let leased = try driver.leaseFresh("b")
        _ = driver.wait("c")
        let dialling = try driver.dial()
        #expect(driver.pool.isDialling(dialling) && !driver.pool.isDialling(leased))
        driver.step { $0.lost(idle, now: $1) }
        driver.step { $0.lost(leased, now: $1) }
        driver.step { $0.lost(dialling, now: $1) }
        // Whoever waited for the lost dial gets another.
        #expect(driver.dials().count == 1)
        driver.step { $0.lost(idle, now: $1) }
        driver.step { $0.connected(dialling, now: $1) }
        driver.step { $0.dialFailed(dialling, isPressure: true, now: $1) }
        #expect(driver.effects().isEmpty && driver.pool.connectionCount == 1 && driver.pool.originCount == 1)
    }
}
