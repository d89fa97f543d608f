import Basics
import Reactor
import Synchronization

/// The lines between a loop and the thread that writes them: bounded, and never waited for.
final class LogQueue: Sendable {
    private struct Content {
        var pending = ByteBuffer()
        var lines = 0
        var dropped = 0
        var isStopping = false
    }

    /// What the writing thread took.
    struct Batch {
        var bytes = ByteBuffer()
        var lines = 0
        var isLast = false
    }

    /// A buffer that a burst has blown up beyond this is given back once it is written.
    private static let keptCapacity = 64 * 1024

    private let content = Mutex(Content())
    private let capacity: Int
    private let wakeUp: WakeUp

    /// - Parameter capacity: bytes that may wait, besides those being written.
    init(capacity: Int) throws(SystemError) {
        self.capacity = capacity
        wakeUp = try WakeUp()
    }

    /// Adds a line, or drops and counts it where there is no room; false if so.
    func append(_ line: ByteBuffer) -> Bool {
        let (isTaken, wakes) = content.withLock { content in
            if content.isStopping || content.pending.count + line.count > capacity {
                content.dropped += 1
                return (false, false)
            }
            let wakes = content.pending.isEmpty
            content.pending.append(line.span)
            content.lines += 1
            return (true, wakes)
        }
        if wakes { wakeUp.raise() }
        return isTaken
    }

    /// Lines that will never be written.
    var dropped: Int { content.withLock { $0.dropped } }

    /// Counts lines that could not be written.
    func drop(_ lines: Int) { content.withLock { $0.dropped += lines } }

    /// Takes no more lines; what waits is still written.
    func stop() {
        content.withLock { $0.isStopping = true }
        wakeUp.raise()
    }

    /// For the writing thread: waits for lines, or for the end of all lines, and swaps them for the batch
    /// that was written.
    func take(_ batch: inout Batch) {
        batch.lines = 0
        batch.bytes.removeAll()
        if batch.bytes.capacity > Self.keptCapacity { batch.bytes.release() }
        while true {
            content.withLock { content in
                swap(&content.pending, &batch.bytes)
                swap(&content.lines, &batch.lines)
                batch.isLast = content.isStopping
            }
            if batch.lines > 0 || batch.isLast { return }
            // A line that has come since then has raised it, so that this does not wait.
            _ = wakeUp.wait()
        }
    }
}
