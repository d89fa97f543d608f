/// What `/overview` says, as far as `weirctl top` shows it.
struct TopReport: Decodable, Equatable {
    struct PortUse: Decodable, Equatable {
        var used: Int
        var limit: Int?
        var growthPerSecond: Double
        var secondsToExhaustion: Double?
    }

    struct Ports: Decodable, Equatable {
        var client: PortUse
        var upstream: PortUse
    }

    struct Counters: Decodable, Equatable {
        var requests: Int
        var failures: Int
        var bytesUp: Int
        var bytesDown: Int
        var queueRefusals: Int
        var outcomes: [String: Int]
    }

    struct Durations: Decodable, Equatable {
        var boundsUs: [Int]
        var counts: [Int]
    }

    var version: String
    var pid: Int
    var state: String
    var uptime: Double
    var ports: Ports
    var clients: StatusReport.Clients
    var tunnels: StatusReport.Tunnels
    var queue: StatusReport.Queue
    var quietTunnels: Int
    var owners: [LeaksReport.Owner]
    var ownersLeftOut: Int
    var pool: StatusReport.Pool
    var counters: Counters
    var durations: Durations

    /// Reads the JSON of `/overview`.
    static func read(_ content: [UInt8]) throws(AdminError) -> TopReport {
        try AdminJSON.read(content, as: "an overview", names: ["outcomes"])
    }
}

/// What happened between two looks.
struct TopRates: Equatable {
    var requests = 0.0
    var failures = 0.0
    var up = 0.0
    var down = 0.0
    /// Share of the exchanges that failed, 0 to 1; nil where none ended.
    var failed: Double?
    /// Milliseconds below which half, and 99 of 100, of the exchanges ended; nil where none did.
    var median: Int?
    var slow: Int?

    /// Nothing where there is no earlier look at the same process.
    init(from former: TopReport?, to now: TopReport) {
        guard let former, former.pid == now.pid, now.uptime > former.uptime else { return }
        let seconds = now.uptime - former.uptime
        func rate(_ count: KeyPath<TopReport.Counters, Int>) -> Double {
            Double(max(0, now.counters[keyPath: count] - former.counters[keyPath: count])) / seconds
        }
        requests = rate(\.requests)
        failures = rate(\.failures)
        up = rate(\.bytesUp)
        down = rate(\.bytesDown)
        let ended = now.counters.outcomes.values.reduce(0, +) - former.counters.outcomes.values.reduce(0, +)
        if ended > 0 { failed = failures * seconds / Double(ended) }
        let counts = zip(now.durations.counts, former.durations.counts).map { $0 - $1 }
        median = Self.bound(counts, now.durations.boundsUs, share: 0.5)
        slow = Self.bound(counts, now.durations.boundsUs, share: 0.99)
    }

    /// The bound below which such a share lies; beyond the last one, that one.
    private static func bound(_ counts: [Int], _ bounds: [Int], share: Double) -> Int? {
        let total = counts.reduce(0, +)
        if total <= 0 { return nil }
        var sum = 0
        for (index, count) in counts.enumerated() {
            sum += count
            if Double(sum) >= Double(total) * share {
                return index < bounds.count ? bounds[index] : bounds.last
            }
        }
        return bounds.last
    }
}
