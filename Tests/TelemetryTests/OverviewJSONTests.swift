import Basics
@testable import ClientPolicy
import Foundation
import ProxyCore
import Testing

@testable import Telemetry

@Suite("Overview")
struct OverviewJSONTests {
    private func parse(_ snapshot: ProxySnapshot, _ owners: [OwnerLine] = []) throws -> [String: Any] {
        let text = Fixture.text { OverviewJSON.write(snapshot, owners: owners, now: .zero, to: &$0) }
        #expect(text.hasSuffix("}\n"))
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
        return try #require(object as? [String: Any])
    }

    private func owner(_ index: Int) -> OwnerLine {
        var line = OwnerLine(
            OwnerReport(
                owner: .none,
                key: OwnerKey.local(uid: UInt32(index), cgroup: 1),
                verdict: index == 3 ? .leaking : .healthy,
                since: .zero,
                tally: OwnerTally(),
                held: index,
                parked: 0,
                agent: "<script>alert(1)</script>"
            )
        )
        line.unit = "unit-\(index)\".service"
        return line
    }

    @Test("it holds what the page shows")
    func members() throws {
        let overview = try parse(Fixture.snapshot())
        for name in [
            "ports", "clients", "tunnels", "queue", "pool", "owners", "counters", "durations", "process",
        ] {
            #expect(overview[name] != nil, "\(name)")
        }
        let counters = try #require(overview["counters"] as? [String: Any])
        #expect(counters["failures"] as? Int == 3)
        let responses = try #require(counters["responses"] as? [String: Int])
        #expect(responses == ["2xx": 90, "3xx": 0, "4xx": 0, "5xx": 4])
        let durations = try #require(overview["durations"] as? [String: [Int]])
        let counts = try #require(durations["counts"])
        let bounds = try #require(durations["bounds_us"])
        #expect(bounds.count == counts.count - 1 && bounds.prefix(3) == [250, 500, 1000])
        #expect(counts[0] == 1 && counts[2] == 4 && counts[6] == 2 && counts[21] == 1)
    }

    @Test("rows are bounded, the worst and the largest first, and what is left out is told")
    func bounded() throws {
        var snapshot = Fixture.snapshot()
        snapshot.origins = (0..<5000).map { Fixture.origin("host\($0)", idle: $0) }
        let overview = try parse(snapshot, (0..<700).map(owner))
        let owners = try #require(overview["owners"] as? [[String: Any]])
        #expect(owners.count == OverviewJSON.maxRows && overview["owners_left_out"] as? Int == 650)
        #expect(
            owners[0]["verdict"] as? String == "leaking" && owners[0]["unit"] as? String == "unit-3\".service"
        )
        let pool = try #require(overview["pool"] as? [String: Any])
        let rows = try #require(pool["by_origin"] as? [[String: Any]])
        #expect(rows.count == OverviewJSON.maxRows && rows[0]["origin"] as? String == "host4999:80")
        #expect(pool["origins_left_out"] as? Int == 4950)
    }
}
