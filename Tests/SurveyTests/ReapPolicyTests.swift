import Basics
import ClientPolicy
import Testing

@testable import Survey

@Suite("Reap policy on populations of apps")
struct ReapPolicyTests {
    private static let leakStart = 5_000
    private static let end = 60_000

    @Test("a leak never holds more than its ports", arguments: [50.0, 110, 200])
    func leak(rate: Double) {
        for start in [0, 1, 137, 249, 333, 777] {
            var run = ReapRun()
            let leak = Populations.leak(rate: rate, from: Self.leakStart + start, until: Self.end)
            run.play(leak, until: Self.end, capacity: 500)
            #expect(run.peak < 460, "\(rate)/s from \(start): \(run.peak)")
            #expect(run.policy.isLeaking)
            #expect(run.cuts["leak", default: 0] > leak.count - 450)
        }
    }

    @Test("a leak over TLS, with session tickets or without, is found as well", arguments: [true, false])
    func leakTLS(tickets: Bool) {
        var run = ReapRun()
        let leak = Populations.leakTLS(rate: 200, from: Self.leakStart, until: Self.end, tickets: tickets)
        run.play(leak, until: Self.end, capacity: 500)
        #expect(run.peak < 460, "\(run.peak)")
    }

    @Test("a slow leak is kept to the budget and what the timeout lets gather")
    func slowLeak() {
        var run = ReapRun()
        let end = 600_000
        run.play(Populations.leak(rate: 0.2, from: 0, until: end), until: end)
        #expect(run.peak < 8 + 26, "\(run.peak)")
        #expect(run.cuts["leak", default: 0] > 60)
    }

    @Test("after a leak the budget is what is left")
    func afterwards() {
        var run = ReapRun()
        let leak = Populations.leak(rate: 200, from: 1000, until: 11_000)
        run.play(leak, until: 20_000, capacity: 500)
        #expect(run.policy.held == 8)
        #expect(run.cuts["leak"] == leak.count - 8)
    }

    @Test("whoever was there before a leak, and works, waits or streams, is not cut by it")
    func neighbours() {
        for varies in [false, true] {
            var run = ReapRun()
            let healthy = [
                Populations.keepAlive(every: 20_000, from: 1000, until: 130_000),
                Populations.events(every: 30_000, from: 1100, until: 130_000),
                Populations.slow(takes: 60_000, tickets: false, from: 1200, until: 130_000),
                Populations.slow(takes: 60_000, tickets: true, from: 1300, until: 130_000),
            ]
            let leak = Populations.leak(rate: 110, from: Self.leakStart, until: 130_000, varies: varies)
            run.play(healthy + leak, until: 130_000, capacity: 500)
            #expect(run.cuts.keys.sorted() == ["leak"], "\(run.cuts)")
        }
    }

    @Test("what begins amid a leak and is unlike it is not cut")
    func latecomers() {
        var run = ReapRun()
        let healthy = [
            Populations.events(every: 30_000, from: 20_100, until: 130_000),
            Populations.slow(takes: 50_000, tickets: false, from: 20_200, until: 130_000),
            Populations.slow(takes: 50_000, tickets: true, from: 20_300, until: 130_000),
            Populations.keepAlive(every: 1_500, from: 20_400, until: 130_000),
        ]
        let leak = Populations.leakTLS(rate: 110, from: Self.leakStart, until: 130_000, tickets: true)
        run.play(healthy + leak, until: 130_000, capacity: 500)
        #expect(run.cuts.keys.sorted() == ["leak"], "\(run.cuts)")
    }

    @Test("answers awaited behind session tickets are told by having received less", arguments: [5, 60])
    func awaitedBehindTickets(rate: Double) {
        // Twenty at a time, far more than the budget keeps, each an answer of 3 s.
        var slow: [Timeline] = []
        for start in stride(from: 20_000, to: 50_000, by: 150) {
            slow.append(Populations.slow(takes: 3000, tickets: true, from: start, until: start + 3001))
        }
        let leak = Populations.leakTLS(rate: rate, from: Self.leakStart, until: 60_000, tickets: true)
        var run = ReapRun()
        run.play(leak + slow.map(Self.waitingOnly), until: 60_000)
        #expect(run.cuts["slow", default: 0] == 0, "\(run.cuts)")
        #expect(run.cuts["leak", default: 0] > leak.count - 160)
    }

    @Test("small answers that are leaked beside larger ones are spared up to a bound")
    func smallAnswers() {
        let large = Populations.leak(rate: 50, from: 1000, until: 60_000, answer: 900)
        let small = Populations.leak(rate: 5, from: 1000, until: 60_000, answer: 120)
        var run = ReapRun()
        run.play(large + small, until: 60_000)
        #expect(run.policy.held < 8 + 64 + 3 * 55, "\(run.policy.held)")
        #expect(run.cuts["leak", default: 0] > large.count)
    }

    /// Closed by the app as soon as its answer came.
    private static func waitingOnly(_ timeline: Timeline) -> Timeline {
        var timeline = timeline
        timeline.events.removeLast()
        timeline.closed = timeline.events.last.map { $0.at + 1 }
        return timeline
    }

    @Test("a client with a pool is never called leaking, nor is what it uses cut")
    func pools() {
        for seed in 0..<60 as Range<UInt64> {
            var run = ReapRun()
            let rate = [0.5, 5, 50][Int(seed % 3)]
            run.play(Populations.pool(requestsPerSecond: rate, until: 55_000, seed: seed), until: 55_000)
            #expect(run.cuts.isEmpty, "seed \(seed): \(run.cuts)")
            #expect(!run.policy.isLeaking, "seed \(seed)")
        }
    }

    @Test("processes forked beforehand, each with a client of its own, are not called leaking")
    func prefork() {
        for seed in 0..<60 as Range<UInt64> {
            var random = RandomSource(seed: seed)
            let processes = (0..<(2 + random.below(24))).map { _ in
                let every = 500 + random.below(15_000)
                return Populations.keepAlive(every: every, from: random.below(20_000), until: 55_000)
            }
            var run = ReapRun()
            run.play(processes, until: 55_000)
            #expect(run.cuts.isEmpty, "seed \(seed): \(run.cuts)")
            #expect(!run.policy.isLeaking, "seed \(seed)")
        }
    }

    @Test("connections that the app closes itself are churn, no leak")
    func churn() {
        let closed = Populations.leak(rate: 20, from: 1000, until: 40_000).map { timeline in
            var timeline = timeline
            timeline.closed = timeline.opened + 1500
            return timeline
        }
        var run = ReapRun()
        run.play(closed, until: 45_000)
        #expect(run.cuts.isEmpty)
        #expect(!run.policy.isLeaking)
    }

    @Test("a verdict changes once, with what it stands on")
    func verdict() throws {
        var policy = ReapPolicy(limits: ReapLimits())
        let leak = Populations.leak(rate: 100, from: 1000, until: 4000)
        var seen: [ReapVerdict] = []
        for now in stride(from: 0, to: 4000, by: 250) {
            let shown = leak.enumerated().compactMap { $1.look(id: UInt64($0), at: now) }
            let time = MonotonicTime(nanoseconds: Int64(now) * 1_000_000)
            _ = policy.observe(shown, ports: PortUse(range: ReapRun.ports), now: time)
            seen += policy.changes
        }
        let change = try #require(seen.first)
        #expect(seen.count == 1)
        #expect(change.former == .healthy)
        #expect(change.verdict == .leaking)
        #expect(change.evidence >= 26)
        #expect(change.held >= change.idle)
        #expect(policy.reports().first?.verdict == .leaking)
    }
}
