import Basics
import Dialling

@testable import Survey

/// What happens to one connection and when, in milliseconds, all of it known beforehand: a look at any
/// instant follows from it.
struct Timeline {
    /// What moves: bytes of the app's, or of the far end's.
    enum Event {
        case sent(UInt64)
        case received(UInt64)
    }

    /// The population that it belongs to.
    var kind: String
    var opened: Int
    /// In order of time.
    var events: [(at: Int, what: Event)] = []
    /// When the app closes it; nil for never.
    var closed: Int?
    /// When the far end ended its half.
    var peerClosed: Int?
    var to = Timeline.origin

    static let origin = Endpoint(address: .v4(0x0a00_0009), port: 443)

    /// What a look at that instant shows; nil where the connection is not there.
    func look(id: UInt64, at now: Int) -> ObservedConnection? {
        guard opened <= now, closed.map({ now < $0 }) ?? true else { return nil }
        var connection = ObservedConnection(
            id: id,
            owner: ConnectionOwner(uid: 1000, cgroup: 7),
            from: Endpoint(address: .v4(0x0a00_0001), port: UInt16(20_000 + id % 20_000)),
            to: to,
            phase: peerClosed.map { $0 <= now } ?? false ? .peerClosed : .established
        )
        var lastSent = opened
        var lastReceived = opened
        connection.bytesSent = 1
        for (at, what) in events where at <= now {
            switch what {
            case .sent(let bytes):
                connection.bytesSent += bytes
                lastSent = at
            case .received(let bytes):
                connection.bytesReceived += bytes
                lastReceived = at
            }
        }
        // As the kernel counts: in ticks of 4 ms.
        connection.sinceSent = .milliseconds((now / 4 - lastSent / 4) * 4)
        connection.sinceReceived = .milliseconds((now / 4 - lastReceived / 4) * 4)
        connection.roundTrip = .milliseconds(1)
        return connection
    }
}

/// Plays timelines against the policy, looking as often as the pace says. What is reaped is gone.
struct ReapRun {
    /// Cut, by kind.
    var cuts: [String: Int] = [:]
    /// Most connections held at a time.
    var peak = 0
    /// Looks that were taken.
    var looks = 0
    var policy: ReapPolicy

    static let ports: ClosedRange<UInt16> = 20_000...59_999

    init(limits: ReapLimits = ReapLimits()) { policy = ReapPolicy(limits: limits) }

    /// From the first look to the last.
    mutating func play(_ timelines: [Timeline], from start: Int = 0, until end: Int, capacity: Int = 28_000) {
        let range = 20_000...UInt16(19_999 + capacity)
        var pace = LookPace(longest: .seconds(1))
        var coming = timelines.indices.sorted { timelines[$0].opened > timelines[$1].opened }
        var present: [Int] = []
        var now = start
        while now <= end {
            while let next = coming.last, timelines[next].opened <= now {
                present.append(next)
                coming.removeLast()
            }
            present.removeAll { timelines[$0].closed.map { $0 <= now } ?? false }
            let shown = present.compactMap { timelines[$0].look(id: UInt64($0), at: now) }
            // All in range: what is asked is how many there are.
            var ports = PortUse(range: range)
            for (number, connection) in shown.enumerated() {
                var counted = connection
                counted.from.port = UInt16(20_000 + number % capacity)
                ports.add(counted)
            }
            looks += 1
            peak = max(peak, shown.count)
            let time = MonotonicTime(nanoseconds: Int64(now + 1_000_000) * 1_000_000)
            let seen = shown.map { connection in
                var connection = connection
                connection.from.port = 20_000
                return connection
            }
            let decided = Set(policy.observe(seen, ports: ports, now: time).map { Int($0.connection.id) })
            for index in decided { cuts[timelines[index].kind, default: 0] += 1 }
            present.removeAll { decided.contains($0) }
            let pair = PortUse.Pair(source: .v4(0x0a00_0001), destination: Timeline.origin)
            let pause = pace.next(
                held: policy.held,
                isLeaking: policy.isLeaking,
                isPressed: ports.isPressed(pair),
                cost: .milliseconds(1)
            )
            now += Int(pause.inMilliseconds)
        }
    }
}
