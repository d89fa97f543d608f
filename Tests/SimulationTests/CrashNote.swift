import Foundation
import Synchronization

/// A broken invariant traps inside the engine, and then no report is made: the seeds that were running
/// are written to standard error from the signal handler.
enum CrashNote {
    private static let running = (0..<8).map { _ in Holder() }

    private final class Holder: Sendable {
        let seed = Atomic<UInt64>(.max)
    }

    static func note(_ seed: UInt64, _ shard: Int) {
        running[shard].seed.store(seed, ordering: .relaxed)
    }

    static func install() {
        for number in [SIGILL, SIGTRAP] { signal(number) { _ in CrashNote.tell() } }
    }

    /// Ends the process without letting anything else run: only what a signal handler may do.
    private static func tell() {
        for holder in running {
            var seed = holder.seed.load(ordering: .relaxed)
            if seed == .max { continue }
            var text: [UInt8] = []
            repeat {
                text.insert(UInt8(48 + seed % 10), at: 0)
                seed /= 10
            } while seed > 0
            let line = Array("an invariant broke; running: WEIR_SIM_SEED=".utf8) + text + [10]
            _ = write(2, line, line.count)
        }
        _exit(134)
    }
}
