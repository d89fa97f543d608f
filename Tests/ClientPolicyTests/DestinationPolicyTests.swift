import Basics
import Testing

@testable import ClientPolicy

@Suite("Tunnels by owner and destination")
struct DestinationPolicyTests {
    private var driver = DestinationDriver()

    // MARK: Quiet lists

    @Test("a quiet tunnel is suspect until it is proven live")
    mutating func quietLists() {
        let id = driver.join()
        #expect(!driver.policy.isSuspect(id) && driver.policy.quietSince(id) == .never)
        #expect(!driver.policy.wasQuiet(id))
        driver.becomeQuiet(id)
        #expect(driver.policy.isSuspect(id) && driver.policy.quietSince(id) == driver.now)
        let since = driver.now
        driver.pass(.seconds(3))
        driver.prove(id)
        #expect(!driver.policy.isSuspect(id) && driver.policy.isProven(id))
        #expect(driver.policy.quietSince(id) == since, "it is as quiet as before")
        driver.leaveQuiet(id)
        #expect(driver.policy.quietSince(id) == .never && driver.policy.wasQuiet(id))
        driver.becomeQuiet(id)
        #expect(!driver.policy.isSuspect(id) && driver.policy.quiet == 1)
    }

    @Test("a tunnel that speaks again goes to the end of the list")
    mutating func speaksAgain() throws {
        let ids = [driver.quiet(), driver.quiet(), driver.quiet()]
        driver.pass(.seconds(1))
        driver.becomeQuiet(ids[0])
        let destination = try #require(driver.report()).destination
        #expect(driver.policy.unproven(of: destination, limit: 8) == [ids[1], ids[2], ids[0]])
        #expect(driver.policy.unproven(of: destination, limit: 2) == [ids[1], ids[2]])
        #expect(driver.policy.quiet == 3)
    }

    @Test("a working tunnel that is proven is on no list")
    mutating func provenWhileWorking() {
        let id = driver.join()
        driver.prove(id)
        #expect(driver.policy.isProven(id) && driver.policy.quiet == 0)
    }

    @Test("who belongs to nothing is nothing, and telling of it changes nothing")
    mutating func stranger() {
        let id = driver.quiet()
        driver.leave(id)
        for act in [
            { (policy: inout DestinationPolicy, now: MonotonicTime) in policy.leaveQuiet(id) },
            { $0.prove(id, now: $1) }, { $0.lieQuiet(id, now: $1) }, { $0.closedByClient(id, now: $1) },
            { $0.stall(id, now: $1) }, { $0.resumed(id, now: $1) }, { $0.cutForStall(id, now: $1) },
            { policy, _ in policy.countReaped(id) }, { policy, _ in policy.leave(id) },
        ] {
            driver.step(act)
        }
        #expect(!driver.policy.isSuspect(id) && !driver.policy.isProven(id) && !driver.policy.isStalled(id))
        #expect(driver.policy.verdict(on: id) == .healthy && driver.policy.stalledSince(id) == .never)
        #expect(driver.surplus(id, budget: 0) == nil && driver.judged() == 0)
        #expect(driver.policy.stalledSurplus(of: DestinationDriver.app, budget: 0) == nil)
    }

    @Test("who belongs to a destination already joins nothing else")
    mutating func joinsOnce() {
        let id = driver.join(1, name: "a.test:443")
        let none: [UInt8] = []
        driver.step { policy, now in
            policy.join(
                id,
                owner: DestinationDriver.app,
                destination: 2,
                name: none.span,
                clients: 1,
                isTunnel: true,
                now: now
            )
        }
        #expect(driver.report(2) == nil && driver.report()?.tunnels == 1 && driver.report()?.opened == 1)
    }

    @Test("a destination has the first name that is told, and counts tunnels alone as opened")
    mutating func reports() throws {
        let stalled = driver.stalled()
        #expect(driver.report()?.name.isEmpty == true)
        let tunnel = driver.join(1, name: "a.test:443")
        _ = driver.join(1, name: "other.test:443")
        driver.becomeQuiet(tunnel)
        driver.step { policy, _ in policy.countReaped(tunnel) }
        let report = try #require(driver.report())
        #expect(report.name == "a.test:443" && report.opened == 2 && report.tunnels == 2)
        #expect(report.quiet == 1 && report.stalled == 1 && report.reaped == 1 && report.verdict == .healthy)
        driver.leave(stalled)
        driver.leave(tunnel)
        #expect(driver.report()?.tunnels == 1 && driver.report()?.opened == 2)
        #expect(driver.policy.reports().count == 1)
    }

