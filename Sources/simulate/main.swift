import Glibc
import ProxyCore
import ProxySimulation
import Synchronization

/// Runs the whole proxy in virtual time for many seeds, optimised: `simulate [COUNT [FIRST]]`; or the verdict on
/// a population of apps: `simulate population [COUNT]`.
///
/// Ends with the plain line "N passed, N failed" and status 1 where an oracle spoke. A seed that did is
/// replayed, with everything that happened, by `WEIR_SIM_SEED=n swift test --filter SimulationTests`.
enum Simulate {
    /// The seed that is running, for the handler of the trap that a broken invariant ends in.
    private static let running = Atomic<UInt64>(0)

    static func main() -> Int32 {
        if CommandLine.arguments.dropFirst().first == "population" {
            return judgePopulation(CommandLine.arguments.dropFirst(2).first.flatMap { UInt64($0) } ?? 3000)
        }
        let arguments = CommandLine.arguments.dropFirst().compactMap { UInt64($0) }
        let count = arguments.first ?? 10_000
        let first = arguments.count > 1 ? arguments[1] : 0
        for number in [SIGILL, SIGTRAP] { signal(number) { _ in Simulate.tell() } }
        var failed = 0
        var events = 0
        var outcomes = [Int](repeating: 0, count: Cause.allCases.count)
        for seed in first..<first + count {
            running.store(seed, ordering: .relaxed)
            let report = Simulation.run(seed: seed)
            events += report.events
            for cause in outcomes.indices { outcomes[cause] += report.statistics.outcomes[cause] }
            if report.violations.isEmpty { continue }
            failed += 1
            for violation in report.violations.prefix(3) { print("seed \(seed): \(violation)") }
        }
        for cause in Cause.allCases { print("\(cause) \(outcomes[Int(cause.rawValue)])", terminator: "  ") }
        print("\n\(count) seeds from \(first), \(events) events, invariants checked after each")
        print("\(Int(count) - failed) passed, \(failed) failed")
        return failed == 0 ? 0 : 1
    }

    /// So many apps of each kind: how many were called leaking, and after how many leaked connections.
    private static func judgePopulation(_ count: UInt64) -> Int32 {
        var wrong = 0
        for kind in AppKind.allCases {
            let outcomes = (0..<count).map { AppRun.play(kind, seed: $0) }
            let found = outcomes.filter(\.wasLeaking)
            wrong +=
                kind.isLeaky
                ? outcomes.count { !$0.wasLeaking && $0.mostParked > kind.unnoticed } : found.count
            let missed = kind.isLeaky ? outcomes.filter { !$0.wasLeaking }.map(\.mostParked) : []
            let leaked = found.compactMap(\.leakedUntilFound).sorted()
            let most = outcomes.map(\.mostParked).max() ?? 0
            var line = "\(kind.rawValue): \(found.count) of \(count) called leaking, most parked \(most)"
            if !leaked.isEmpty {
                line +=
                    ", leaked until found: median \(leaked[leaked.count / 2]), most \(leaked[leaked.count - 1])"
            }
            if let most = missed.max() { line += "; missed ones held \(most) at most" }
            print(line)
        }
        print("\(AppKind.allCases.count * Int(count) - wrong) passed, \(wrong) failed")
        return wrong == 0 ? 0 : 1
    }

    /// Does only what a signal handler may.
    private static func tell() {
        var text: [UInt8] = [10]
        var seed = running.load(ordering: .relaxed)
        repeat {
            text.insert(UInt8(48 + seed % 10), at: 0)
            seed /= 10
        } while seed > 0
        text.insert(contentsOf: "an invariant broke: WEIR_SIM_SEED=".utf8, at: 0)
        _ = write(STDERR_FILENO, text, text.count)
        _exit(134)
    }
}

exit(Simulate.main())
