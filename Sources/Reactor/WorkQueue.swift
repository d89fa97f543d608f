internal import Synchronization

/// Carries work from a loop to the thread that does it, and never makes the loop wait: the counterpart of
/// ``Mailbox``, which brings the results back.
public final class WorkQueue<Work: Sendable>: Sendable {
    private struct Content {
        var waiting: [Work] = []
        var isClosed = false
    }

    private let content = Mutex(Content())
    private let wakeUp: WakeUp
    /// How many pieces of work may wait.
    public let capacity: Int

    /// An empty queue, 1 or more in size.
    ///
    /// - Throws: `SystemError` where there is no descriptor to be had.
    public init(capacity: Int) throws(SystemError) {
        precondition(capacity > 0)
        self.capacity = capacity
        wakeUp = try WakeUp()
    }

    /// Leaves a piece of work, from any thread.
    ///
    /// - Returns: false where the queue is full or closed.
    @discardableResult
    public func post(_ work: Work) -> Bool {
        var wakesWorker = false
        let isTaken = content.withLock { content in
            if content.isClosed || content.waiting.count >= capacity { return false }
            wakesWorker = content.waiting.isEmpty
            content.waiting.append(work)
            return true
        }
        if wakesWorker { wakeUp.raise() }
        return isTaken
    }

    /// For the one thread that works: waits until there is work, and takes all of it, in order.
    ///
    /// - Returns: nil once the queue is closed; the thread then ends.
    public func take() -> [Work]? {
        while true {
            let taken: [Work]? = content.withLock { content in
                if content.isClosed { return nil }
                defer { content.waiting = [] }
                return content.waiting
            }
            guard let taken else { return nil }
            if !taken.isEmpty { return taken }
            // Work that has come since then has raised it, so that this does not wait.
            _ = wakeUp.wait()
        }
    }

    /// Whether ``close()`` was called: then what was taken need not be done either.
    public var isClosed: Bool { content.withLock { $0.isClosed } }

    /// Takes no more work, and drops what waits.
    public func close() {
        content.withLock { content in
            content.isClosed = true
            content.waiting = []
        }
        wakeUp.raise()
    }
}
