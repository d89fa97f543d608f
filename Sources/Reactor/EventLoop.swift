public import Basics
internal import CLibevent
internal import Glibc

/// Who is told about readiness. One object per loop: the token tells which socket is meant.
public protocol ReadinessHandler: AnyObject {
    /// The socket that was watched under `token` can be read or written, or has failed: then the call that
    /// is made next says how.
    func socketReady(_ token: UInt64, readable: Bool, writable: Bool)
}

/// One thread's event loop on libevent.
///
/// Everything that belongs to a loop is used on its thread only; other threads reach it through a
/// ``Mailbox``. Nothing is freed inside its own callback: what ends during a turn lives until the turn ends.
public final class EventLoop {
    let base: OpaquePointer
    private var thread: pthread_t
    private var isStopping = false
    private var isInTurn = false
    /// Turns that have begun.
    public private(set) var turns: UInt64 = 0
    private var endedWatches: [AnyObject] = []
    private var endedEvents: [UnsafeMutablePointer<event>] = []
    private var events = EventStore()
    private var afterTurnWork: [() -> Void] = []
    private var runningWork: [() -> Void] = []

    /// Who is told about the readiness of every ``SocketWatch``. Set once, before the first watch, and not
    /// retained: the handler usually owns the loop.
    public unowned var handler: (any ReadinessHandler)?

    /// A loop for the calling thread.
    ///
    /// - Throws: `SystemError` where the kernel gives no epoll instance (EMFILE, ENFILE, ENOMEM).
    public init() throws(SystemError) {
        guard let config = event_config_new() else {
            throw SystemError("configure the event loop", code: ENOMEM)
        }
        defer { event_config_free(config) }
        // Only one thread ever touches the base, so libevent need not lock; and what the loop does is not
        // to depend on EVENT_* variables that the service's environment happens to hold. No precise timer:
        // that would be one timerfd_settime(2) per turn, and LoopTimer checks the clock itself.
        let flags = EVENT_BASE_FLAG_NOLOCK.rawValue | EVENT_BASE_FLAG_IGNORE_ENV.rawValue
        event_config_set_flag(config, Int32(flags))
        errno = 0
        guard let base = event_base_new_with_config(config) else {
            throw SystemError("create the event loop", code: errno == 0 ? ENOMEM : errno)
        }
        self.base = base
        thread = pthread_self()
        handler = nil
    }

    deinit {
        precondition(!isInTurn, "the event loop was released by its own callback")
        event_base_free(base)
        events.deallocate()
    }

    /// The monotonic clock, read without entering the kernel.
    public var now: MonotonicTime { EventLoop.readClock() }

    /// The monotonic clock for code that has no loop at hand.
    public static func readClock() -> MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// Turns until ``stop()`` is called; the loop now belongs to the calling thread. Waits also while
    /// nothing is watched.
    public func run() {
        thread = pthread_self()
        while !isStopping { turn() }
        isStopping = false
    }

    /// Ends ``run()`` when the present turn has ended; called before `run()`, makes that return at once.
    public func stop() {
        assertOnThread()
        isStopping = true
    }

    /// Waits for readiness, a signal or a timer (not at all, unless `waiting`), calls whom it concerns, then
    /// frees what ended and does what ``afterTurn(_:)`` was given.
    public func turn(waiting: Bool = true) {
        assertOnThread()
        precondition(!isInTurn, "a callback must not turn the loop")
        let wait = waiting && afterTurnWork.isEmpty
        let flags = wait ? EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY : EVLOOP_NONBLOCK
        isInTurn = true
        turns &+= 1
        let result = event_base_loop(base, flags)
        isInTurn = false
        precondition(result >= 0, "epoll_wait failed")
        endTurn()
    }

    private func endTurn() {
        if !endedEvents.isEmpty {
            for event in endedEvents { events.give(event) }
            endedEvents.removeAll(keepingCapacity: true)
        }
        if !endedWatches.isEmpty { endedWatches.removeAll(keepingCapacity: true) }
        if afterTurnWork.isEmpty { return }
        // Work that asks for more work gets it after the next turn, which then does not wait.
        swap(&afterTurnWork, &runningWork)
        for work in runningWork { work() }
        runningWork.removeAll(keepingCapacity: true)
    }

    /// Does `work` once when every callback of the present turn has been made; outside a turn, after the
    /// next one, which then does not wait.
    public func afterTurn(_ work: @escaping () -> Void) {
        assertOnThread()
        afterTurnWork.append(work)
    }

    /// Traps where a caller is not on the loop's thread.
    public func assertOnThread() {
        precondition(pthread_equal(thread, pthread_self()) != 0, "not on the event loop's thread")
    }

    /// Keeps a watch alive until no callback of the present turn can still be running in it.
    func keepUntilTurnEnds(_ watch: AnyObject) {
        if isInTurn { endedWatches.append(watch) }
    }

    /// Room for an event, until `free`.
    func makeEvent() -> UnsafeMutablePointer<event> { events.take() }

    /// Frees a deleted event, not before the present turn has ended: it may be the one being called.
    func free(_ event: UnsafeMutablePointer<event>) {
        if isInTurn { endedEvents.append(event) } else { events.give(event) }
    }
}
