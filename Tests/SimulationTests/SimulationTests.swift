import Basics
import Foundation
import ProxyCore
import ProxySimulation
import Testing

/// The whole proxy in virtual time.
///
/// `WEIR_SIM_SEEDS=n` runs n seeds (200 by default, which is what an unoptimised build does in seconds);
/// `WEIR_SIM_FIRST=n` begins with another seed than 0; `WEIR_SIM_SEED=n` replays one and prints what
/// happened.
@Suite("Simulation")
struct SimulationTests {
    static let environment = ProcessInfo.processInfo.environment
    static let seeds = UInt64(environment["WEIR_SIM_SEEDS"] ?? "") ?? 200
    static let first = UInt64(environment["WEIR_SIM_FIRST"] ?? "") ?? 0
    static let replayed = UInt64(environment["WEIR_SIM_SEED"] ?? "")
    static let shards = 8
    /// From so many seeds on every outcome must have occurred.
    static let seedsForCoverage: UInt64 = 10_000

    @Test("no seed makes an oracle speak, and every outcome occurs", .enabled(if: replayed == nil))
    func seeds() async {
        CrashNote.install()
        let outcomes = await withTaskGroup(of: [Int].self) { group in
            for shard in 0..<Self.shards { group.addTask { Self.runShard(shard) } }
            var sum = [Int](repeating: 0, count: Cause.allCases.count)
            for await part in group { for cause in sum.indices { sum[cause] += part[cause] } }
            return sum
        }
        guard Self.seeds >= Self.seedsForCoverage else { return }
        for cause in Cause.allCases where cause != .stopped {
            #expect(outcomes[Int(cause.rawValue)] > 0, "no run ended an exchange with \(cause)")
        }
    }

    private static func runShard(_ shard: Int) -> [Int] {
        var outcomes = [Int](repeating: 0, count: Cause.allCases.count)
        var seed = first + UInt64(shard)
        while seed < first + seeds {
            CrashNote.note(seed, shard)
            let report = Simulation.run(seed: seed, stride: 3)
            for violation in report.violations {
                Issue.record("seed \(seed): \(violation) (replay with WEIR_SIM_SEED=\(seed))")
            }
            for cause in outcomes.indices { outcomes[cause] += report.statistics.outcomes[cause] }
            seed += UInt64(shards)
        }
        return outcomes
    }

    @Test("a seed is replayed with everything that happened", .enabled(if: replayed != nil))
    func replay() throws {
        let seed = try #require(Self.replayed)
        CrashNote.install()
        CrashNote.note(seed, 0)
        let report = Simulation.run(seed: seed, isTraced: true)
        for line in report.trace { print(line) }
        #expect(report.violations.isEmpty)
    }

    @Test("the same seed is the same run")
    func sameSeed() {
        for seed in UInt64(0)..<20 {
            let runs = (0..<2).map { _ in Simulation.run(seed: seed, isTraced: true) }
            #expect(runs[0].trace == runs[1].trace, "seed \(seed)")
        }
    }

    @Test("its oracle sees a planted bug", arguments: PlantedBug.allCases)
    func oracleSees(_ bug: PlantedBug) {
        let seen = (UInt64(0)..<3000).contains { seed in
            Simulation.run(seed: seed, bug: bug, stride: 1000).violations.contains { $0.oracle == bug.oracle }
        }
        #expect(seen, "\(bug) was not seen by the oracle for \(bug.oracle)")
    }

    @Test("leaks are found in some worlds, so that their neighbours have something to fear")
    func leaksAreFound() {
        let worlds = (UInt64(0)..<300).count {
            Simulation.run(seed: $0, stride: 1000).statistics.leaksFound > 0
        }
        #expect(worlds >= 10)
    }

    @Test("clients that do not know of the proxy are served from the pool and relayed in many worlds")
    func interceptions() {
        var counts = [Int](repeating: 0, count: InterceptedKind.allCases.count)
        for seed in UInt64(0)..<300 {
            let intercepted = Simulation.run(seed: seed, stride: 1000).statistics.intercepted
            for kind in counts.indices { counts[kind] += intercepted[kind] }
        }
        #expect(counts[Int(InterceptedKind.http.rawValue)] > 100)
        #expect(counts[Int(InterceptedKind.raw.rawValue)] > 100)
    }

    @Test("every oracle has a planted bug")
    func everyOracleIsProven() {
        #expect(Set(PlantedBug.allCases.map(\.oracle)) == Set(Oracle.allCases))
    }
}
