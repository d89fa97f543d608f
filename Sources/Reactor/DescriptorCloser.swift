internal import Glibc

/// Closes descriptors, not all at once: a reset costs the kernel some ten microseconds, and thousands that end
/// together (settings with lower bounds, the end of the process) would hold up the loop.
public final class DescriptorCloser {
    private struct Entry {
        var descriptor: Int32
        var isReset: Bool
    }

    /// Closed at once in each turn of the loop; what is beyond it waits for the turns that follow.
    private static let perTurn = 64
    private let loop: EventLoop
    private var turn: UInt64 = 0
    private var closedInTurn = 0
    private var waiting: [Entry] = []

    /// Nothing waits yet.
    public init(loop: EventLoop) { self.loop = loop }

    /// Closes the descriptor within the next turns, with a reset (`SO_LINGER` 0) or without; the caller has no use of
    /// it any more, nor a watch.
    public func close(_ descriptor: Int32, isReset: Bool) {
        let entry = Entry(descriptor: descriptor, isReset: isReset)
        if turn != loop.turns {
            turn = loop.turns
            closedInTurn = 0
        }
        if waiting.isEmpty && closedInTurn < DescriptorCloser.perTurn {
            closedInTurn += 1
            return DescriptorCloser.close(entry)
        }
        if waiting.isEmpty { loop.afterTurn { [weak self] in self?.closeSome() } }
        waiting.append(entry)
    }

    /// Closes what waits.
    public func closeAll() {
        for entry in waiting { DescriptorCloser.close(entry) }
        waiting = []
    }

    private func closeSome() {
        for entry in waiting.suffix(DescriptorCloser.perTurn) { DescriptorCloser.close(entry) }
        waiting.removeLast(min(waiting.count, DescriptorCloser.perTurn))
        if !waiting.isEmpty { loop.afterTurn { [weak self] in self?.closeSome() } }
    }

    private static func close(_ entry: Entry) {
        if entry.isReset { Sockets.closeWithReset(entry.descriptor) } else { Sockets.close(entry.descriptor) }
    }
}
