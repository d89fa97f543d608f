public import Basics
internal import CLibevent

/// One timer of a loop. Arming it later than it already stands costs nothing: it goes off early, sees that,
/// and goes back to sleep. So a deadline that is pushed back on every exchange never touches libevent.
public final class LoopTimer {
    private let loop: EventLoop
    private let event: UnsafeMutablePointer<event>
    private let fire: () -> Void
    private var deadline = MonotonicTime.never
    /// When libevent calls next; `never` while it was not asked.
    private var wakeUp = MonotonicTime.never

    /// A timer that is not armed. `fire` is called on the loop's thread, never before the deadline.
    public init(loop: EventLoop, _ fire: @escaping () -> Void) {
        loop.assertOnThread()
        self.loop = loop
        self.fire = fire
        event = loop.makeEvent()
        let context = Unmanaged.passUnretained(self).toOpaque()
        let result = event_assign(event, loop.base, -1, 0, timerWokeUp, context)
        precondition(result == 0, "event_assign failed")
    }

    deinit {
        event_del(event)
        loop.free(event)
    }

    /// When the timer is to fire; `never` while it is not armed.
    public var armedFor: MonotonicTime { deadline }

    /// Fires once when `deadline` has passed (at once if it has), instead of whatever was armed before.
    /// `never` means not at all.
    public func arm(at deadline: MonotonicTime) {
        self.deadline = deadline
        if deadline < wakeUp { schedule(for: deadline) }
    }

    /// Takes the deadline back.
    public func disarm() {
        deadline = .never
        if wakeUp == .never { return }
        wakeUp = .never
        event_del(event)
    }

    private func schedule(for time: MonotonicTime) {
        // A day at most, so that no sum overflows: it wakes, sees that it is early and sleeps on. Rounded
        // up, or it would wake a microsecond early and go round again.
        let nanoseconds = min(time.since(loop.now).nanoseconds, 86_400_000_000_000)
        let microseconds = (nanoseconds + 999) / 1000
        var delay = timeval(tv_sec: Int(microseconds / 1_000_000), tv_usec: Int(microseconds % 1_000_000))
        let result = event_add(event, &delay)
        precondition(result == 0, "event_add failed for a timer")
        wakeUp = time
    }

    fileprivate func wokeUp() {
        wakeUp = .never
        if deadline == .never { return }
        // Early because the deadline was moved, or because libevent counts from when the turn began, on a
        // clock that ticks every few milliseconds.
        if loop.now < deadline { return schedule(for: deadline) }
        deadline = .never
        fire()
    }
}

private func timerWokeUp(_ descriptor: Int32, _ what: Int16, _ context: UnsafeMutableRawPointer?) {
    guard let context else { fatalError("libevent lost the timer") }
    // Retained, as `fire` may let go of the timer.
    Unmanaged<LoopTimer>.fromOpaque(context).takeUnretainedValue().wokeUp()
}
