import Basics
import Testing

@testable import ClientPolicy

@Suite("Evidence of a leak")
struct EvidenceTests {
    private var driver = PolicyDriver()

    // MARK: What is evidence

    @Test("a connection that lies idle beside none is no evidence, one beside an idle one is")
    mutating func besideIdle() {
        driver.leak(1)
        #expect(driver.evidence() == 0 && driver.judged() == 1)
        driver.leak(1)
        #expect(driver.evidence() == 1 && driver.judged() == 2)
    }

    @Test("only an idle one of 100 ms counts", arguments: [(99, 0), (100, 1)])
    mutating func leastIdle(milliseconds: Int, evidence: Int) {
        _ = driver.serve()
        driver.pass(.milliseconds(milliseconds))
        let id = driver.serve()
        driver.pass(.seconds(1))
        driver.lieIdle(id)
        #expect(driver.evidence() == evidence)
    }

    @Test("a burst of connections that then lie idle is no evidence")
    mutating func burst() {
        var ids: [SlotID] = []
        for _ in 0..<100 {
            ids.append(driver.serve())
            driver.pass(.microseconds(900))
        }
        driver.pass(.seconds(1))
        for id in ids { driver.lieIdle(id) }
        #expect(driver.judged() == 100 && driver.evidence() == 0 && driver.verdict() == .healthy)
    }

    @Test(
        "who opens another beside 16 of its own that lay idle for 100 ms has ignored them",
        arguments: [15, 16]
    )
    mutating func ignoredReuse(idle: Int) {
        for _ in 0..<idle { _ = driver.serve() }
        driver.pass(.milliseconds(100))
        _ = driver.open()
        #expect(driver.judged() == (idle == 16 ? 1 : 0))
        #expect(driver.evidence() == (idle == 16 ? 1 : 0))
    }

    @Test("of the 16 idle ones the youngest must have lain there for 100 ms")
    mutating func youngestOfMany() {
        for _ in 0..<15 { _ = driver.serve() }
        driver.pass(.milliseconds(1))
        _ = driver.serve()
        driver.pass(.milliseconds(99))
        _ = driver.open()
        #expect(driver.judged() == 0)
        driver.pass(.milliseconds(1))
        _ = driver.open()
        #expect(driver.evidence() == 1)
    }

    @Test("idle connections of a neighbour are nobody's evidence")
    mutating func neighbour() {
        for _ in 0..<20 { _ = driver.serve(PolicyDriver.neighbour) }
        driver.pass(.seconds(1))
        let id = driver.serve()
        driver.pass(.seconds(1))
        driver.lieIdle(id)
        #expect(driver.judged() == 1 && driver.evidence() == 0)
    }

    @Test("one connection is one piece of evidence, however often it is asked about")
    mutating func once() {
        let ids = driver.leak(2)
        driver.lieIdle(ids[1])
        driver.lieIdle(ids[0])
        #expect(driver.judged() == 2 && driver.evidence() == 1)
    }

    @Test("a connection that is not parked any more is not lying idle")
    mutating func notParked() {
        driver.leak(1)
        let id = driver.serve()
        driver.use(id)
        driver.pass(.seconds(1))
        driver.lieIdle(id)
        #expect(driver.evidence() == 0)
    }

    // MARK: What takes it back

    @Test("an app that closes what it had left lying takes the evidence back")
    mutating func closedByClient() {
        let ids = driver.leak(10)
        #expect(driver.evidence() == 9)
        for (index, id) in ids.enumerated() {
            driver.closedByClient(id)
            driver.leave(id)
            #expect(driver.evidence() == 9 - index && driver.churned() == index + 1)
        }
        #expect(driver.judged() == 10)
    }

    @Test("what weir ended stays evidence")
    mutating func endedByWeir() {
        for id in driver.leak(10) { driver.leave(id) }
        #expect(driver.evidence() == 9)
    }

    @Test("a connection that is used again takes its evidence back, for good")
    mutating func reuse() {
        let ids = driver.leak(10)
        driver.reuse(ids[5])
        #expect(driver.evidence() == 8)
        driver.pass(.seconds(5))
        driver.lieIdle(ids[5])
        driver.closedByClient(ids[5], requests: 2)
        #expect(driver.evidence() == 8 && driver.churned() == 0 && driver.judged() == 10)
        #expect(driver.policy.ownerReports()[0].tally.reused == 1)
        driver.reuse(ids[5])
        #expect(driver.policy.ownerReports()[0].tally.reused == 1, "counted once")
    }

    @Test("a connection that ignored reuse and is used again takes it back")
    mutating func reuseOfIgnored() {
        for _ in 0..<16 { _ = driver.serve() }
        driver.pass(.milliseconds(100))
        let id = driver.serve()
        #expect(driver.evidence() == 1)
        driver.reuse(id)
        #expect(driver.evidence() == 0 && driver.judged() == 1)
    }

    @Test("only a connection that was closed after its one exchange churns", arguments: [0, 1, 2, 7])
    mutating func churning(requests: Int) {
        for _ in 0..<26 {
            let id = driver.open()
            driver.closedByClient(id, requests: requests)
            driver.leave(id)
        }
        #expect(driver.churned() == (requests == 1 ? 26 : 0))
        #expect(driver.verdict() == (requests == 1 ? .churning : .healthy))
    }

