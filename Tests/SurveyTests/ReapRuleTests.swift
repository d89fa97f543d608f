import Basics
import Dialling
import Testing

@testable import Survey

@Suite("Reap policy, rule by rule")
struct ReapRuleTests {
    /// So many idle connections that never move, beside one whose look can be altered.
    private struct Scene {
        var policy = ReapPolicy(limits: ReapLimits())
        var special: ObservedConnection
        var others: [ObservedConnection]
        var now = 0

        init(_ count: Int) {
            func make(_ id: UInt64) -> ObservedConnection {
                Timeline(kind: "", opened: 0, events: [(0, .sent(90)), (0, .received(120))])
                    .look(id: id, at: 0)
                    ?? ObservedConnection(
                        id: id,
                        owner: nil,
                        from: Timeline.origin,
                        to: Timeline.origin,
                        phase: .opening
                    )
            }
            // The newest of all, so that no seniority keeps it.
            special = make(1000)
            others = (0..<UInt64(count)).map(make)
        }

        /// Looks on after so many seconds of silence; the ids that are to be closed.
        mutating func look(after seconds: Int, hasSpecial: Bool = true) -> Set<UInt64> {
            now += seconds
            let more = Interval.seconds(seconds)
            func later(_ connection: ObservedConnection) -> ObservedConnection {
                var connection = connection
                connection.sinceSent = connection.sinceSent + more
                connection.sinceReceived = connection.sinceReceived + more
                return connection
            }
            others = others.map(later)
            special = later(special)
            let time = MonotonicTime(nanoseconds: Int64(now + 1) * 1_000_000_000)
            let shown = others + (hasSpecial ? [special] : [])
            let ports = PortUse(range: ReapRun.ports)
            return Set(policy.observe(shown, ports: ports, now: time).map(\.connection.id))
        }
    }

    @Test("idle beyond the limit and beyond the budget: both")
    func limitAndBudget() {
        var scene = Scene(12)
        #expect(scene.look(after: 0, hasSpecial: false).isEmpty)
        #expect(scene.look(after: 59, hasSpecial: false).isEmpty)
        #expect(scene.look(after: 1, hasSpecial: false).count == 4)
        // Each once.
        #expect(scene.look(after: 1, hasSpecial: false).isEmpty)
        var few = Scene(8)
        _ = few.look(after: 0, hasSpecial: false)
        #expect(few.look(after: 600, hasSpecial: false).isEmpty)
    }

    @Test("what was there before the first look gets the time to show that it is in use")
    func beforeFirstLook() {
        var scene = Scene(12)
        #expect(scene.look(after: 3600, hasSpecial: false).isEmpty)
        #expect(scene.look(after: 59, hasSpecial: false).isEmpty)
        #expect(scene.look(after: 1, hasSpecial: false).count == 4)
        var trusting = Scene(12)
        var limits = ReapLimits()
        limits.trustsFirstLook = true
        trusting.policy = ReapPolicy(limits: limits)
        #expect(trusting.look(after: 3600, hasSpecial: false).count == 4)
    }

    @Test("what was there before and has sent more than one exchange takes is not touched")
    func poolBeforeFirstLook() {
        var scene = Scene(12)
        for index in 0..<10 { scene.others[index].segmentsSent = 9 }
        #expect(scene.look(after: 0, hasSpecial: false).isEmpty)
        #expect(scene.look(after: 3600, hasSpecial: false).isEmpty)
        #expect(scene.policy.reports().first?.proven == 10)
    }

    /// The special connection enters last and differs only in what `alter` does to it.
    private func isCut(_ alter: (inout ObservedConnection) -> Void) -> Bool {
        var scene = Scene(30)
        _ = scene.look(after: 0, hasSpecial: false)
        _ = scene.look(after: 1, hasSpecial: false)
        alter(&scene.special)
        _ = scene.look(after: 1)
        return scene.look(after: 70).contains(1000)
    }

    @Test("a connection like the others is cut, which the next tests rely on")
    func plain() {
        #expect(isCut { _ in })
    }

