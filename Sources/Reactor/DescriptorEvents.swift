internal import CLibevent

/// The two libevent events of one descriptor: a persistent read event for the whole life of the watch, and a
/// write event that exists only while writability is wanted, which for most sockets is never.
struct DescriptorEvents {
    typealias Callback = @convention(c) (Int32, Int16, UnsafeMutableRawPointer?) -> Void

    let loop: EventLoop
    private let readEvent: UnsafeMutablePointer<event>
    private var writeEvent: UnsafeMutablePointer<event>?
    let descriptor: Int32
    private(set) var isReading = false

    /// Watches nothing yet; ``attach(_:_:)`` must follow.
    init(loop: EventLoop, descriptor: Int32) {
        loop.assertOnThread()
        precondition(descriptor >= 0)
        self.loop = loop
        self.descriptor = descriptor
        readEvent = loop.makeEvent()
    }

    /// Names whom the read event calls. `context` is not retained.
    func attach(_ context: AnyObject, _ callback: @escaping Callback) {
        assign(readEvent, Int16(EV_READ | EV_PERSIST), context, callback)
    }

    private func assign(
        _ event: UnsafeMutablePointer<event>,
        _ what: Int16,
        _ context: AnyObject,
        _ callback: @escaping Callback
    ) {
        let pointer = Unmanaged.passUnretained(context).toOpaque()
        let result = event_assign(event, loop.base, descriptor, what, callback, pointer)
        precondition(result == 0, "event_assign failed")
    }

    var isWriting: Bool { writeEvent != nil }

    /// False where the kernel would not take the descriptor (ENOMEM, ENOSPC: max_user_watches).
    mutating func setReading(_ on: Bool) -> Bool {
        if on == isReading { return true }
        if on && event_add(readEvent, nil) != 0 { return false }
        if !on { event_del(readEvent) }
        isReading = on
        return true
    }

    /// False where the kernel would not take the descriptor.
    mutating func setWriting(_ on: Bool, _ context: AnyObject, _ callback: @escaping Callback) -> Bool {
        if on == isWriting { return true }
        if let old = writeEvent {
            event_del(old)
            // Usually said inside this very event's callback: the queue has been written.
            loop.free(old)
            writeEvent = nil
            return true
        }
        let new = loop.makeEvent()
        assign(new, Int16(EV_WRITE | EV_PERSIST), context, callback)
        guard event_add(new, nil) == 0 else {
            loop.free(new)
            return false
        }
        writeEvent = new
        return true
    }

    /// Forgets the descriptor, so that it may be closed.
    mutating func invalidate() {
        if isReading { event_del(readEvent) }
        isReading = false
        guard let write = writeEvent else { return }
        event_del(write)
        loop.free(write)
        writeEvent = nil
    }

    /// Gives the memory back, when the watch that owns these events goes.
    func deallocate() {
        precondition(!isReading && writeEvent == nil, "a watch was released before it was invalidated")
        loop.free(readEvent)
    }
}
