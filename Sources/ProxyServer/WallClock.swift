import Basics
import Glibc
import Telemetry

/// The system's civil time, for log lines and Date; it may jump, so nothing is decided by it.
enum WallClock {
    /// The present instant.
    static var now: WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(seconds: Int64(time.tv_sec), nanoseconds: Int32(time.tv_nsec))
    }
}
