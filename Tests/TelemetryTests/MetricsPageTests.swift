import Basics
import ClientPolicy
import Foundation
import ProxyCore
import Telemetry
import Testing
import UpstreamPool

/// docs/metrics.md is for people and stays true by these tests.
@Suite("The page on metrics")
struct MetricsPageTests {
    private struct Row: Equatable {
        var type: String
        /// How many values each label has.
        var labels: [String: Int] = [:]
    }

    private func page() throws -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try String(contentsOf: root.appendingPathComponent("docs/metrics.md"), encoding: .utf8)
    }

    /// What stands in the page's tables: | `name` | type | `label`: number, `label`: number and other | …
    private func documented() throws -> [String: Row] {
        var rows: [String: Row] = [:]
        for line in try page().split(separator: "\n") where line.hasPrefix("| `") {
            let cells = line.split(separator: "|", omittingEmptySubsequences: false)
                .map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count > 4, ["counter", "gauge", "histogram"].contains(cells[2]) else { continue }
            let name = cells[1].trimmingCharacters(in: CharacterSet(charactersIn: "`"))
            var row = Row(type: cells[2])
            for label in cells[3].split(separator: ",") {
                let words = label.split { " `:".contains($0) }.map(String.init)
                let count = try #require(words.count > 1 ? Int(words[1]) : nil, "\(name): \(label)")
                row.labels[words[0]] = count + (words.contains("other") ? 1 : 0)
            }
            #expect(rows[name] == nil, "\(name) is there twice")
            rows[name] = row
        }
        return rows
    }

    /// The text where everything is known and much is going on.
    private func text() -> String {
        var snapshot = Fixture.snapshot()
        snapshot.process.libraries.append(("c_ares", "1.18.1"))
        snapshot.workers = [WorkerLoad](repeating: WorkerLoad(), count: 64)
        snapshot.clientPorts.limit = 28_232
        snapshot.clientPorts.growth = 2
        snapshot.upstreamPorts.limit = 25_000
        snapshot.upstreamPorts.growth = 1
        var named = NamedConnections()
        named.update(
            origins: (0..<100).map { Fixture.origin("host\($0)", idle: 1) },
            owners: (0..<100).map { Fixture.owner("192.0.2.\($0)", held: 1) },
            now: .zero
        )
        return Fixture.text { PrometheusText.write(snapshot, named: named, to: &$0) }
    }

    private func exposed() -> [String: Row] {
        var rows: [String: Row] = [:]
        var values: [String: [String: Set<Substring>]] = [:]
        var family = ""
        for line in text().split(separator: "\n") {
            let words = line.split(separator: " ")
            if line.hasPrefix("# TYPE ") {
                family = String(words[2])
                rows[family] = Row(type: String(words[3]))
            } else if !line.hasPrefix("#"), let brace = line.firstIndex(of: "{") {
                for pair in line[brace...].dropFirst().split(separator: ",") where !pair.hasPrefix("le=") {
                    let label = String(pair.prefix { $0 != "=" })
                    let value = pair.split(separator: "\"")[1]
                    values[family, default: [:]][label, default: []].insert(value)
                }
            }
        }
        for (name, labels) in values { rows[name]?.labels = labels.mapValues(\.count) }
        return rows
    }

    @Test("each metric is documented with type, labels and their numbers of values, and no other is")
    func complete() throws {
        let (documented, exposed) = (try documented(), exposed())
        #expect(exposed.count > 60)
        for (name, row) in exposed {
            #expect(documented[name] == row, "\(name) is exposed like this, and documented otherwise")
        }
        for name in documented.keys { #expect(exposed[name] != nil, "\(name) is documented only") }
    }

    @Test("each value of a label that weir chooses is explained")
    func values() throws {
        let page = try page()
        let values =
            Cause.allCases.map(\.name) + Verdict.allCases.map(\.name) + InterceptedKind.allCases.map(\.name)
            + OriginKind.allCases.map(\.name)
        for value in values where !page.contains("`\(value)`") { Issue.record("\(value) is not explained") }
    }

    @Test("a scrape has no more samples than the page says")
    func size() throws {
        let samples = text().split(separator: "\n").count { !$0.hasPrefix("#") }
        let promised = try page().firstMatch(of: /never more than ([0-9]+)/)?.1
        #expect(try samples <= #require(promised.flatMap { Int($0) }))
    }
}
