import Basics
import Testing

@testable import ClientPolicy

@Suite("Stalled connections by owner and destination")
struct DestinationStallTests {
    private var driver = DestinationDriver()

    @Test("a stall is counted once, since when it began, until it ends")
    mutating func counted() throws {
        let since = driver.now
        let id = driver.stalled()
        driver.pass(.seconds(1))
        driver.stall(id)
        #expect(driver.policy.isStalled(id) && driver.policy.stalledSince(id) == since)
        #expect(driver.policy.stalled == 1 && driver.report()?.stalled == 1)
        driver.resume(id)
        driver.resume(id)
        #expect(!driver.policy.isStalled(id) && driver.policy.stalled == 0)
        #expect(driver.policy.stalledSince(id) == .never)
    }

    @Test("within its budget nobody of an owner has to go")
    mutating func withinBudget() {
        for destination in 0..<3 { _ = driver.stalled(UInt64(destination)) }
        #expect(driver.policy.stalledSurplus(of: DestinationDriver.app, budget: 3) == nil)
        #expect(driver.policy.stalledSurplus(of: DestinationDriver.app, budget: 2) != nil)
    }

    @Test("beyond the budget the longest stalled goes, towards the destination where most are")
    mutating func surplus() throws {
        _ = driver.stalled(1)
        let ids = (0..<2).map { _ in driver.stalled(2) }
        _ = driver.stalled(3)
        #expect(driver.policy.stalledSurplus(of: DestinationDriver.app, budget: 3) == ids[0])
        #expect(driver.policy.stalledSurplus(of: DestinationDriver.app, budget: 3) == ids[0])
        let destination = try #require(driver.report(2)).destination
        #expect(driver.policy.stalled(of: destination, limit: 8) == ids)
        #expect(driver.policy.stalled(of: destination, limit: 1) == [ids[0]])
        driver.leave(ids[0])
        #expect(driver.policy.stalledSurplus(of: DestinationDriver.app, budget: 3) == nil)
    }

    @Test("another owner's stalls neither count nor go")
    mutating func anotherOwner() {
        for _ in 0..<10 { _ = driver.stalled(1, owner: DestinationDriver.neighbour) }
        let mine = driver.stalled(1)
        #expect(driver.policy.stalledSurplus(of: DestinationDriver.app, budget: 1) == nil)
        #expect(driver.policy.stalledSurplus(of: DestinationDriver.app, budget: 0) == mine)
    }

    @Test("for want of descriptors the longest stalled of the heaviest goes, whoever it is")
    mutating func heaviest() {
        #expect(driver.policy.longestStalledOfHeaviest() == nil)
        let light = driver.stalled(1)
        let heavy = (0..<2).map { _ in driver.stalled(1, owner: DestinationDriver.neighbour) }
        #expect(driver.policy.longestStalledOfHeaviest() == heavy[0])
        for id in heavy { driver.leave(id) }
        #expect(driver.policy.longestStalledOfHeaviest() == light)
    }

    @Test("a reader that goes on after a second has shown that it does", arguments: [(999, 0), (1000, 1)])
    mutating func resumed(milliseconds: Int, judged: UInt32) {
        let id = driver.stalled()
        driver.pass(.milliseconds(milliseconds))
        driver.resume(id)
        #expect(driver.judged() == judged && driver.evidence() == 0)
    }

    @Test("a tunnel that is read again is judged by who speaks, not by that")
    mutating func resumedTunnel() {
        let id = driver.quiet()
        driver.stall(id)
        driver.pass(.seconds(5))
        driver.resume(id)
        #expect(driver.judged() == 0 && driver.policy.isSuspect(id))
    }

    @Test("26 that are cut make the verdict, and readers that go on take it from the window")
    mutating func cut() {
        for number in 1...26 {
            let id = driver.stalled()
            driver.cut(id)
            driver.leave(id)
            #expect(driver.verdict() == (number == 26 ? .leaking : .healthy))
        }
        #expect(driver.report()?.reaped == 26)
    }

    @Test("under the verdict four readers of eight that go on lift it")
    mutating func lifted() {
        for _ in 0..<30 {
            let id = driver.stalled()
            driver.cut(id)
            driver.leave(id)
        }
        #expect(driver.verdict() == .leaking)
        for number in 1...4 {
            let id = driver.stalled()
            driver.pass(.seconds(1))
            #expect(driver.verdict() == .leaking, "\(number)")
            driver.resume(id)
            driver.leave(id)
        }
        #expect(driver.verdict() == .healthy)
    }

    @Test("a tunnel that is cut changes its own entry")
    mutating func cutTunnel() {
        let id = driver.leak(2)[0]
        #expect(driver.evidence() == 1)
        driver.stall(id)
        driver.cut(id)
        #expect(driver.evidence() == 2 && driver.judged() == 2)
    }

    @Test("who leaves is stalled no more")
    mutating func leaves() {
        let ids = [driver.stalled(), driver.stalled()]
        driver.leave(ids[0])
        #expect(driver.policy.stalled == 1)
        #expect(driver.policy.stalledSurplus(of: DestinationDriver.app, budget: 0) == ids[1])
        driver.leave(ids[1])
        #expect(driver.policy.stalled == 0 && driver.policy.longestStalledOfHeaviest() == nil)
    }
}
