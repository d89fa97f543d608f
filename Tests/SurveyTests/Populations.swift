import Basics

/// Connections of apps of many kinds, drawn from seeds.
enum Populations {
    /// A new client for each request, whose connection is never used again.
    static func leak(
        rate: Double,
        from start: Int,
        until end: Int,
        answer: UInt64 = 120,
        varies: Bool = false,
        seed: UInt64 = 1
    ) -> [Timeline] {
        var random = RandomSource(seed: seed)
        let count = Int(Double(end - start) / 1000 * rate)
        return (0..<count).map { index in
            let opened = start + Int(Double(index) * 1000 / rate)
            let bytes = varies ? answer + UInt64(random.below(20_000)) : answer
            let path = varies ? UInt64(random.below(300)) : 0
            return Timeline(
                kind: "leak",
                opened: opened,
                events: [(opened, .sent(90 + path)), (opened + 1 + random.below(20), .received(bytes))]
            )
        }
    }

    /// One client whose connection is used every so often.
    static func keepAlive(every: Int, from start: Int, until end: Int) -> Timeline {
        var timeline = Timeline(kind: "keep-alive", opened: start)
        for at in stride(from: start, to: end, by: every) {
            timeline.events += [(at, .sent(90)), (at + 2, .received(120))]
        }
        return timeline
    }

    /// One answer that comes in events with long gaps.
    static func events(every: Int, from start: Int, until end: Int) -> Timeline {
        var timeline = Timeline(kind: "events", opened: start, events: [(start, .sent(100))])
        timeline.events.append((start + 1, .received(170)))
        for at in stride(from: start + every, to: end, by: every) {
            timeline.events.append((at, .received(15)))
        }
        return timeline
    }

    /// Answers that take their time, over TLS: the far end's session tickets come right after the request.
    static func slow(takes: Int, tickets: Bool, from start: Int, until end: Int) -> Timeline {
        var timeline = Timeline(kind: "slow", opened: start)
        timeline.events = [(start, .sent(300)), (start + 1, .received(1300)), (start + 2, .sent(170))]
        // A busy server sends them late.
        if tickets { timeline.events.append((start + 3 + start % 7 * 20, .received(510))) }
        for at in stride(from: start + takes, to: end, by: takes) {
            timeline.events += [(at, .received(200)), (at + 1, .sent(110))]
        }
        return timeline
    }

    /// A leak over TLS.
    static func leakTLS(rate: Double, from start: Int, until end: Int, tickets: Bool) -> [Timeline] {
        leak(rate: rate, from: start, until: end).map { timeline in
            var timeline = timeline
            let at = timeline.opened
            timeline.events = [(at, .sent(300)), (at + 1, .received(1300)), (at + 2, .sent(170))]
            if tickets { timeline.events.append((at + 3, .received(510))) }
            timeline.events.append((at + 4, .received(63)))
            return timeline
        }
    }

    /// A client with a pool: a request takes the connection that was idle last, or opens one.
    static func pool(requestsPerSecond rate: Double, until end: Int, seed: UInt64) -> [Timeline] {
        var random = RandomSource(seed: seed)
        var connections: [Timeline] = []
        var busyUntil: [Int] = []
        var order: [Int] = []
        var now = random.below(500)
        while now < end {
            let bursts = random.below(20) == 0 ? 1 + random.below(60) : 1
            for _ in 0..<bursts {
                let takes = 1 + random.below(200)
                let free = order.last { busyUntil[$0] <= now }
                let index = free ?? connections.count
                if free == nil {
                    connections.append(Timeline(kind: "pool", opened: now))
                    busyUntil.append(0)
                } else {
                    order.removeAll { $0 == index }
                }
                order.append(index)
                connections[index].events += [(now, .sent(90)), (now + takes, .received(150))]
                busyUntil[index] = now + takes + 1
            }
            now += 1 + random.below(Int(2000 / rate))
        }
        return connections
    }
}