    // MARK: The budget

    @Test(
        "beyond the budget the longest quiet unproven tunnel is surplus, if it was quiet for the least time"
    )
    mutating func surplus() {
        let proven = driver.quiet()
        driver.prove(proven)
        let working = driver.join()
        let ids = (0..<3).map { _ in
            driver.pass(.seconds(1))
            return driver.quiet()
        }
        #expect(driver.surplus(ids[2], budget: 3) == nil)
        #expect(driver.surplus(ids[2], budget: 2) == ids[0])
        #expect(driver.surplus(proven, budget: 2) == ids[0])
        #expect(driver.surplus(working, budget: 2) == ids[0])
        #expect(driver.surplus(ids[2], budget: 2, minimum: .milliseconds(2001)) == nil)
        #expect(driver.surplus(ids[2], budget: 2, minimum: .milliseconds(2000)) == ids[0])
        driver.leaveQuiet(ids[0])
        #expect(driver.surplus(ids[2], budget: 2) == nil)
        #expect(driver.surplus(ids[2], budget: 1) == ids[1])
    }

    @Test("budgets are apart by owner and by destination")
    mutating func budgetsApart() {
        _ = driver.quiet(1)
        _ = driver.quiet(2)
        let id = driver.quiet(1, owner: DestinationDriver.neighbour)
        #expect(driver.surplus(id, budget: 1) == nil && driver.surplus(id, budget: 0) == id)
    }

    // MARK: The verdict

    @Test("a leak of one tunnel a second is found with the 27th, and told once with its figures")
    mutating func found() throws {
        driver.leak(26)
        #expect(driver.changes().isEmpty)
        let id = driver.join()
        let change = try #require(driver.changes().first)
        #expect(change.owner == DestinationDriver.app && change.former == .healthy)
        #expect(change.verdict == .leaking && change.evidence == 26)
        #expect(change.opened == 27 && change.held == 27 && change.quiet == 26)
        #expect(driver.policy.verdict(on: id) == .leaking && driver.report()?.verdict == .leaking)
        #expect(driver.report()?.since == driver.now)
    }

    @Test("another destination of the same owner, and another owner, are judged by themselves")
    mutating func judgedApart() {
        driver.leak(27)
        let other = driver.quiet(2)
        let neighbour = driver.quiet(1, owner: DestinationDriver.neighbour)
        #expect(driver.verdict() == .leaking)
        #expect(driver.policy.verdict(on: other) == .healthy)
        #expect(driver.policy.verdict(on: neighbour) == .healthy)
    }

    @Test("tunnels that are opened in a burst are no evidence")
    mutating func burst() {
        let ids = (0..<60).map { _ in driver.quiet() }
        driver.pass(.seconds(1))
        for id in ids { driver.lieQuiet(id) }
        #expect(driver.judged() == 60 && driver.evidence() == 0)
    }

    @Test("a tunnel beside proven ones is no evidence: who is at work does not reuse a tunnel")
    mutating func besideProven() {
        for _ in 0..<20 { driver.prove(driver.quiet()) }
        driver.pass(.seconds(1))
        let judged = driver.judged()
        let id = driver.quiet()
        #expect(driver.judged() == judged)
        driver.pass(.seconds(1))
        driver.lieQuiet(id)
        #expect(driver.evidence() == 0)
    }

    @Test(
        "a tunnel opened beside 16 that have been quiet for 100 ms is evidence at once",
        arguments: [15, 16]
    )
    mutating func ignored(quiet: Int) {
        for _ in 0..<quiet { _ = driver.quiet() }
        driver.pass(.milliseconds(100))
        _ = driver.join()
        #expect(driver.evidence() == (quiet == 16 ? 1 : -1) || (quiet == 15 && driver.judged() == 0))
        // An exchange that is stalled opened no tunnel.
        _ = driver.join(isTunnel: false)
        #expect(driver.judged() == (quiet == 16 ? 1 : 0))
    }