    @Test("nothing queued either way")
    func queues() {
        #expect(!isCut { $0.unread = 1 })
        #expect(!isCut { $0.unsent = 1 })
        #expect(
            !isCut {
                $0.unread = 1; $0.phase = .peerClosed
            }
        )
    }

    @Test("never one that awaits an answer")
    func awaiting() {
        #expect(!isCut { $0.sinceReceived = .seconds(5) })
        #expect(!isCut { $0.bytesReceived = 0 })
    }

    @Test("only what is established, or closed by the far end alone")
    func phases() {
        for phase in ConnectionPhase.allCases {
            #expect(isCut { $0.phase = phase } == (phase == .established || phase == .peerClosed), "\(phase)")
        }
        // No answer can come any more.
        #expect(
            isCut {
                $0.phase = .peerClosed; $0.sinceReceived = .seconds(5)
            }
        )
        #expect(!isCut { $0.owner = nil })
    }

    /// The special connection lies quiet for `pause`, then something happens to it, then nothing more.
    private func survives(pause: Int, _ happens: (inout ObservedConnection) -> Void) -> Bool {
        var scene = Scene(30)
        _ = scene.look(after: 0, hasSpecial: false)
        _ = scene.look(after: 1)
        _ = scene.look(after: pause)
        happens(&scene.special)
        _ = scene.look(after: 0)
        return !scene.look(after: 3000).contains(1000)
    }

    @Test("a second exchange after a pause proves a connection live")
    func reuse() {
        #expect(
            survives(pause: 5) {
                $0.bytesSent += 90
                $0.bytesReceived += 120
                $0.sinceSent = .zero
                $0.sinceReceived = .zero
            }
        )
    }

    @Test("so does what comes unasked, from the second time on where the first may be the answer")
    func events() {
        let event: (inout ObservedConnection) -> Void = {
            $0.bytesReceived += 15
            $0.sinceReceived = .zero
        }
        var scene = Scene(30)
        _ = scene.look(after: 0, hasSpecial: false)
        // Its only answer came a second after the request: nothing more is owed.
        scene.special.sinceSent = .seconds(1)
        _ = scene.look(after: 1)
        _ = scene.look(after: 5)
        event(&scene.special)
        _ = scene.look(after: 0)
        #expect(!scene.look(after: 3000).contains(1000))
        var unsure = Scene(30)
        _ = unsure.look(after: 0, hasSpecial: false)
        _ = unsure.look(after: 1)
        for _ in 0..<2 {
            _ = unsure.look(after: 5)
            event(&unsure.special)
            _ = unsure.look(after: 0)
        }
        #expect(!unsure.look(after: 3000).contains(1000))
    }

    @Test("a decision holds only for the same connection in the same state")
    func recheck() {
        let seen = Scene(1).others[0]
        let group = ReapGroup(owner: ConnectionOwner(uid: 1, cgroup: 2), destination: seen.to)
        let decision = ReapDecision(connection: seen, group: group, limit: .seconds(2), isLeak: true)
        var same = seen
        same.sinceSent = .milliseconds(4)
        same.sinceReceived = .milliseconds(4)
        #expect(decision.holds(for: same))
        let alterations: [(inout ObservedConnection) -> Void] = [
            { $0.id += 1 }, { $0.phase = .closing }, { $0.unread = 1 }, { $0.unsent = 1 },
            { $0.bytesSent += 1 }, { $0.bytesReceived += 1 },
        ]
        for alter in alterations {
            var other = same
            alter(&other)
            #expect(!decision.holds(for: other), "\(other)")
        }
        var idler = decision
        idler.connection.sinceSent = .seconds(3)
        idler.connection.sinceReceived = .seconds(3)
        #expect(!idler.holds(for: same), "it was used")
    }

    @Test("memory is bounded by what is there, and by 1,024 groups that are not")
    func memory() {
        var policy = ReapPolicy(limits: ReapLimits())
        let ports = PortUse(range: ReapRun.ports)
        for round in 0..<40 {
            let connections = (0..<100).map { index in
                var connection = Scene(1).others[0]
                connection.id = UInt64(round * 100 + index)
                connection.to.port = UInt16(1 + round * 100 + index)
                return connection
            }
            _ = policy.observe(connections, ports: ports, now: MonotonicTime(nanoseconds: Int64(round)))
        }
        #expect(policy.held == 100)
        #expect(policy.groups.count <= 100 + ReapPolicy.maxAbsent)
    }
}
