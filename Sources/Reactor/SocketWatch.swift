internal import CLibevent

/// Tells the loop's handler when one socket can be read or written, level-triggered.
///
/// Order of ending: ``invalidate()``, then close the descriptor, then let go of the watch. Costs 184 bytes
/// of memory (128 more while writability is wanted) and no system call while nothing changes. Whoever keeps more
/// for a socket is a subclass: one object for each of tens of thousands, not two.
open class SocketWatch {
    private var events: DescriptorEvents
    /// What the handler is given: names the socket's present user, generation included.
    public final var token: UInt64
    /// The socket, which the watch does not own.
    public final var descriptor: Int32 { events.descriptor }
    /// Whether readability is reported.
    public final var isReading: Bool { events.isReading }
    /// Whether writability is reported.
    public final var isWriting: Bool { events.isWriting }

    /// Watches for nothing yet.
    public init(loop: EventLoop, descriptor: Int32, token: UInt64) {
        events = DescriptorEvents(loop: loop, descriptor: descriptor)
        self.token = token
        events.attach(self, socketReady)
    }

    deinit { events.deallocate() }

    /// Whether to report readability, end of file and failure included.
    ///
    /// - Returns: false where the kernel has no room to watch this socket; then the caller closes it.
    @discardableResult
    public final func setReading(_ on: Bool) -> Bool { events.setReading(on) }

    /// Whether to report writability; wanted only while bytes wait that the kernel would not take, or
    /// during connect(2).
    ///
    /// - Returns: false where the kernel has no room to watch this socket; then the caller closes it.
    @discardableResult
    public final func setWriting(_ on: Bool) -> Bool { events.setWriting(on, self, socketReady) }

    /// Ends the watch: not even readiness that was already seen in this turn is reported any more. Must come
    /// before the descriptor is closed, or the next socket of that number would be missed.
    public final func invalidate() {
        events.invalidate()
        events.loop.keepUntilTurnEnds(self)
    }

    fileprivate final func report(_ what: Int16) {
        let what = Int32(what)
        events.loop.handler?.socketReady(token, readable: what & EV_READ != 0, writable: what & EV_WRITE != 0)
    }
}

private func socketReady(_ descriptor: Int32, _ what: Int16, _ context: UnsafeMutableRawPointer?) {
    guard let context else { fatalError("libevent lost the watch") }
    // Not retained: a watch that ends during this call is kept by the loop until the turn ends.
    Unmanaged<SocketWatch>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.report(what) }
}
