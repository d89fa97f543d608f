import Basics
import Foundation
import Testing

@testable import ClientPolicy
@testable import Telemetry

@Suite("Leaks")
struct LeaksJSONTests {
    private static let now = MonotonicTime(nanoseconds: 100_000_000_000)

    private func report(_ key: OwnerKey, _ verdict: Verdict = .healthy, opened: Int = 1, held: Int = 1)
        -> OwnerReport
    {
        var tally = OwnerTally()
        tally.firstSeen = MonotonicTime(nanoseconds: 40_000_000_000)
        tally.opened = opened
        return OwnerReport(
            owner: .none,
            key: key,
            verdict: verdict,
            since: MonotonicTime(nanoseconds: 98_500_000_000),
            tally: tally,
            held: held,
            parked: 0,
            agent: ""
        )
    }

    private func destination(_ name: String, _ verdict: Verdict = .healthy, tunnels: Int = 0)
        -> DestinationReport
    {
        DestinationReport(
            destination: .none,
            owner: .none,
            name: name,
            verdict: verdict,
            since: MonotonicTime(nanoseconds: 99_000_000_000),
            opened: 7,
            reaped: 3,
            tunnels: tunnels,
            quiet: 1,
            stalled: 2
        )
    }

    private func text(_ owners: [OwnerLine], isPending: Bool = false, unseen: String? = nil) -> String {
        Fixture.text {
            LeaksJSON.write(owners, isPending: isPending, unseen: unseen, now: LeaksJSONTests.now, to: &$0)
        }
    }

    private func parse(_ owners: [OwnerLine]) throws -> [String: Any] {
        let text = text(owners)
        #expect(text.hasSuffix("}\n") && !text.dropLast().contains("\n"))
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
        return try #require(object as? [String: Any])
    }

    private func rows(_ owners: [OwnerLine]) throws -> [[String: Any]] {
        try #require(try parse(owners)["owners"] as? [[String: Any]])
    }

    // MARK: Golden

