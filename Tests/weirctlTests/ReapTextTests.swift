import Basics
import ClientPolicy
import Dialling
import Reactor
import Survey
import Testing

@testable import weirctl

@Suite("Reap's words")
struct ReapTextTests {
    private static let group = ReapGroup(
        owner: ConnectionOwner(uid: 1, cgroup: 2),
        destination: Endpoint(address: .v4(0x0a00_0009), port: 443)
    )

    @Test("a connection is told in one line")
    func line() {
        var connection = ObservedConnection(
            id: 1,
            owner: Self.group.owner,
            from: Endpoint(address: .v6(high: 0, low: 1, scope: 0), port: 40_000),
            to: Self.group.destination,
            phase: .established
        )
        connection.sinceSent = .milliseconds(2540)
        connection.sinceReceived = .milliseconds(2540)
        let decision = ReapDecision(
            connection: connection,
            group: Self.group,
            limit: .seconds(2),
            isLeak: true
        )
        #expect(
            ReapText.line(decision, owner: "payments.service", verb: "would close")
                == "would close [::1]:40000 -> 10.0.0.9:443 of payments.service: idle 2.5 s, leaked"
        )
    }

    @Test("verdicts say what they stand on")
    func verdicts() {
        var change = ReapVerdict(
            group: Self.group,
            former: .healthy,
            verdict: .leaking,
            evidence: 27,
            held: 60,
            idle: 50
        )
        let text = ReapText.verdict(change, owner: "payments.service")
        #expect(text.hasPrefix("leaking: payments.service to 10.0.0.9:443: 27 of its last 32"))
        #expect(text.hasSuffix("holds 60, 50 idle"))
        change.former = .leaking
        change.verdict = .healthy
        #expect(ReapText.verdict(change, owner: "x") == "no longer leaking: x to 10.0.0.9:443")
        change.verdict = .churning
        #expect(ReapText.verdict(change, owner: "x").hasPrefix("churning: x"))
    }

    @Test("lengths of time are read with their unit, and without it in seconds")
    func timeSpans() {
        let good: [(String, Interval)] = [
            ("60", .seconds(60)), ("60s", .seconds(60)), ("500ms", .milliseconds(500)), ("2m", .seconds(120)),
            ("1.5s", .milliseconds(1500)), ("1h", .seconds(3600)), ("0", .zero),
        ]
        for (text, interval) in good { #expect(TimeSpan(argument: text)?.interval == interval, "\(text)") }
        for text in ["", "s", "1d", "-1", "1 s", "soon", "nan", "inf", "1e9", "99999h", "1..5", "٣"] {
            #expect(TimeSpan(argument: text) == nil, "\(text)")
        }
    }

    @Test("a unit's name without a kind is a service's")
    func unitNames() {
        for (text, name) in [
            ("payments", "payments.service"), ("payments.service", "payments.service"),
            ("session-3.scope", "session-3.scope"), ("app.v2", "app.v2.service"), ("a.slice", "a.slice"),
        ] { #expect(ReapOwners.fullName(text) == name) }
    }

    @Test("whose connections are watched follows from what was typed")
    func owners() throws {
        let users = try ReapOwners(units: [], users: ["0", "4242"], paths: [], all: false, groups: nil)
        #expect(users.include(ConnectionOwner(uid: 4242, cgroup: 9)))
        #expect(!users.include(ConnectionOwner(uid: 1, cgroup: 9)))
        let all = try ReapOwners(units: [], users: [], paths: [], all: true, groups: nil)
        #expect(all.include(ConnectionOwner(uid: 1, cgroup: nil)))
        #expect(throws: AdminError.self) {
            try ReapOwners(units: ["x"], users: [], paths: [], all: false, groups: nil)
        }
        #expect(throws: AdminError.self) {
            try ReapOwners(units: [], users: ["no such user"], paths: [], all: false, groups: nil)
        }
        if let groups = ControlGroups() {
            var absent = try ReapOwners(
                units: ["weir-no-such-unit"],
                users: [],
                paths: [],
                all: false,
                groups: groups
            )
            absent.refresh(MonotonicTime(nanoseconds: 1))
            #expect(absent.absent == ["weir-no-such-unit.service"])
            #expect(absent.needGroups)
            #expect(!absent.include(ConnectionOwner(uid: 0, cgroup: 1)))
        }
    }
}
