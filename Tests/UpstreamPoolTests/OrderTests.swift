import Basics
import Testing

@testable import UpstreamPool

@Suite("An operator's order")
struct OrderTests {
    private func close(_ driver: inout PoolDriver, _ host: String, port: UInt16 = 80) -> Int? {
        var closed: Int?
        driver.step { closed = $0.closeIdle(host: host.utf8.span, port: port, now: $1) }
        return closed
    }

    @Test("an origin's idle connections are closed, whatever the case of its name, and nobody else's")
    func closeIdle() throws {
        var driver = PoolDriver()
        let idle = try driver.fill("a.test", 3)
        let others = try driver.fill("b.test", 2)
        let leased = try driver.leaseFresh("a.test")
        _ = driver.effects()
        #expect(close(&driver, "A.Test") == 3)
        #expect(Set(driver.effects().compactMap { $0.closed(.ordered) }) == Set(idle))
        #expect(driver.refusals(.ordered) == 3)
        #expect(driver.pool.isAlive(leased) && others.allSatisfy { driver.pool.isIdle($0) })
        #expect(close(&driver, "a.test") == 0, "it has a connection, but no idle one")
        driver.release(leased)
        #expect(driver.pool.isIdle(leased), "the connection in use comes back as ever")
    }

    @Test("the last connection takes its origin with it, and what is not there is told from what is empty")
    func unknown() throws {
        var driver = PoolDriver()
        _ = try driver.fill("a.test", 2)
        #expect(close(&driver, "a.test", port: 81) == nil && close(&driver, "b.test") == nil)
        #expect(close(&driver, "a.test") == 2)
        #expect(driver.pool.originCount == 0 && close(&driver, "a.test") == nil)
    }
}

extension PoolEffect {
    fileprivate func closed(_ refusal: Refusal) -> UpstreamID? {
        if case .close(let id, refusal) = self { id } else { nil }
    }
}