    @Test("nobody at all is a page too")
    func empty() {
        #expect(
            text([]) == #"{"owners":[],"owners_left_out":0,"processes_pending":false,"unseen":null}"# + "\n"
        )
    }

    @Test("an owner is one object, with its names, counts, processes, destinations and remedy")
    func golden() {
        var line = OwnerLine(report(.local(uid: 1000, cgroup: 77), .leaking, opened: 40, held: 12))
        line.report.tally.reused = 3
        line.report.tally.reaped = 21
        line.report.parked = 9
        line.report.agent = "Go-http-client/1.1"
        line.user = "shop"
        line.cgroup = "/system.slice/shop.service"
        line.unit = "shop.service"
        line.processes = [
            OwnerLine.Process(pid: 42, executable: "/opt/shop/server", command: "server"),
            OwnerLine.Process(pid: 43, executable: nil, command: nil),
        ]
        line.destinations = [destination("api.test:443", .leaking, tunnels: 4)]
        let expected = """
            {"owners":[{"kind":"local","uid":1000,"user":"shop","cgroup":"/system.slice/shop.service",\
            "unit":"shop.service","address":null,"verdict":"leaking","since_seconds":1.500000,\
            "seen_seconds":60.000000,"opened":40,"reused":3,"held":12,"parked":9,"tunnels":4,"quiet":1,\
            "stalled":2,"one_shot_share":0.925,"reaped":21,"ports":16,"agent":"Go-http-client/1.1",\
            "processes":[{"pid":42,"executable":"/opt/shop/server","command":"server"},{"pid":43,\
            "executable":null,"command":null}],"destinations":[{"destination":"api.test:443",\
            "verdict":"leaking","since_seconds":1.000000,"opened":7,"reaped":3,"tunnels":4,"quiet":1,\
            "stalled":2}],"remedy":"share one http.Client and its Transport instead of a new Transport per \
            request, read and close each response's Body, and set Transport.IdleConnTimeout"}],\
            "owners_left_out":0,"processes_pending":true,"unseen":"no \\"netlink\\""}

            """
        #expect(text([line], isPending: true, unseen: "no \"netlink\"") == expected)
    }

    @Test("a peer that is known by its address has no uid")
    func address() throws {
        var line = OwnerLine(report(OwnerKey(high: 0, low: 0xFFFF_0A00_0001)))
        line.address = "10.0.0.1"
        let row = try rows([line])[0]
        #expect(row["kind"] as? String == "address" && row["uid"] is NSNull)
        #expect(row["address"] as? String == "10.0.0.1" && row["remedy"] is NSNull)
        #expect(row["agent"] is NSNull && row["user"] is NSNull)
    }

    // MARK: Figures

    @Test(
        "the share of connections with one exchange only has three digits",
        arguments: [(0, 0, 0.0), (1, 0, 1.0), (3, 1, 0.666), (8, 8, 0.0), (8, 9, 0.0), (1000, 1, 0.999)]
    )
    func share(opened: Int, reused: Int, share: Double) throws {
        var line = OwnerLine(report(.local(uid: 1, cgroup: 0), opened: opened))
        line.report.tally.reused = reused
        #expect(try rows([line])[0]["one_shot_share"] as? Double == share)
    }

    @Test("the worst verdict counts, be it on the owner or on one destination, since it holds")
    func worst() throws {
        var line = OwnerLine(report(.local(uid: 1, cgroup: 0), .churning))
        #expect(line.worst.verdict == .churning && line.remedy != nil)
        line.destinations = [destination("a"), destination("b", .leaking), destination("c", .churning)]
        let row = try rows([line])[0]
        #expect(row["verdict"] as? String == "leaking" && row["since_seconds"] as? Double == 1)
        line.report.verdict = .leaking
        #expect(line.worst.since == line.report.since, "the owner's own comes first")
    }

    // MARK: Order and bounds

    @Test("the worst come first, then who holds most ports, then who opened most")
    func order() throws {
        func line(_ uid: UInt32, _ verdict: Verdict, held: Int, opened: Int, tunnels: Int = 0) -> OwnerLine {
            var line = OwnerLine(report(.local(uid: uid, cgroup: 0), verdict, opened: opened, held: held))
            line.destinations = [destination("a", tunnels: tunnels)]
            return line
        }
        let lines = [
            line(5, .healthy, held: 900, opened: 900), line(1, .leaking, held: 2, opened: 1, tunnels: 9),
            line(4, .churning, held: 5, opened: 3), line(2, .leaking, held: 10, opened: 9),
            line(3, .leaking, held: 10, opened: 8),
        ]
        #expect(try rows(lines).compactMap { $0["uid"] as? Int } == [1, 2, 3, 4, 5])
    }

    @Test("at most 100 owners and 20 destinations of each are shown, and how many owners are not")
    func bounds() throws {
        var lines = (0..<250).map { number in
            OwnerLine(report(.local(uid: UInt32(number), cgroup: 0), held: number))
        }
        lines[0].report.verdict = .leaking
        lines[0].destinations = (0..<30).map { destination("d\($0)", tunnels: 1) }
        let page = try parse(lines)
        let rows = try #require(page["owners"] as? [[String: Any]])
        #expect(rows.count == 100 && page["owners_left_out"] as? Int == 150)
        #expect(rows[0]["uid"] as? Int == 0 && rows[1]["uid"] as? Int == 249)
        let shown = try #require(rows[0]["destinations"] as? [[String: Any]])
        #expect(shown.compactMap { $0["destination"] as? String } == (0..<20).map { "d\($0)" })
        #expect(rows[0]["tunnels"] as? Int == 30, "the sums hold for all")
    }

    // MARK: Hostile texts

    @Test(
        "a text from outside stays within its string",
        arguments: [
            "\",\"verdict\":\"healthy", "\\", "a\nb\r\n", "\u{1B}[2J", "\u{0}", "\u{7F}\u{85}", "é€😀",
            "{[,:]}",
            "</script>", String(repeating: "\"", count: 5000),
        ]
    )
    func hostile(value: String) throws {
        var line = OwnerLine(report(.local(uid: 1, cgroup: 0), .leaking))
        line.report.agent = value
        line.user = value
        line.cgroup = value
        line.unit = value
        line.address = value
        line.processes = [OwnerLine.Process(pid: 1, executable: value, command: value)]
        line.destinations = [destination(value)]
        let text = text([line], unseen: value)
        #expect(text.utf8.allSatisfy { $0 >= 0x20 || $0 == 10 } && text.utf8.count { $0 == 10 } == 1)
        let page = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(page["unseen"] as? String == value)
        let row = try #require((page["owners"] as? [[String: Any]])?.first)
        for key in ["agent", "user", "cgroup", "unit", "address"] { #expect(row[key] as? String == value) }
        let process = try #require((row["processes"] as? [[String: Any]])?.first)
        #expect(process["executable"] as? String == value && process["command"] as? String == value)
        let destination = try #require((row["destinations"] as? [[String: Any]])?.first)
        #expect(destination["destination"] as? String == value && row["verdict"] as? String == "leaking")
    }

    @Test("every owner's page is one that a JSON parser reads, whatever its figures")
    func extremes() throws {
        var line = OwnerLine(report(.local(uid: .max, cgroup: .max), .leaking, opened: .max, held: .max))
        line.report.since = .never
        line.report.tally.firstSeen = .zero
        line.report.held = 1 << 40
        line.report.tally.opened = 1 << 40
        let row = try rows([line])[0]
        #expect(row["uid"] as? UInt64 == UInt64(UInt32.max) && row["since_seconds"] as? Double == 0)
        #expect(row["one_shot_share"] as? Double == 1)
    }
}
