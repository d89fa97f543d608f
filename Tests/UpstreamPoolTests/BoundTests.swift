import Basics
import Testing
import UpstreamPool

@Suite("Pool: bounds and turns") struct BoundTests {
    @Test("a freed connection goes to whoever has waited longest")
    func firstInFirstOut() throws {
        var driver = PoolDriver { $0.maxPerDestination = 1 }
        let id = try driver.leaseFresh("a")
        let waiters = (0..<3).map { _ in driver.wait("a") }
        driver.step { $0.waiterLeft(waiters[1], now: $1) }
        #expect(!driver.pool.isWaiting(waiters[1]) && driver.pool.isWaiting(waiters[2]))
        driver.release(id)
        driver.release(id)
        driver.release(id)
        #expect(
            driver.effects() == [
                .granted(waiter: waiters[0], id, isReused: true),
                .granted(waiter: waiters[2], id, isReused: true),
            ]
        )
        #expect(driver.pool.isIdle(id) && driver.pool.statistics.dialsStarted == 1)
    }

    @Test("origins that lack only global room take turns")
    func turns() throws {
        var driver = PoolDriver { $0.maxConnections = 1 }
        let first = try driver.leaseFresh("x")
        for host in ["a", "a", "b", "c", "c"] { _ = driver.wait(host) }
        var order: [String] = []
        var held = first
        for _ in 0..<5 {
            driver.release(held, isPersistent: false)
            held = try driver.dial()
            order.append(driver.pool.destination(of: held).host)
            driver.step { [held] in $0.connected(held, now: $1) }
        }
        #expect(order == ["a", "b", "c", "a", "c"])
    }

    @Test("at max_connections a dial evicts what has been idle longest, wherever it leads")
    func globalEviction() throws {
        var driver = PoolDriver { $0.maxConnections = 3 }
        let oldest = try driver.fill("a", 1)[0]
        let others = try driver.fill("b", 2)
        _ = driver.wait("c")
        let effects = driver.effects()
        #expect(effects.first == .close(oldest, .evicted) && effects.count == 2)
        #expect(driver.pool.connectionCount == 3 && others.allSatisfy { driver.pool.isIdle($0) })
        #expect(driver.pool.statistics.peakConnections == 3 && driver.refusals(.evicted) == 1)
    }

    @Test("at max_connections with nothing idle a request waits, and at max_queue it is refused")
    func queue() throws {
        var driver = PoolDriver {
            $0.maxConnections = 1
            $0.maxQueue = 2
        }
        _ = try driver.leaseFresh("a")
        _ = driver.wait("b")
        _ = driver.wait("c")
        #expect(driver.acquire("d").answer == .queueFull)
        #expect(driver.pool.waiting == 2 && driver.pool.statistics.queueRefusals == 1)
        #expect(driver.pool.originCount == 3 && driver.effects().isEmpty)
    }

    @Test("max_idle_per_destination and max_idle: the longest idle makes room")
    func idleBounds() throws {
        var driver = PoolDriver {
            $0.maxIdle = 3
            $0.maxIdlePerDestination = 2
        }
        let first = [try driver.leaseFresh("a"), try driver.leaseFresh("a"), try driver.leaseFresh("a")]
        for id in first { driver.release(id) }
        #expect(driver.effects() == [.close(first[0], .tooManyIdle)])
        let second = [try driver.leaseFresh("b"), try driver.leaseFresh("b")]
        for id in second { driver.release(id) }
        #expect(driver.effects() == [.close(first[1], .tooManyIdle)])
        #expect(driver.pool.idleCount == 3)
    }

    @Test("where nothing may be idle, a connection is closed with its exchange")
    func nothingIdle() throws {
        for perDestination in [true, false] {
            var driver = PoolDriver { limits in
                if perDestination { limits.maxIdlePerDestination = 0 } else { limits.maxIdle = 0 }
            }
            let id = try driver.leaseFresh("a")
            driver.release(id)
            #expect(driver.effects() == [.close(id, .tooManyIdle)])
            #expect(driver.pool.originCount == 0)
        }
    }

    @Test("max_dials_per_destination holds dials back until one is over")
    func dialsInFlight() throws {
        var driver = PoolDriver { $0.maxDialsPerDestination = 2 }
        let waiters = (0..<4).map { _ in driver.wait("a") }
        let dials = driver.dials()
        #expect(dials.count == 2)
        #expect(waiters.map { driver.pool.isDialPending(for: $0) } == [true, true, false, false])
        driver.step { $0.connected(dials[1], now: $1) }
        let effects = driver.effects()
        #expect(
            effects.first == .granted(waiter: waiters[0], dials[1], isReused: false) && effects.count == 2
        )
        #expect(waiters.map { driver.pool.isDialPending(for: $0) } == [false, true, true, false])
    }

    @Test("a lowered bound closes idle surplus at once and the rest with their exchanges")
    func lowered() throws {
        var driver = PoolDriver()
        let idle = try driver.fill("a", 3)
        let leased = [try driver.leaseFresh("a"), try driver.leaseFresh("b"), try driver.leaseFresh("b")]
        var limits = driver.pool.limits
        limits.maxConnections = 4
        limits.maxPerDestination = 1
        driver.step { [limits] in $0.setLimits(limits, now: $1) }
        #expect(Set(driver.effects().map(closed)) == Set(idle))
        #expect(driver.pool.connectionCount == 3)
        _ = driver.wait("c")
        #expect(driver.dials().count == 1)
        _ = driver.wait("b")
        driver.release(leased[1])
        // Still one too many for "b": neither kept nor replaced.
        #expect(driver.effects() == [.close(leased[1], .evicted)])
        let waiting = driver.wait("a")
        driver.release(leased[0])
        #expect(driver.effects() == [.granted(waiter: waiting, leased[0], isReused: true)])
        driver.pool.checkBounds()
    }

    @Test("a dial that was under way when a bound was lowered is not kept idle beyond it")
    func loweredWhileDialling() throws {
        var driver = PoolDriver()
        let waiters = [driver.wait("a"), driver.wait("a")]
        let dials = driver.dials()
        for waiter in waiters { driver.step { $0.waiterLeft(waiter, now: $1) } }
        var limits = driver.pool.limits
        limits.maxConnections = 1
        driver.step { [limits] in $0.setLimits(limits, now: $1) }
        for dial in dials { driver.step { $0.connected(dial, now: $1) } }
        #expect(driver.effects() == [.close(dials[0], .evicted)])
        #expect(driver.pool.isIdle(dials[1]))
    }

    @Test("a shorter idle_timeout reaches those that are idle already, a longer one does not lengthen")
    func shorterIdleTimeout() throws {
        var driver = PoolDriver { $0.idleTimeout = .unlimited }
        _ = try driver.fill("a", 2)
        #expect(driver.pool.nextDeadline == .never)
        var limits = driver.pool.limits
        limits.idleTimeout = .seconds(5)
        driver.step { [limits] in $0.setLimits(limits, now: $1) }
        #expect(driver.pool.nextDeadline == driver.now + .seconds(5))
        limits.idleTimeout = .seconds(60)
        driver.step { [limits] in $0.setLimits(limits, now: $1) }
        driver.expire(after: .seconds(5))
        #expect(driver.pool.idleCount == 0 && driver.refusals(.idleTooLong) == 2)
    }

    @Test("a raised bound starts the dials that waited for it")
    func raised() throws {
        var driver = PoolDriver { $0.maxConnections = 1 }
        _ = try driver.leaseFresh("a")
        _ = driver.wait("b")
        _ = driver.wait("c")
        #expect(driver.dials().isEmpty)
        var limits = driver.pool.limits
        limits.maxConnections = 3
        driver.step { [limits] in $0.setLimits(limits, now: $1) }
        #expect(driver.dials().count == 2)
    }

    @Test("draining closes what is idle at once and the rest with its exchange; requests are still served")
    func drain() throws {
        var driver = PoolDriver()
        let leased = try driver.leaseFresh("a")
        let idle = try driver.fill("b", 2)
        driver.step { $0.drain(now: $1) }
        #expect(driver.effects() == idle.map { .close($0, .draining) })
        driver.release(leased)
        #expect(driver.effects() == [.close(leased, .draining)])
        let late = try driver.leaseFresh("a")
        driver.release(late)
        let gone = driver.wait("a")
        let dial = try driver.dial()
        driver.step { $0.waiterLeft(gone, now: $1) }
        driver.step { $0.connected(dial, now: $1) }
        #expect(driver.effects() == [.close(dial, .draining)])
        #expect(driver.pool.connectionCount == 0 && driver.pool.originCount == 0)
    }

    @Test("closeIdle closes as many as it is told, longest idle first")
    func closeIdle() throws {
        var driver = PoolDriver()
        let ids = try driver.fill("a", 3)
        driver.step { pool, _ in pool.closeIdle(limit: 2, .evicted) }
        #expect(driver.effects() == ids[0..<2].map { .close($0, .evicted) })
    }

    private func closed(_ effect: PoolEffect) -> UpstreamID? {
        if case .close(let id, _) = effect { id } else { nil }
    }
}
