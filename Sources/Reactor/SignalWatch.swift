internal import CLibevent
internal import Glibc

/// Turns a signal into an event of the loop. One loop of the process may watch signals at a time: libevent
/// has a single place where its signal handler finds the loop.
public final class SignalWatch {
    private let loop: EventLoop
    private let event: UnsafeMutablePointer<event>
    private let handler: () -> Void

    /// Calls `handler` on the loop's thread for each arrival, several close together possibly once. The
    /// former disposition of the signal returns when the watch is released.
    public init(loop: EventLoop, signal: Int32, _ handler: @escaping () -> Void) {
        loop.assertOnThread()
        self.loop = loop
        self.handler = handler
        event = loop.makeEvent()
        let context = Unmanaged.passUnretained(self).toOpaque()
        let what = Int16(EV_SIGNAL | EV_PERSIST)
        let assigned = event_assign(event, loop.base, signal, what, signalArrived, context)
        precondition(assigned == 0 && event_add(event, nil) == 0, "cannot watch signal \(signal)")
    }

    deinit {
        event_del(event)
        loop.free(event)
    }

    /// Has the process ignore a signal, such as SIGPIPE from a log reader that went away.
    public static func ignore(_ signal: Int32) {
        _ = Glibc.signal(signal, SIG_IGN)
    }

    fileprivate func arrived() { handler() }
}

private func signalArrived(_ signal: Int32, _ what: Int16, _ context: UnsafeMutableRawPointer?) {
    guard let context else { fatalError("libevent lost the signal watch") }
    // Retained, as the handler may let go of the watch.
    Unmanaged<SignalWatch>.fromOpaque(context).takeUnretainedValue().arrived()
}
