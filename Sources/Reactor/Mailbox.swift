internal import CLibevent
internal import Glibc
internal import Synchronization

/// Carries messages from any thread to a loop's thread: at most `capacity` of them, and one eventfd write
/// for a whole batch.
public final class Mailbox<Message: Sendable>: Sendable {
    private struct Content {
        var messages: [Message] = []
        var isClosed = false
    }

    private let content = Mutex(Content())
    /// How many messages may wait.
    public let capacity: Int
    /// Closed by `deinit` and not by the reader, as another thread may be about to write to it.
    fileprivate let descriptor: Int32

    /// An empty mailbox, 1 message or more in size. Messages may be posted before it is read.
    ///
    /// - Throws: `SystemError` where there is no descriptor to be had.
    public init(capacity: Int) throws(SystemError) {
        precondition(capacity > 0)
        self.capacity = capacity
        descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        if descriptor < 0 { throw SystemError("create a mailbox", code: errno) }
    }

    deinit { Sockets.close(descriptor) }

    /// Leaves a message, from any thread, without waiting for more than the lock.
    ///
    /// - Returns: false where the mailbox is full or nobody will read it any more.
    @discardableResult
    public func post(_ message: Message) -> Bool {
        var wakesReader = false
        let isTaken = content.withLock { content in
            if content.isClosed || content.messages.count >= capacity { return false }
            wakesReader = content.messages.isEmpty
            content.messages.append(message)
            return true
        }
        if wakesReader { wakeReader() }
        return isTaken
    }

    private func wakeReader() {
        var one: UInt64 = 1
        // "Would block" means that the counter is full, so that the reader is awake anyway.
        _ = SystemCall.attempt("wake a loop") { Glibc.write(descriptor, &one, 8) }
    }

    /// Swaps what waits for the empty array given, whose memory is used for the next messages.
    fileprivate func take(into batch: inout [Message]) {
        var counter: UInt64 = 0
        // First the counter, then the messages: one that comes in between is taken now and costs a
        // needless wake-up; the other way round it would be left lying.
        _ = SystemCall.attempt("read a mailbox") { Glibc.read(descriptor, &counter, 8) }
        let spare = batch
        batch = []
        batch = content.withLock { content in
            let messages = content.messages
            content.messages = spare
            return messages
        }
    }

    fileprivate func close() {
        content.withLock { content in
            content.isClosed = true
            content.messages = []
        }
    }
}

/// The loop's end of a ``Mailbox``.
public final class MailboxReader<Message: Sendable> {
    private let mailbox: Mailbox<Message>
    private let watch: DescriptorWatch
    private var deliver: ((Message) -> Void)?
    private var batch: [Message] = []

    /// Delivers the mailbox's messages on the loop's thread, in the order of their posting, until
    /// ``close()``. A mailbox has one reader.
    public init(_ mailbox: Mailbox<Message>, loop: EventLoop, _ deliver: @escaping (Message) -> Void) {
        self.mailbox = mailbox
        self.deliver = deliver
        var ready: (() -> Void)?
        watch = DescriptorWatch(loop: loop, descriptor: mailbox.descriptor) { _, _ in ready?() }
        ready = { [unowned self] in self.read() }
        let isWatched = watch.setReading(true)
        precondition(isWatched, "cannot watch a mailbox")
    }

    deinit { close() }

    private func read() {
        mailbox.take(into: &batch)
        for message in batch { deliver?(message) }
        batch.removeAll(keepingCapacity: true)
    }

    /// Takes no more messages; those that wait are dropped and further posts are refused.
    public func close() {
        if deliver == nil { return }
        deliver = nil
        watch.invalidate()
        mailbox.close()
    }
}