    @Test("a tunnel that is proven takes its evidence back")
    mutating func takenBack() {
        let ids = driver.leak(10)
        #expect(driver.evidence() == 9)
        for (index, id) in ids.dropFirst().enumerated() {
            driver.prove(id)
            driver.prove(id)
            #expect(driver.evidence() == 8 - index)
        }
        #expect(driver.judged() == 10)
    }

    @Test("a tunnel that speaks again is asked about once")
    mutating func askedOnce() {
        driver.leak(1)
        let id = driver.quiet()
        driver.pass(.seconds(1))
        driver.leaveQuiet(id)
        driver.lieQuiet(id)
        #expect(driver.judged() == 1)
        driver.becomeQuiet(id)
        for _ in 0..<3 { driver.lieQuiet(id) }
        #expect(driver.judged() == 2 && driver.evidence() == 1)
    }

    @Test("a client that ends its tunnel takes the evidence back, and churns unless it was proven")
    mutating func closedByClient() {
        let ids = driver.leak(10)
        let proven = driver.join()
        driver.prove(proven)
        for id in ids + [proven] {
            driver.closedByClient(id)
            driver.leave(id)
        }
        let stalled = driver.stalled()
        driver.closedByClient(stalled)
        #expect(driver.evidence() == 0 && driver.churned() == 10 && driver.judged() == 11)
    }

    @Test("under the verdict tunnels are their own probes: four of eight that are proven lift it")
    mutating func lifted() {
        for id in driver.leak(27) { driver.leave(id) }
        #expect(driver.verdict() == .leaking)
        for id in driver.leak(5) { driver.leave(id) }
        let proven = (0..<4).map { _ in driver.quiet() }
        for id in proven.prefix(3) { driver.prove(id) }
        #expect(driver.verdict() == .leaking)
        _ = driver.changes()
        driver.prove(proven[3])
        #expect(driver.verdict() == .healthy)
        #expect(driver.changes().map(\.verdict) == [.healthy])
    }

    // MARK: Those that are remembered

    @Test("a destination that nothing belongs to is remembered, with its verdict")
    mutating func remembered() {
        for id in driver.leak(27) { driver.leave(id) }
        let id = driver.join()
        #expect(driver.policy.verdict(on: id) == .leaking)
    }

    @Test("of those that nothing belongs to the longest absent is forgotten first")
    mutating func forgotten() {
        driver = DestinationDriver(maxAbsent: 2)
        let ids = (0..<4).map { driver.join(UInt64($0)) }
        driver.leave(ids[1])
        driver.leave(ids[0])
        // It comes back, and so is not the longest absent any more.
        let again = driver.join(1)
        driver.leave(ids[2])
        #expect((0..<4).map { driver.report(UInt64($0)) != nil } == [true, true, true, true])
        driver.leave(again)
        #expect((0..<4).map { driver.report(UInt64($0)) != nil } == [false, true, true, true])
        driver.leave(ids[3])
        #expect((0..<4).map { driver.report(UInt64($0)) != nil } == [false, true, false, true])
    }

    @Test("the id of a destination that is forgotten names nothing")
    mutating func forgottenID() throws {
        driver = DestinationDriver(maxAbsent: 0)
        let id = driver.stalled()
        let destination = try #require(driver.report()).destination
        driver.leave(id)
        _ = driver.stalled()
        #expect(driver.policy.report(destination) == nil && driver.policy.report(.none) == nil)
        #expect(driver.policy.unproven(of: destination, limit: 8).isEmpty)
        #expect(driver.policy.stalled(of: destination, limit: 8).isEmpty)
    }

    @Test("one tunnel in four that is proven does not lift the verdict while many others lie quiet")
    mutating func mixed() {
        driver.leak(27)
        for index in 0..<80 {
            let id = driver.quiet()
            driver.pass(.milliseconds(10))
            if index % 4 == 0 { driver.prove(id) }
            #expect(driver.verdict() == .leaking, "\(index)")
        }
    }
}
