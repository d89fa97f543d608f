/// One step of time: most that there was of each thing, and how much happened. Forty-four bytes.
struct HistoryEntry: Sendable, BitwiseCopyable {
    static let columns = [
        "second", "client_ports", "upstream_ports", "clients", "upstreams", "waiting", "tunnels", "leaking",
        "requests", "failures", "kibibytes", "median_bucket", "slow_bucket",
    ]
    /// Where no exchange ended.
    private static let none: UInt8 = 255

    var window: UInt32
    var clientPorts: UInt32
    var upstreamPorts: UInt32
    var clients: UInt32
    var upstreams: UInt32
    var waiting: UInt32
    var tunnels: UInt32
    var requests: UInt32 = 0
    var failures: UInt32 = 0
    /// Relayed in either direction.
    var kibibytes: UInt32 = 0
    var leaking: UInt16
    /// Index into the scale of durations: half, and 99 in 100, of the exchanges were no longer.
    var median = none
    var slow = none

    /// A step in which nothing but this was seen.
    init(_ sample: HistorySample, window: Int) {
        self.window = UInt32(clamping: window)
        clientPorts = UInt32(clamping: sample.clientPorts)
        upstreamPorts = UInt32(clamping: sample.upstreamPorts)
        clients = UInt32(clamping: sample.clients)
        upstreams = UInt32(clamping: sample.upstreams)
        waiting = UInt32(clamping: sample.waiting)
        tunnels = UInt32(clamping: sample.tunnels)
        leaking = UInt16(clamping: sample.leaking)
    }

    /// This has been seen in the same step.
    mutating func raise(_ sample: HistorySample) {
        let other = HistoryEntry(sample, window: Int(window))
        clientPorts = max(clientPorts, other.clientPorts)
        upstreamPorts = max(upstreamPorts, other.upstreamPorts)
        clients = max(clients, other.clients)
        upstreams = max(upstreams, other.upstreams)
        waiting = max(waiting, other.waiting)
        tunnels = max(tunnels, other.tunnels)
        leaking = max(leaking, other.leaking)
    }

    /// What happened from one sample to another.
    mutating func count(from base: HistorySample, to last: HistorySample) {
        requests = UInt32(clamping: max(0, last.requests - base.requests))
        failures = UInt32(clamping: max(0, last.failures - base.failures))
        kibibytes = UInt32(clamping: (last.bytes - min(base.bytes, last.bytes)) / 1024)
        let ended = last.durations.indices.map { last.durations[$0] - base.durations.count(at: $0) }
        median = Self.bucket(of: ended, perMille: 500)
        slow = Self.bucket(of: ended, perMille: 990)
    }

    /// The first index up to which there is such a share.
    private static func bucket(of counts: [Int], perMille: Int) -> UInt8 {
        let total = counts.reduce(0, +)
        if total <= 0 { return none }
        let wanted = (total * perMille + 999) / 1000
        var sum = 0
        for (index, count) in counts.enumerated() {
            sum += count
            if sum >= wanted { return UInt8(clamping: index) }
        }
        return none
    }

    /// The numbers in the order of `columns`; -1 where no exchange ended.
    func row(step: Int) -> [Int] {
        let buckets = [median, slow].map { $0 == Self.none ? -1 : Int($0) }
        let counts = [clientPorts, upstreamPorts, clients, upstreams, waiting, tunnels].map(Int.init)
        return [Int(window) * step] + counts + [Int(leaking), Int(requests), Int(failures), Int(kibibytes)]
            + buckets
    }
}

/// A ring of steps of equal length that holds no step in which nothing happened.
struct HistoryLane: Sendable {
    /// Seconds of one step.
    let step: Int
    /// Steps that are kept; as many as there are, for each can be one in which something happened.
    private let most: Int
    private var entries: [HistoryEntry] = []
    /// Where the next entry goes, once all room is taken: the oldest is there.
    private var next = 0
    /// The step under way.
    private var current: HistoryEntry?
    /// Where it began, and what was seen last.
    private var base = HistorySample()
    private var last = HistorySample()

    init(step: Int, most: Int) {
        self.step = step
        self.most = most
    }

    /// Notes what was seen at a second, which is never before an earlier one.
    mutating func note(_ sample: HistorySample, _ second: Int) {
        let window = second / step
        if var entry = current, window <= Int(entry.window) {
            entry.raise(sample)
            last = sample
            entry.count(from: base, to: last)
            current = entry
            return
        }
        if let entry = current {
            keep(entry)
            // The peak is over: until this step there was what was seen last.
            if window > Int(entry.window) + 1 {
                keep(HistoryEntry(last, window: Int(entry.window) + 1))
            }
        }
        base = current == nil ? sample : last
        last = sample
        var entry = HistoryEntry(sample, window: window)
        entry.count(from: base, to: last)
        current = entry
        forgetOld(window)
    }

    /// Oldest first, the step under way at the end.
    var all: [HistoryEntry] {
        let kept = Array(entries[next...] + entries[..<next])
        guard let current else { return kept }
        return kept + [current]
    }

    var bytes: (now: Int, most: Int) {
        let size = MemoryLayout<HistoryEntry>.stride
        return (entries.capacity * size, most * size)
    }

    private mutating func keep(_ entry: HistoryEntry) {
        if entries.count < most {
            entries.append(entry)
        } else {
            entries[next] = entry
            next = (next + 1) % most
        }
    }

    /// After a long silence what lies before it is of no interest, but for what lasted through it.
    private mutating func forgetOld(_ window: Int) {
        guard !entries.isEmpty else { return }
        let newest = entries[(next + entries.count - 1) % entries.count]
        guard window - Int(newest.window) > most else { return }
        entries = [newest]
        next = 0
    }
}
