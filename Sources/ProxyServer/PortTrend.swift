import Basics

/// How fast the ports in use grow, on average of the last ten seconds or so.
struct PortTrend {
    /// How much of the average a second replaces.
    private static let weight = 0.1
    private var last: (count: Int, time: MonotonicTime)?
    /// Ports more than before, each second.
    private(set) var growth = 0.0

    /// So many are in use now.
    mutating func note(_ count: Int, at now: MonotonicTime) {
        defer { last = (count, now) }
        guard let last else { return }
        let seconds = now.since(last.time).inSeconds
        if seconds < 0.001 { return }
        let rate = Double(count - last.count) / seconds
        // After a pause nothing of the former average is left.
        let weight = min(1, PortTrend.weight * seconds)
        growth += (rate - growth) * weight
    }
}
