public import Basics
internal import Glibc

// Which process is the service's, and that it lives: sd_notify(3), sd_watchdog_enabled(3).
extension ServiceNotifier {
    /// Another process of the service is its main one from now on. Only the main process may say so, and
    /// anything at all with `NotifyAccess=main`.
    @discardableResult
    public func mainProcess(_ pid: Int32, status: String) -> Bool {
        send("MAINPID=\(pid)\nSTATUS=\(oneLine(status))")
    }

    /// The process is alive, for a service with `WatchdogSec=`.
    @discardableResult
    public func alive() -> Bool { send("WATCHDOG=1") }

    /// After how long without ``alive()`` the service manager takes this process for hung, by sd_watchdog_enabled(3);
    /// nil where it does not watch it.
    public static func watchdogInterval() -> Interval? {
        guard let text = getenv("WATCHDOG_USEC"), let microseconds = Int64(String(cString: text)),
            microseconds > 0, microseconds < Int64.max / 1000
        else { return nil }
        if let pid = getenv("WATCHDOG_PID"), Int32(String(cString: pid)) != getpid() { return nil }
        return Interval(nanoseconds: microseconds * 1000)
    }
}
