import Basics

/// What will happen in virtual time, earliest first. What falls on the same instant happens in an
/// order that the seed chooses: code that relies on one order is found.
struct EventQueue {
    private struct Entry {
        var time: MonotonicTime
        var tie: UInt32
        var run: () -> Void

        func isBefore(_ other: Entry) -> Bool {
            time == other.time ? tie < other.tie : time < other.time
        }
    }

    private var heap: [Entry] = []

    /// When the next thing happens; `never` if nothing will.
    var next: MonotonicTime { heap.first?.time ?? .never }

    mutating func add(at time: MonotonicTime, tie: UInt32, _ run: @escaping () -> Void) {
        heap.append(Entry(time: time, tie: tie, run: run))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            if !heap[child].isBefore(heap[parent]) { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// Takes out the earliest entry.
    ///
    /// - Precondition: there is one.
    mutating func pop() -> (time: MonotonicTime, run: () -> Void) {
        let first = heap[0]
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink()
        }
        return (first.time, first.run)
    }

    /// Forgets everything; entries hold on to the world they act on.
    mutating func removeAll() { heap.removeAll() }

    private mutating func sink() {
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if heap[child].isBefore(heap[least]) { least = child }
            }
            if least == parent { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
