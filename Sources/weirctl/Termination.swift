import Basics
import Glibc

/// SIGTERM and SIGINT as the end of a wait, not of the process: what goes on until somebody ends it can then
/// end in good order.
struct Termination {
    private var signals = sigset_t()

    /// From now on these signals are kept until they are waited for.
    init() {
        sigemptyset(&signals)
        for number in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, number) }
        sigprocmask(SIG_BLOCK, &signals, nil)
        // Whoever stopped reading has seen enough; a write then says so.
        signal(SIGPIPE, SIG_IGN)
    }

    /// Waits; true where a signal has come, or came before.
    mutating func wait(_ interval: Interval) -> Bool {
        var time = timespec(
            tv_sec: Int(interval.nanoseconds / 1_000_000_000),
            tv_nsec: Int(interval.nanoseconds % 1_000_000_000)
        )
        // Interrupted by another signal, the wait is short once.
        return sigtimedwait(&signals, nil, &time) > 0
    }
}
