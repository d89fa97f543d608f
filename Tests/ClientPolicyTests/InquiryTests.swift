import Basics
import Testing

@testable import ClientPolicy

@Suite("Inquiries into suspects")
struct InquiryTests {
    private var driver = PolicyDriver()
    private var tunnels = DestinationDriver()

    @Test("nobody is inquired into before the evidence is enough, and then once")
    mutating func once() {
        driver.leak(20)
        #expect(driver.inquiries == 0 && driver.verdict() == .healthy)
        driver.leak(7)
        #expect(driver.inquiries == 1 && driver.verdict() == .leaking)
    }

    @Test(
        "as many processes as idle connections are no leak, one idle connection more is",
        arguments: [40, 128]
    )
    mutating func processes(count: Int) {
        driver = PolicyDriver { $0.maxParkedPerOwner = 1000 }
        driver.clients = count
        driver.leak(count)
        #expect(driver.verdict() == .healthy && driver.changes().isEmpty)
        driver.leak(25)
        #expect(driver.verdict() == .healthy)
        driver.leak(1)
        #expect(driver.verdict() == .leaking && driver.inquiries == 2)
    }

    @Test("an owner of a known single process is judged by the evidence that there is")
    mutating func single() {
        driver.leak(27)
        #expect(driver.verdict() == .leaking)
        #expect(driver.changes().map(\.evidence) == [26])
    }

    @Test("who is known by an address only may be many from the start")
    mutating func address() {
        let elsewhere = OwnerKey(high: 0, low: 0xFFFF_0A00_0001)
        driver.clients = nil
        driver.leak(ClientPolicy.unknownClients + 25, elsewhere)
        #expect(driver.verdict(elsewhere) == .healthy)
        driver.leak(1, elsewhere)
        #expect(driver.verdict(elsewhere) == .leaking && driver.inquiries == 1)
    }

    @Test("what is found unread is excused, and evidence again when it lies idle after it was read")
    mutating func unread() {
        let ids = driver.leak(26)
        driver.unread = Array(ids.suffix(3))
        driver.leak(1)
        #expect(driver.inquiries == 1 && driver.verdict() == .healthy && driver.evidence() == 23)
        driver.unread = []
        for id in ids.suffix(3) { driver.lieIdle(id) }
        #expect(driver.verdict() == .leaking)
    }

    @Test("where most of what seemed idle is unread, nothing is left of the evidence")
    mutating func mostlyUnread() {
        let ids = driver.leak(26)
        driver.unread = Array(ids.suffix(14))
        driver.leak(1)
        #expect(driver.verdict() == .healthy && driver.evidence() == 0)
    }

    @Test(
        "an answer that is lost is asked for again after five seconds, and one that nobody awaits is ignored"
    )
    func lost() throws {
        var policy = ClientPolicy(limits: ClientLimits(), seed: 1)
        var slots = SlotMap<Int>()
        var now = MonotonicTime(nanoseconds: 1_000_000_000)
        func open() {
            let id = slots.insert(0)
            _ = policy.admit(id, owner: PolicyDriver.app, now: now)
            _ = policy.park(id, now: now)
            now = now + .milliseconds(100)
        }
        for _ in 0..<(16 + 26) { open() }
        let owner = try #require(policy.suspects.first)
        #expect(policy.suspects.count == 1)
        policy.clearSuspects()
        for _ in 0..<49 { open() }
        #expect(policy.suspects.isEmpty)
        open()
        open()
        #expect(policy.suspects == [owner])
        policy.inquired(into: owner, clients: 1, unread: [], now: now)
        #expect(policy.changes.map(\.verdict) == [.leaking])
        policy.inquired(into: owner, clients: 500, unread: [], now: now)
        #expect(policy.clients(of: owner) == 1)
    }

    @Test("what is answered of an owner that is forgotten meanwhile is ignored")
    mutating func forgotten() {
        driver.step { policy, now in
            policy.inquired(into: SlotID(slot: 9, generation: 3), clients: 1, unread: [], now: now)
        }
        #expect(driver.policy.ownerReports().isEmpty)
    }

    @Test("the tunnels of many processes are no leak either, and one answer serves all destinations")
    mutating func processesOfTunnels() {
        tunnels.clients = 40
        tunnels.leak(40)
        tunnels.leak(40, 2)
        #expect(tunnels.verdict() == .healthy && tunnels.verdict(2) == .healthy)
        tunnels.leak(26)
        #expect(tunnels.verdict() == .leaking && tunnels.verdict(2) == .healthy)
    }

    @Test("a quiet tunnel whose answer is unread is excused")
    mutating func unreadTunnels() {
        let ids = tunnels.leak(26)
        tunnels.unread = Array(ids.suffix(3))
        tunnels.leak(1)
        #expect(tunnels.verdict() == .healthy)
        tunnels.unread = []
        for id in ids.suffix(3) { tunnels.lieQuiet(id) }
        #expect(tunnels.verdict() == .leaking)
    }
}
