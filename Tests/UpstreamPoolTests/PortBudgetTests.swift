import Basics
import Testing
import UpstreamPool

@Suite("Ports towards one destination")
struct PortBudgetTests {
    @Test("at the budget requests wait, and a freed port serves the next")
    func waits() throws {
        var driver = PoolDriver { $0.ports = 2 }
        let first = try driver.leaseFresh("a")
        _ = try driver.leaseFresh("a")
        let waiter = driver.wait("a", .fresh)
        #expect(driver.dials().isEmpty && driver.pool.isWaiting(waiter))
        driver.step { $0.lost(first, now: $1) }
        #expect(driver.dials().count == 1)
    }

    @Test("an idle connection to the destination gives its port to a request that cannot use it")
    func idleGoes() throws {
        var driver = PoolDriver { $0.ports = 1 }
        let ids = try driver.fill("a", 1)
        _ = driver.wait("a", .fresh)
        #expect(driver.effects().first == .close(ids[0], .portPressure))
    }

    @Test("TIME_WAIT that we left counts for a minute, towards its own destination only")
    func timeWaits() throws {
        var driver = PoolDriver { $0.ports = 2 }
        for _ in 0..<2 {
            let id = try driver.leaseFresh("a")
            driver.step { pool, now in
                pool.leavesTimeWait(id, now: now)
                pool.lost(id, now: now)
            }
        }
        #expect(driver.pool.timeWaitCount == 2)
        let waiter = driver.wait("a")
        #expect(driver.dials().isEmpty && driver.pool.isWaiting(waiter))
        _ = try driver.leaseFresh("b")
        #expect(driver.pool.mostPortsInUse() == 2)
        driver.expire(after: .seconds(61))
        #expect(driver.pool.timeWaitCount == 0)
        #expect(driver.dials().count == 1)
    }
}
