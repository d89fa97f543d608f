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

    // MARK: One address, several origins

    /// Leases a connection that was dialled for it and led to an address.
    private func lease(_ driver: inout PoolDriver, _ host: String, at address: UInt64) throws -> UpstreamID {
        _ = driver.wait(host, .fresh)
        let id = try driver.dial()
        driver.step { $0.connected(id, at: address, now: $1) }
        return id
    }

    @Test("names that lead to one address share its ports, once that is known")
    func sharedAddress() throws {
        var driver = PoolDriver { $0.ports = 3 }
        let first = try lease(&driver, "a", at: 77)
        _ = try lease(&driver, "b", at: 77)
        _ = try lease(&driver, "a", at: 77)
        #expect(driver.pool.mostPortsInUse() == 3)
        let waiter = driver.wait("b", .fresh)
        #expect(driver.dials().isEmpty && driver.pool.isWaiting(waiter))
        _ = try lease(&driver, "c", at: 78)
        driver.step { $0.lost(first, now: $1) }
        #expect(driver.dials().count == 1, "another origin's end is room for this one")
    }

    @Test("requests and tunnels to one address share its ports without having led there")
    func kinds() throws {
        var driver = PoolDriver { $0.ports = 1 }
        let tunnel = driver.wait("10.0.0.1", .fresh, kind: .tunnel)
        let id = try driver.dial()
        driver.step { $0.connected(id, now: $1) }
        #expect(!driver.pool.isWaiting(tunnel))
        _ = driver.wait("10.0.0.1")
        #expect(driver.dials().isEmpty)
        driver.step { $0.lost(id, now: $1) }
        #expect(driver.dials().count == 1)
    }

    @Test("what lies idle under another name gives its port, the longest idle first")
    func idleOfOthers() throws {
        var driver = PoolDriver { $0.ports = 3 }
        let ids = try ["a", "b", "b"].map { try lease(&driver, $0, at: 77) }
        for id in [ids[1], ids[0]] {
            driver.release(id)
            driver.pass(.milliseconds(1))
        }
        _ = driver.effects()
        _ = driver.wait("c")
        let dial = try driver.dial()
        driver.step { $0.connected(dial, at: 77, now: $1) }
        // Its first dial could not know. The fourth port is one too many, and nobody dials there any more.
        #expect(driver.pool.mostPortsInUse() == 4)
        _ = driver.effects()
        _ = driver.wait("c", .fresh)
        let closed = driver.effects().compactMap { effect in
            if case .close(let id, .portPressure) = effect { id } else { nil }
        }
        #expect(closed == [ids[1], ids[0]])
    }

    @Test("an origin whose address changes takes its ports where its connections lead")
    func moved() throws {
        var driver = PoolDriver { $0.ports = 1 }
        let old = try lease(&driver, "a", at: 77)
        _ = driver.wait("b", .fresh)
        let id = try driver.dial()
        driver.step { $0.connected(id, at: 78, now: $1) }
        let waiter = driver.wait("b", .fresh)
        #expect(driver.dials().isEmpty)
        driver.step { $0.lost(id, now: $1) }
        let next = try driver.dial()
        driver.step { $0.connected(next, at: 79, now: $1) }
        #expect(!driver.pool.isWaiting(waiter))
        driver.step { $0.lost(old, now: $1) }
        driver.step { $0.lost(next, now: $1) }
        #expect(driver.pool.mostPortsInUse() == 0)
    }
}
