import Basics
import ClientPolicy
@testable import Telemetry
import Testing
import UpstreamPool

@Suite("Connections under names")
struct NamedConnectionsTests {
    private func at(_ seconds: Int) -> MonotonicTime { .zero + .seconds(seconds) }

    @Test("the heaviest names are shown, heaviest first, equal ones by name")
    func shown() {
        var roster = LabelRoster<String>(maxShown: 2, maxRemembered: 3)
        #expect(roster.admit(["b": 5, "a": 9, "c": 1], now: at(0)) == ["a", "b"])
        #expect(roster.admit(["c": 9, "a": 3, "b": 3], now: at(1)) == ["c", "a"])
        #expect(roster.admit([:], now: at(2)) == [])
    }

    @Test("within an hour no more different names are shown than may be remembered")
    func remembered() {
        var roster = LabelRoster<String>(maxShown: 2, maxRemembered: 3)
        var seen: Set<String> = []
        for round in 0..<100 {
            seen.formUnion(roster.admit(["x\(round)": 2, "y\(round)": 1], now: at(round)))
        }
        #expect(seen == ["x0", "y0", "x1"])
        // One that was shown within the hour may come back, whoever else is heavier.
        #expect(roster.admit(["new": 9, "y0": 1], now: at(200)) == ["y0"])
        #expect(roster.admit(["new": 9, "x0": 1], now: at(3601)) == ["new", "x0"])
    }

    @Test("who is shown does not depend on the order of what is offered")
    func sequential() {
        // The rule, one name after the other.
        var last: [Int: Int] = [:]
        var roster = LabelRoster<Int>(maxShown: 5, maxRemembered: 12, memory: .seconds(10))
        var random = RandomSource(seed: 7)
        for second in 0..<500 {
            var weights: [Int: Int] = [:]
            for _ in 0..<20 { weights[Int(random.next() % 40)] = Int(random.next() % 4) }
            last = last.filter { second - $0.value < 10 }
            var expected: [Int] = []
            let ranked = weights.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
            for name in ranked where expected.count < 5 && (last[name] != nil || last.count < 12) {
                last[name] = second
                expected.append(name)
            }
            #expect(roster.admit(weights, now: at(second)) == expected)
        }
    }

    @Test("origins that have no line of their own are added up, by kind")
    func restOfOrigins() {
        var named = NamedConnections()
        var reports = (0..<30).map { Fixture.origin("h\($0)", 80, idle: 100 - $0, leased: 1) }
        reports[29].kind = .tunnel
        named.update(origins: reports, owners: [], now: at(0))
        #expect(named.origins.prefix(20).map(\.name.authority) == (0..<20).map { "h\($0):80" })
        let rest = named.origins.dropFirst(20)
        #expect(rest.allSatisfy { $0.name.authority == "other" })
        #expect(rest.map(\.name.kind) == OriginKind.allCases)
        #expect(rest.map(\.leased) == OriginKind.allCases.map { [.http: 9, .tunnel: 1][$0] ?? 0 })
        #expect(named.origins.reduce(0) { $0 + $1.idle } == reports.reduce(0) { $0 + $1.idle })
    }

    @Test("redirected origins that differ by their Host only are one")
    func oneAddress() {
        var named = NamedConnections()
        var reports = [Fixture.origin("192.0.2.1", idle: 1), Fixture.origin("192.0.2.1", idle: 2)]
        for index in reports.indices {
            reports[index].kind = .intercepted
            reports[index].name = "host\(index)"
        }
        named.update(origins: reports, owners: [], now: at(0))
        let lines = named.origins.filter { $0.size > 0 }
        #expect(lines.count == 1 && lines[0].idle == 3 && lines[0].name.authority == "192.0.2.1:80")
    }

    @Test("leaking owners come first, and the rest is added up by verdict")
    func owners() {
        var named = NamedConnections()
        let healthy = (0..<30).map { Fixture.owner("192.0.2.\($0)", held: 100 - $0) }
        let leaking = Fixture.owner("198.51.100.1", held: 1, .leaking)
        named.update(origins: [], owners: healthy + [leaking], now: at(0))
        #expect(named.owners[0].name == "198.51.100.1" && named.owners[0].verdict == .leaking)
        #expect(named.owners.count == 20 + Verdict.allCases.count)
        let rest = named.owners.suffix(3)
        #expect(rest.map(\.name) == ["other", "other", "other"])
        #expect(rest.map(\.verdict) == Verdict.allCases)
        #expect(rest.first?.held == (19..<30).reduce(0) { $0 + 100 - $1 })
    }

    @Test("an owner has a line once its name is known, and none when it holds nothing")
    func unnamed() {
        var named = NamedConnections()
        var unknown = Fixture.owner("", held: 4)
        unknown.address = nil
        named.update(origins: [], owners: [unknown, Fixture.owner("192.0.2.1", held: 0)], now: at(0))
        #expect(named.owners.map(\.held) == [4, 0, 0])
        unknown.user = "app"
        named.update(origins: [], owners: [unknown], now: at(1))
        #expect(named.owners.first?.name == "app (uid 0)" && named.owners.first?.held == 4)
    }
}
