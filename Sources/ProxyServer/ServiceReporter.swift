import Basics
import Reactor

/// Tells the service manager how weir is doing: ready, reloading, stopping; a line of live figures; and, for a
/// service with `WatchdogSec=`, that the loops turn.
///
/// Nothing of it wakes up an idle process but the watchdog: the figures are looked at only after something has
/// happened, and at a modest pace.
final class ServiceReporter {
    private let loop: EventLoop
    private let notifier: ServiceNotifier
    private let figures: () -> String
    private let areAlive: (@escaping () -> Void) -> Void
    private var isAsking = false
    private var statusTimer: LoopTimer?
    private var watchdog: LoopTimer?
    private var lastStatus = ""
    private let pace: Interval

    /// Nil where no service manager listens.
    ///
    /// - Parameters:
    ///   - pace: between two looks at the figures.
    ///   - areAlive: calls what it is given as soon as all other loops have been seen turning.
    ///   - figures: what `systemctl status` is to show now.
    init?(
        loop: EventLoop,
        notifier: ServiceNotifier? = ServiceNotifier(),
        pace: Interval = .seconds(5),
        areAlive: @escaping (@escaping () -> Void) -> Void = { $0() },
        figures: @escaping () -> String
    ) {
        guard let notifier else { return nil }
        self.pace = pace
        self.loop = loop
        self.notifier = notifier
        self.figures = figures
        self.areAlive = areAlive
        statusTimer = LoopTimer(loop: loop) { [unowned self] in tellFigures() }
    }

    /// Connections are accepted. `remark` is told beside the figures, until they change.
    func ready(remark: String? = nil) {
        let status = figures()
        lastStatus = status
        notifier.ready(status: remark.map { "\($0); \(status)" } ?? status)
        if watchdog == nil { watch() }
    }

    /// Settings are being read again; `ready` must follow.
    func reloading() { notifier.reloading(now: loop.now) }

    /// The process is draining.
    func stopping() {
        lastStatus = figures()
        notifier.stopping(status: lastStatus)
    }

    /// The other process tells from now on.
    func handOver(to pid: Int32) {
        statusTimer = nil
        watchdog = nil
        notifier.mainProcess(pid, status: "process \(pid) takes over")
    }

    /// Something has happened that may have changed the figures.
    func noteActivity() {
        guard let statusTimer, statusTimer.armedFor == .never else { return }
        statusTimer.arm(at: loop.now + pace)
    }

    private func tellFigures() {
        let status = figures()
        if status == lastStatus { return }
        lastStatus = status
        notifier.status(status)
    }

    /// A loop that hangs sends nothing, and the manager starts weir anew.
    private func watch() {
        guard let interval = ServiceNotifier.watchdogInterval() else { return }
        let pace = interval.scaled(by: 1, over: 2)
        watchdog = LoopTimer(loop: loop) { [unowned self] in
            tellAlive()
            watchdog?.arm(at: loop.now + pace)
        }
        tellAlive()
        watchdog?.arm(at: loop.now + pace)
    }

    /// Says nothing while one of the loops does not answer.
    private func tellAlive() {
        if isAsking { return }
        isAsking = true
        areAlive { [weak self] in
            guard let self else { return }
            isAsking = false
            // Another process may tell by now.
            if watchdog != nil { notifier.alive() }
        }
    }
}
