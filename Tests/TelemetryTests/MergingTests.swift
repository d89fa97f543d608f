import Basics
@testable import ClientPolicy
import ProxyCore
import Telemetry
import Testing
@testable import UpstreamPool

/// Several workers of one process are shown as one.
@Suite("Merging of workers")
struct MergingTests {
    private func owner(
        _ id: UInt64,
        held: Int,
        _ verdict: Verdict = .healthy,
        since: Int64 = 0
    ) -> OwnerLine {
        var line = Fixture.owner("192.0.2.\(id)", held: held, verdict)
        line.report.key = OwnerKey(high: 0, low: id)
        line.report.since = MonotonicTime(nanoseconds: since)
        line.report.tally.opened = held * 10
        line.report.tally.firstSeen = MonotonicTime(nanoseconds: since)
        return line
    }

    private func destination(_ name: String, tunnels: Int, _ verdict: Verdict = .healthy) -> DestinationReport
    {
        DestinationReport(
            destination: DestinationID.none,
            owner: .none,
            name: name,
            verdict: verdict,
            since: .zero,
            opened: tunnels * 2,
            reaped: 1,
            tunnels: tunnels,
            quiet: tunnels,
            stalled: 0
        )
    }

    @Test("of one worker everything stays")
    func one() {
        let snapshot = Fixture.snapshot()
        let merged = ProxySnapshot(merging: [snapshot], owners: [])
        let texts = [snapshot, merged].map { snapshot in
            Fixture.text { PrometheusText.write(snapshot, to: &$0) }
                + Fixture.text { StatusJSON.write(snapshot, to: &$0) }
        }
        #expect(texts[0] == texts[1])
    }

    /// Each sample of the metrics by name and labels.
    private func samples(_ snapshot: ProxySnapshot) -> [Substring: Double] {
        let text = Fixture.text { PrometheusText.write(snapshot, to: &$0) }
        var samples: [Substring: Double] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let blank = line.lastIndex(of: " ") else { continue }
            samples[line[..<blank]] = Double(line[line.index(after: blank)...])
        }
        return samples
    }

    @Test("every counter, gauge and histogram adds up, but for what is the process's, and limits")
    func sums() {
        var snapshot = Fixture.snapshot()
        snapshot.origins = []
        snapshot.poolCounts.origins = 0
        snapshot.owners = 0
        let single = samples(snapshot)
        let merged = samples(ProxySnapshot(merging: [snapshot, snapshot, snapshot], owners: []))
        let ofTheProcess = [
            "process_", "weir_build_info", "weir_generation", "weir_reloads_total", "weir_settings_",
        ]
        #expect(merged.count > 200)
        for (name, value) in merged {
            let isWhole =
                ofTheProcess.contains { name.hasPrefix($0) } || name.hasSuffix("_limit")
                || name.contains("_limit{")
                || name.hasSuffix("_fds")
            let isOnce = isWhole || name == "weir_draining" || name == "weir_log_lines_dropped_total"
            let expected = (single[name] ?? -1) * (isOnce ? 1 : 3)
            #expect(abs(value - expected) < 0.001, "\(name): \(value) of \(single[name] ?? -1)")
        }
    }

    @Test("an origin that several have is one")
    func origins() {
        var one = Fixture.snapshot()
        one.origins = [Fixture.origin("a", idle: 1, leased: 2), Fixture.origin("b", idle: 4)]
        var other = Fixture.snapshot()
        other.origins = [
            Fixture.origin("b", idle: 1), Fixture.origin("b", 81, idle: 1), Fixture.origin("a", idle: 5),
        ]
        let merged = ProxySnapshot(merging: [one, other], owners: [])
        #expect(merged.origins.map(\.host) == ["a", "b", "b"])
        #expect(merged.origins.map(\.idle) == [6, 5, 1])
        #expect(merged.origins.map(\.leased) == [2, 0, 0])
        #expect(merged.poolCounts.origins == 3)
        #expect(merged.poolCounts.idle == 4)
    }

    @Test("an owner that several have is one, and of its verdicts the worse counts")
    func owners() throws {
        var here = owner(1, held: 3, .churning, since: 5)
        here.destinations = [destination("a:443", tunnels: 1), destination("b:443", tunnels: 2)]
        here.report.agent = ""
        var there = owner(1, held: 2, .leaking, since: 9)
        there.destinations = [destination("a:443", tunnels: 4, .leaking)]
        there.report.agent = "Go-http-client/1.1"
        there.portless = 1
        let lines = OwnerLine.merged([[here, owner(2, held: 0)], [owner(3, held: 1), there]])
        #expect(lines.map(\.report.key.low) == [1, 2, 3])
        let line = try #require(lines.first)
        #expect(line.report.verdict == .leaking && line.report.since.nanoseconds == 9)
        #expect(line.report.held == 5 && line.report.tally.opened == 50 && line.portless == 1)
        #expect(line.report.tally.firstSeen.nanoseconds == 5)
        #expect(line.report.agent == "Go-http-client/1.1")
        #expect(line.destinations.map(\.name) == ["a:443", "b:443"])
        #expect(line.destinations.map(\.tunnels) == [5, 2])
        #expect(line.destinations[0].verdict == .leaking && line.destinations[0].opened == 10)
        var snapshot = Fixture.snapshot()
        snapshot.ownersByVerdict = [9, 9, 9]
        let merged = ProxySnapshot(merging: [snapshot, snapshot], owners: lines)
        #expect(merged.owners == 2)
        #expect(merged.ownersByVerdict.reduce(0, +) == 3)
        #expect(merged.ownersByVerdict[Int(Verdict.leaking.rawValue)] == 1)
    }

    @Test("of equal verdicts the older one counts, in whatever order they come")
    func since() {
        for parts in [[5, 9], [9, 5]] as [[Int64]] {
            let lines = OwnerLine.merged(parts.map { [owner(1, held: 1, .leaking, since: $0)] })
            #expect(lines.map(\.report.since.nanoseconds) == [5])
        }
    }

    @Test("each worker has a line of its own for what it has to do")
    func loads() {
        let parts = (0..<3).map { index in
            var part = Fixture.snapshot()
            part.workers = [WorkerLoad(clients: index, upstreams: 1, requests: index * 10)]
            return part
        }
        let merged = ProxySnapshot(merging: parts, owners: [])
        let metrics = Fixture.text { PrometheusText.write(merged, to: &$0) }
        #expect(metrics.contains("weir_worker_requests_total{worker=\"2\"} 20\n"))
        #expect(metrics.contains("weir_worker_client_connections{worker=\"1\"} 1\n"))
        let status = Fixture.text { StatusJSON.write(merged, to: &$0) }
        #expect(status.contains("\"workers\":[{\"clients\":0,\"upstreams\":1,\"requests\":0},{"))
    }

    @Test("samples of the history add up")
    func samples() {
        var sample = HistorySample()
        sample.clients = 3
        sample.requests = 7
        sample.bytes = 100
        sample.durations = [1, 0, 2]
        var whole = HistorySample()
        whole.clients = 1
        whole.add(sample)
        whole.add(sample)
        #expect(whole.clients == 7 && whole.requests == 14 && whole.bytes == 200)
        #expect(whole.durations == [2, 0, 4])
    }
}
