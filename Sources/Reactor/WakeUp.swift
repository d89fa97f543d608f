public import Basics
internal import CLibevent
internal import Glibc

/// Wakes the one thread that waits for it, be it now or when it comes to wait: raised several times
/// meanwhile, it wakes once.
public final class WakeUp: Sendable {
    private let descriptor: Int32

    /// - Throws: `SystemError` where there is no descriptor to be had.
    public init() throws(SystemError) {
        descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        if descriptor < 0 { throw SystemError("create a wake-up", code: errno) }
    }

    deinit { Sockets.close(descriptor) }

    /// From any thread, without waiting.
    public func raise() {
        var one: UInt64 = 1
        // "Would block" means that the counter is full, so that the thread wakes anyway.
        _ = SystemCall.attempt("raise a wake-up") { Glibc.write(descriptor, &one, 8) }
    }

    /// Waits until it is raised, and takes that back.
    ///
    /// - Returns: false where `limit` passed first.
    public func wait(within limit: Interval = .unlimited) -> Bool {
        let deadline = EventLoop.readClock() + limit
        while true {
            var counter: UInt64 = 0
            let outcome = SystemCall.attempt("take a wake-up") { Glibc.read(descriptor, &counter, 8) }
            if case .value = outcome { return true }
            // Rounded up, or the last millisecond would be spent spinning.
            let left = limit.isUnlimited ? -1 : deadline.since(EventLoop.readClock()).inMilliseconds + 1
            if left == 1 && EventLoop.readClock() >= deadline { return false }
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            poll(&entry, 1, Int32(clamping: left))
        }
    }
}
