import Basics
import Testing

@testable import ClientPolicy

@Suite("The cure of a leak")
struct CureTests {
    private var driver = PolicyDriver()

    /// Owner and verdict; what was leaked is gone, and the first probe, which is due at once, has failed.
    private mutating func beginCure() {
        for id in driver.leak(27) { driver.leave(id) }
        #expect(driver.verdict() == .leaking)
        let probe = driver.open()
        #expect(driver.respond(probe) == nil && driver.probesOut() == 1)
        driver.leave(probe)
        #expect(driver.probesOut() == 0)
    }

    /// Serves another connection. Its id, if it is kept.
    private mutating func serveOne() -> SlotID? {
        let id = driver.open()
        let end = driver.respond(id)
        if end == nil {
            driver.park(id)
            return id
        }
        #expect(end == .leaking)
        driver.leave(id)
        return nil
    }

    @Test("under the verdict answers announce the close")
    mutating func announced() {
        beginCure()
        for _ in 0..<63 { #expect(serveOne() == nil) }
    }

    @Test("other reasons to end come first, and are no probes")
    mutating func otherReasons() {
        driver = PolicyDriver { $0.maxRequests = 3 }
        beginCure()
        driver.pass(.seconds(1))
        let id = driver.open()
        #expect(driver.respond(id, requests: 3) == .usedUp)
        #expect(driver.probesOut() == 0)
    }

    @Test("where leaks are not cured the verdict is told and has no consequence")
    mutating func notCured() {
        driver = PolicyDriver { $0.curesLeaks = false }
        let ids = driver.leak(27)
        #expect(driver.verdict() == .leaking && driver.changes().count == 1)
        for id in ids {
            #expect(driver.respond(id) == nil && driver.patience(id) == .ordinary)
            #expect(!driver.policy.isCured(id))
        }
        #expect(driver.probesOut() == 0)
    }

    // MARK: Probes

    @Test("one response in 64 is a probe")
    mutating func oneIn64() {
        beginCure()
        var kept: [Int] = []
        for number in 1...130 {
            guard let id = serveOne() else { continue }
            kept.append(number)
            driver.leave(id)
        }
        #expect(kept == [64, 128])
    }

    @Test("one response a second is a probe")
    mutating func oneASecond() throws {
        beginCure()
        driver.pass(.milliseconds(999))
        #expect(serveOne() == nil)
        driver.pass(.milliseconds(1))
        let id = try #require(serveOne())
        driver.leave(id)
        #expect(serveOne() == nil)
        driver.pass(.seconds(1))
        #expect(serveOne() != nil)
    }

    @Test("at most two probes are out, and the next one comes when one has ended")
    mutating func mostProbes() throws {
        beginCure()
        var probes: [SlotID] = []
        for _ in 0..<10 {
            driver.pass(.seconds(1))
            if let id = serveOne() { probes.append(id) }
        }
        #expect(probes.count == 2 && driver.probesOut() == 2)
        driver.leave(probes[0])
        #expect(driver.probesOut() == 1 && serveOne() != nil && driver.probesOut() == 2)
        driver.use(probes[1])
        #expect(driver.probesOut() == 1)
    }

    @Test("the connection of a probe is kept again while it is one, and is a probe once")
    mutating func keptAgain() throws {
        beginCure()
        driver.pass(.seconds(1))
        let id = driver.open()
        #expect(driver.respond(id) == nil && driver.respond(id) == nil)
        #expect(driver.probesOut() == 1)
    }

    @Test("a probe is kept for the ordinary time, whatever else of the owner's is not")
    mutating func probePatience() throws {
        beginCure()
        driver.pass(.seconds(1))
        let probe = try #require(serveOne())
        #expect(driver.patience(probe) == .ordinary)
        let other = driver.open()
        #expect(driver.patience(other) == .leaked)
        #expect(driver.patience(other, requests: 2) == .ordinary, "it was reused")
    }

    @Test("eight probes of which four are reused lift the verdict", arguments: [3, 4])
    mutating func lifted(reused: Int) throws {
        beginCure()
        // The one of the beginning counts as the first that was not.
        for index in 0..<7 {
            driver.pass(.seconds(1))
            let id = try #require(serveOne())
            if index >= 7 - reused { driver.use(id) }
            driver.leave(id)
        }
        #expect(driver.verdict() == (reused == 4 ? .healthy : .leaking))
    }

    @Test("the end of the verdict is told, and answers keep the connection again")
    mutating func told() throws {
        beginCure()
        _ = driver.changes()
        while driver.verdict() == .leaking {
            driver.pass(.seconds(1))
            let id = try #require(serveOne())
            driver.use(id)
            driver.leave(id)
        }
        let change = try #require(driver.changes().first)
        #expect(change.former == .leaking && change.verdict == .healthy)
        for _ in 0..<20 { #expect(serveOne() != nil) }
        #expect(driver.probesOut() == 0)
    }

    @Test("what lay there before the verdict and is used again speaks as a probe does")
    mutating func unasked() {
        let ids = driver.leak(27)
        #expect(driver.verdict() == .leaking)
        for (index, id) in ids.prefix(8).enumerated() {
            #expect(driver.verdict() == .leaking, "\(index) were used")
            driver.use(id)
        }
        #expect(driver.verdict() == .healthy)
    }

    // MARK: Patience

    @Test("what a leaking owner has parked after one exchange has little time, after more the ordinary")
    mutating func leakedPatience() {
        let ids = driver.leak(27)
        #expect(driver.patience(ids[0], requests: 1) == .leaked)
        #expect(driver.patience(ids[0], requests: 2) == .ordinary)
        #expect(driver.patience(ids[0], requests: 0) == .leaked)
    }

    @Test(
        "an owner that came back after half of idle_timeout is waited for longer",
        arguments: [(29_999, ClientPolicy.Patience.ordinary), (30_000, .long)]
    )
    mutating func long(milliseconds: Int, patience: ClientPolicy.Patience) {
        let id = driver.serve()
        driver.pass(.milliseconds(milliseconds))
        driver.reuse(id)
        #expect(driver.patience(id, requests: 2) == patience)
        let other = driver.serve()
        #expect(driver.patience(other) == patience, "it holds for all of the owner's")
        let neighbour = driver.serve(PolicyDriver.neighbour)
        #expect(driver.patience(neighbour) == .ordinary)
    }

    @Test("that an owner comes back late is forgotten in time")
    mutating func longIsForgotten() {
        let id = driver.serve()
        driver.pass(.seconds(60))
        driver.reuse(id)
        var uses = 0
        while driver.patience(id, requests: 2) == .long && uses < 100 {
            driver.pass(.seconds(1))
            driver.reuse(id)
            uses += 1
        }
        // 60 s times (15/16)^n falls below 30 s.
        #expect(uses == 11)
    }

    @Test("without idle_timeout nobody is late")
    mutating func unlimited() {
        let id = driver.serve()
        driver.pass(.seconds(86_400))
        driver.reuse(id)
        #expect(driver.policy.patience(with: id, requests: 2, idleTimeout: .unlimited) == .ordinary)
    }
}