    // MARK: The verdict

    @Test("a leak of one connection a second is found with the 27th, which is told once with its figures")
    mutating func found() throws {
        driver.leak(26)
        #expect(driver.changes().isEmpty)
        _ = driver.open()
        let changes = driver.changes()
        #expect(changes.count == 1 && driver.verdict() == .leaking)
        let change = try #require(changes.first)
        #expect(change.key == PolicyDriver.app && change.former == .healthy && change.verdict == .leaking)
        #expect(change.evidence == 26 && change.opened == 27 && change.held == 27 && change.idle == 26)
        driver.leak(40)
        #expect(driver.changes().isEmpty)
    }

    @Test("a neighbour of a leaking owner is judged by itself")
    mutating func healthyNeighbour() {
        driver.leak(27)
        let id = driver.serve(PolicyDriver.neighbour)
        #expect(driver.verdict() == .leaking && driver.verdict(PolicyDriver.neighbour) == .healthy)
        #expect(driver.respond(id) == nil && !driver.policy.isCured(id))
        #expect(driver.patience(id) == .ordinary)
        #expect(driver.policy.ownersByVerdict() == [1, 0, 1])
    }

    @Test("an app that reuses what it has is healthy, however much it has")
    mutating func pooled() {
        var ids: [SlotID] = []
        for _ in 0..<100 { ids.append(driver.open()) }
        for id in ids { driver.park(id) }
        for _ in 0..<5 {
            driver.pass(.seconds(1))
            for id in ids { driver.lieIdle(id) }
            for id in ids { driver.reuse(id) }
        }
        #expect(driver.verdict() == .healthy && driver.evidence() == 0)
    }

    // MARK: What is known of an owner

    @Test("the first connections that are asked about are the parked ones, and never a neighbour's")
    mutating func connections() {
        let working = driver.open()
        _ = driver.serve(PolicyDriver.neighbour)
        let parked = driver.leak(3)
        let owner = driver.policy.owner(of: working)
        #expect(driver.policy.connections(of: owner, limit: 10) == parked + [working])
        #expect(driver.policy.connections(of: owner, limit: 2) == Array(parked.prefix(2)))
        #expect(driver.policy.parked(of: owner, limit: 10) == parked)
    }

    @Test("of the first User-Agent so many bytes are kept")
    mutating func agent() {
        let id = driver.open()
        #expect(driver.policy.needsAgent(id))
        let long = [UInt8](repeating: 97, count: 1000)
        driver.step { policy, _ in policy.noteAgent(id, long.span) }
        #expect(!driver.policy.needsAgent(id))
        let agent = driver.policy.ownerReport(driver.policy.owner(of: id))?.agent
        #expect(agent == String(repeating: "a", count: ClientPolicy.longestAgent))
    }

    @Test("what weir ended for a leak is counted")
    mutating func reaped() {
        let id = driver.open()
        driver.step { policy, _ in policy.countReaped(id) }
        #expect(driver.policy.ownerReports()[0].tally.reaped == 1)
    }

    // MARK: Owners that are away

    @Test("an owner that holds nothing is remembered, with its verdict")
    mutating func remembered() {
        for id in driver.leak(27) { driver.leave(id) }
        #expect(driver.policy.ownerCount == 0 && driver.verdict() == .leaking)
        let id = driver.serve()
        #expect(driver.patience(id) == .leaked && driver.policy.ownerCount == 1)
    }

    @Test("beyond max_absent_owners the one that has been away longest is forgotten, and counted")
    mutating func forgotten() {
        driver = PolicyDriver { $0.maxAbsentOwners = 2 }
        let owners = (0..<4).map { OwnerKey(high: 0, low: $0) }
        var ids = owners.map { driver.serve($0) }
        for index in [1, 0] { driver.leave(ids[index]) }
        // It comes back, and so is not the longest away any more.
        ids[1] = driver.serve(owners[1])
        driver.leave(ids[2])
        driver.leave(ids[1])
        #expect(driver.policy.forgottenOwners == 1)
        #expect(owners.map { driver.isKnown($0) } == [false, true, true, true])
        driver.leave(ids[3])
        #expect(driver.policy.forgottenOwners == 2)
        #expect(owners.map { driver.isKnown($0) } == [false, true, false, true])
    }

    @Test("with max_absent_owners 0 nobody is remembered, and the id of who is forgotten names nobody")
    mutating func noneRemembered() {
        driver = PolicyDriver { $0.maxAbsentOwners = 0 }
        let id = driver.serve()
        let owner = driver.policy.owner(of: id)
        driver.leave(id)
        #expect(!driver.isKnown(PolicyDriver.app) && driver.policy.forgottenOwners == 1)
        #expect(driver.policy.ownerReport(owner) == nil)
        _ = driver.serve(PolicyDriver.neighbour)
        #expect(driver.policy.ownerReport(owner) == nil)
        #expect(driver.policy.parked(of: owner, limit: 8).isEmpty)
        #expect(driver.policy.connections(of: owner, limit: 8).isEmpty)
    }
}

extension Interval {
    fileprivate static func microseconds(_ value: Int) -> Interval {
        Interval(nanoseconds: Int64(value) * 1000)
    }
}
