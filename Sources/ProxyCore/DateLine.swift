public import Basics

/// The Date field of responses that have none (RFC 9110 §6.6.1), written once a second.
///
/// The engine reads no clock: it is told now and then by how much civil time is ahead of its own. Until then
/// it has no clock in the sense of the RFC, and adds nothing.
struct DateLine {
    /// Nanoseconds by which civil time is ahead.
    private var offset: Int64?
    private var second = Int64.min
    private var line = ByteBuffer()

    /// Civil time was read.
    mutating func set(_ time: WallTime, at now: MonotonicTime) {
        offset = time.seconds * 1_000_000_000 + Int64(time.nanoseconds) - now.nanoseconds
    }

    /// Appends the field line of the instant.
    mutating func append(_ now: MonotonicTime, to out: inout ByteBuffer) {
        guard let offset else { return }
        let current = (now.nanoseconds + offset) / 1_000_000_000
        if current != second {
            second = current
            line.removeAll()
            line.append("Date: ")
            WallTime(seconds: current, nanoseconds: 0).appendHTTPDate(to: &line)
            line.append("\r\n")
        }
        out.append(line.span)
    }
}

extension ProxyEngine {
    /// Civil time was read; it may have jumped since the last reading. Nothing is decided by it.
    public mutating func clockRead(_ time: WallTime, now: MonotonicTime) {
        dates.set(time, at: now)
    }
}
