import Basics
import Glibc
import Reactor
import Synchronization

/// Writes lines to one descriptor from a thread of its own, in batches, so that a reader who is slow or has
/// stopped reading never holds up the loop: lines that find no room are dropped and counted.
///
/// One writer per descriptor: an access log that nobody reads must not take the operational log with it.
final class LogWriter: Sendable {
    private let queue: LogQueue
    private let thread: HelperThread
    private let isStopped = Mutex(false)

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - descriptor: where lines go; not closed by the writer.
    ///   - capacity: bytes that may wait for the thread.
    /// - Throws: `SystemError` where there is no descriptor or thread to be had.
    init(descriptor: Int32, capacity: Int = 1 << 20) throws(SystemError) {
        let queue = try LogQueue(capacity: capacity)
        self.queue = queue
        thread = try HelperThread { LogWriter.run(queue, descriptor) }
    }

    deinit { stop(within: .zero) }

    /// Hands over a line that ends with a line feed, from any thread.
    ///
    /// - Returns: false where it was dropped.
    @discardableResult
    func write(_ line: ByteBuffer) -> Bool { queue.append(line) }

    /// Lines that were dropped for want of room, or that the descriptor would not take.
    var droppedLines: Int { queue.dropped }

    /// Writes what waits and ends the thread; later lines are dropped.
    ///
    /// - Returns: false where the descriptor did not take everything in time; then the rest goes with the
    ///   process.
    @discardableResult
    func stop(within limit: Interval = .seconds(2)) -> Bool {
        let wasStopped = isStopped.withLock { isStopped in
            defer { isStopped = true }
            return isStopped
        }
        if wasStopped { return true }
        queue.stop()
        return thread.join(within: limit)
    }

    /// The thread.
    private static func run(_ queue: LogQueue, _ descriptor: Int32) {
        var batch = LogQueue.Batch()
        repeat {
            queue.take(&batch)
            if !write(batch.bytes, to: descriptor) { queue.drop(batch.lines) }
        } while !batch.isLast
    }

    /// Writes everything; false where the descriptor failed, after which the rest of the batch is given up.
    private static func write(_ bytes: ByteBuffer, to descriptor: Int32) -> Bool {
        bytes.span.withUnsafeBytes { bytes in
            var written = 0
            while written < bytes.count {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
                let result = Glibc.write(descriptor, rest.baseAddress, rest.count)
                if result >= 0 {
                    written += result
                } else if errno == EAGAIN {
                    // Whoever shares the terminal or pipe has made it non-blocking for all.
                    var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&entry, 1, -1)
                } else if errno != EINTR {
                    return false
                }
            }
            return true
        }
    }
}
