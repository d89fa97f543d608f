import Basics

/// What an origin's past tells about how long its connections should lie idle: how often they are wanted, and
/// how long the origin keeps them. A value of a few words, kept with the origin and remembered after it.
struct OriginHistory: BitwiseCopyable {
    /// Requests below which nothing is concluded from their pace.
    private static let leastRequests: UInt8 = 16
    /// An idle connection that the peer closed sooner tells of a restart, not of a limit.
    private static let leastObserved = Interval.milliseconds(500)
    /// What was learned of the origin's limit is put to the test again after so long.
    private static let lifetime = Interval.seconds(600)

    private var requests: UInt8 = 0
    private var lastWanted = MonotonicTime.never
    /// The longest pause between two requests, forgotten slowly.
    private var pause = Interval.zero
    /// How long an idle connection had lain when the peer last closed one, and when that was.
    private var observed = Interval.unlimited
    private var observedAt = MonotonicTime.zero
    /// The origin's own limit, less a margin; valid for `lifetime` from `learnedAt`.
    private var limit = Interval.unlimited
    private var learnedAt = MonotonicTime.zero

    /// A request for the origin came. Returns whether its pace is known with this one.
    mutating func noteRequest(_ now: MonotonicTime) -> Bool {
        if lastWanted != .never { pause = max(now.since(lastWanted), pause.fading) }
        lastWanted = now
        if requests == OriginHistory.leastRequests { return false }
        requests += 1
        return requests == OriginHistory.leastRequests
    }

    /// The peer closed a connection that had lain idle for so long. One such close may have any reason; two
    /// after about the same time are a limit.
    mutating func noteClose(after idle: Interval, _ now: MonotonicTime) {
        if idle < OriginHistory.leastObserved { return }
        let isAlike =
            idle >= observed.scaled(by: 3, over: 4) && idle.scaled(by: 3, over: 4) <= observed
            && now.since(observedAt) >= .seconds(1)
        if isAlike {
            let shorter = min(idle, observed)
            // An eighth for the way and the clocks, half a second at least, but never more than half.
            let margin = min(
                max(shorter.scaled(by: 1, over: 8), .milliseconds(500)),
                shorter.scaled(by: 1, over: 2)
            )
            limit = Interval(nanoseconds: shorter.nanoseconds - margin.nanoseconds)
            learnedAt = now
        }
        observed = idle
        observedAt = now
    }

    /// How long a connection may lie idle as far as the origin is known to allow.
    func allowed(_ now: MonotonicTime) -> Interval {
        now.since(learnedAt) < OriginHistory.lifetime ? limit : .unlimited
    }

    /// How often the time in which surplus goes must be doubled to cover four times the longest pause, so that
    /// a connection that will be wanted is there; nil where nothing is known yet, or more than `most` times.
    func doublings(of surplus: Interval, most: Int) -> Int? {
        if requests < OriginHistory.leastRequests { return nil }
        if pause.nanoseconds <= surplus.nanoseconds >> 2 { return 0 }
        for count in 1...most where pause <= surplus.scaled(by: 1 << Int64(count), over: 4) { return count }
        return nil
    }
}

/// The histories of origins that have neither a connection nor a waiter; bounded, the first forgotten first.
struct OriginMemory {
    private static let capacity = 1024
    private var histories: [UInt64: OriginHistory] = [:]
    /// Hashes in the order in which they came, as a ring.
    private var order: [UInt64] = []
    private var next = 0

    /// Remembers an origin that is about to be forgotten.
    mutating func keep(_ history: OriginHistory, for hash: UInt64) {
        if histories.updateValue(history, forKey: hash) != nil { return }
        if order.count < OriginMemory.capacity {
            order.append(hash)
            return
        }
        histories[order[next]] = nil
        order[next] = hash
        next = (next + 1) % OriginMemory.capacity
    }

    /// What is remembered of an origin.
    func history(of hash: UInt64) -> OriginHistory { histories[hash] ?? OriginHistory() }
}
