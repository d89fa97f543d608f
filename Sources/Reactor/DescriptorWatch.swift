internal import CLibevent

/// Calls a closure when one descriptor can be read or written, level-triggered: for the few descriptors that
/// are not connections (listeners, resolver sockets, eventfds).
///
/// Order of ending: ``invalidate()``, then close the descriptor, then let go of the watch.
public final class DescriptorWatch {
    private var events: DescriptorEvents
    private var onReady: ((_ readable: Bool, _ writable: Bool) -> Void)?
    /// The descriptor, which the watch does not own.
    public var descriptor: Int32 { events.descriptor }
    /// Whether readability is reported.
    public var isReading: Bool { events.isReading }
    /// Whether writability is reported.
    public var isWriting: Bool { events.isWriting }

    /// Watches for nothing yet. `onReady` is let go by ``invalidate()``.
    public init(
        loop: EventLoop,
        descriptor: Int32,
        onReady: @escaping (_ readable: Bool, _ writable: Bool) -> Void
    ) {
        events = DescriptorEvents(loop: loop, descriptor: descriptor)
        self.onReady = onReady
        events.attach(self, descriptorReady)
    }

    deinit { events.deallocate() }

    /// Whether to report readability. False where the kernel has no room to watch the descriptor.
    @discardableResult
    public func setReading(_ on: Bool) -> Bool { events.setReading(on) }

    /// Whether to report writability. False where the kernel has no room to watch the descriptor.
    @discardableResult
    public func setWriting(_ on: Bool) -> Bool { events.setWriting(on, self, descriptorReady) }

    /// Ends the watch; must come before the descriptor is closed.
    public func invalidate() {
        events.invalidate()
        onReady = nil
        events.loop.keepUntilTurnEnds(self)
    }

    fileprivate func report(_ what: Int16) {
        let what = Int32(what)
        onReady?(what & EV_READ != 0, what & EV_WRITE != 0)
    }
}

private func descriptorReady(_ descriptor: Int32, _ what: Int16, _ context: UnsafeMutableRawPointer?) {
    guard let context else { fatalError("libevent lost the watch") }
    // Not retained: a watch that ends during this call is kept by the loop until the turn ends.
    Unmanaged<DescriptorWatch>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.report(what) }
}
