import Basics

/// Ports that connections of ours hold for a minute after their end, by destination: TIME_WAIT stays with the
/// side that closes first, which is ours where a tunnel's client finished first. Reaped ones leave none.
///
/// An estimate that errs towards fewer: the kernel may reuse such a port sooner, and beyond `capacity` the
/// oldest are forgotten.
struct TimeWaits {
    /// How long Linux keeps TIME_WAIT (`TCP_TIMEWAIT_LEN`).
    private static let length = Interval.seconds(60)
    private static let capacity = 65_536

    private struct Entry: BitwiseCopyable {
        var destination: UInt64
        var endsAt: MonotonicTime
    }

    private var entries: [Entry] = []
    private var first = 0
    private var counts: [UInt64: Int] = [:]

    /// How many there are, over all destinations.
    var total: Int { entries.count - first }

    /// How many there are towards one destination.
    func count(_ destination: UInt64) -> Int { total == 0 ? 0 : counts[destination] ?? 0 }

    /// When the next one ends; `never` where there is none.
    var next: MonotonicTime { first < entries.count ? entries[first].endsAt : .never }

    /// One begins.
    mutating func add(_ destination: UInt64, _ now: MonotonicTime) {
        if total == TimeWaits.capacity { dropFirst() }
        entries.append(Entry(destination: destination, endsAt: now + TimeWaits.length))
        counts[destination, default: 0] += 1
    }

    /// Forgets those that are over; at most `limit`.
    mutating func expire(_ now: MonotonicTime, limit: Int) {
        var steps = 0
        while steps < limit && next <= now {
            steps += 1
            dropFirst()
        }
    }

    private mutating func dropFirst() {
        let destination = entries[first].destination
        first += 1
        if counts[destination] == 1 {
            counts[destination] = nil
        } else {
            counts[destination, default: 1] -= 1
        }
        if first == entries.count {
            entries.removeAll(keepingCapacity: entries.count < 1024)
            first = 0
        } else if first >= 1024 && first * 2 > entries.count {
            entries.removeFirst(first)
            first = 0
        }
    }
}
