import Basics
public import ClientPolicy

/// Apps as the ledger sees them: when they open connections, use them again and close them. A population of
/// them, drawn from seeds, is what the figures of the evidence are tuned by.
public enum AppKind: String, Sendable, CaseIterable {
    /// A new client for each request, never closed.
    case leaky
    /// One client with a pool, requests at random.
    case pooled
    /// A pool that is used in bursts with long pauses.
    case bursty
    /// A new connection for each request, closed after it.
    case churning
    /// A pool with a request now and then; some close it in between.
    case lowRate
    /// Up to 200 processes, each with a client of its own.
    case prefork
    /// Up to 60 clients with one address, of whose number nobody knows.
    case crowd
    /// A pool from which many answers are fetched at once and read slowly.
    case slowReading
    /// A pool beside a leak in the same process.
    case mixed
    /// Up to 64 processes, of which one leaks.
    case leakyWorker
    /// A new client per request, of an app behind an address.
    case leakyElsewhere
    /// A connection per request that is closed, and then no more.
    case turning

    /// Whether it leaks.
    public var isLeaky: Bool {
        switch self {
        case .leaky, .mixed, .leakyWorker, .leakyElsewhere, .turning: true
        case .pooled, .bursty, .churning, .lowRate, .prefork, .crowd, .slowReading: false
        }
    }

    /// How many idle connections its leak may hold unnoticed. One so slow that `client.idle_timeout` keeps it at a
    /// handful is none; among many processes it is only noticed when more lie idle than there are of them, and if
    /// most of what they open is used again, `client.max_parked_per_owner` alone bounds it.
    public var unnoticed: Int {
        switch self {
        case .leakyWorker: 128
        case .leakyElsewhere: ClientPolicy.unknownClients + 26
        default: 8
        }
    }
}

/// What became of one app under the ledger.
public struct AppOutcome: Sendable {
    public var kind: AppKind
    /// The verdict at the end.
    public var verdict: Verdict
    /// It was called leaking at some time.
    public var wasLeaking = false
    /// Connections that leaked before it was found; nil where it was not.
    public var leakedUntilFound: Int?
    /// Most connections that it had parked.
    public var mostParked = 0
    /// Connections it opened each second, on average.
    public var rate = 0.0
}

/// Runs one app against a `ClientPolicy`, with the cure in force: under the verdict its connections are closed
/// with each response unless they are probes.
public final class AppRun {
    private struct Connection {
        var id: SlotID
        var client: Int
        var requests = 1
        var isParked = false
        /// The app has not read its answer yet.
        var isUnread = false
    }

    private let kind: AppKind
    private var random: RandomSource
    private var policy: ClientPolicy
    private var slots = SlotMap<Int>()
    private var queue = EventQueue()
    private var now = MonotonicTime(nanoseconds: 1_000_000_000)
    private var connections: [SlotID: Connection] = [:]
    /// Idle connections that each client of the app would use again, the last used at the end.
    private var pools: [[SlotID]]
    private var opened = 0
    private var leaked = 0
    private var outcome: AppOutcome
    /// Requests still to be made.
    private var remaining: Int
    /// What an inquiry finds out about the number of its clients.
    private var processes: Int? = 1
    /// Within so many seconds an answer is read.
    private var slowest = 0.0

    private init(_ kind: AppKind, seed: UInt64) {
        self.kind = kind
        random = RandomSource(seed: seed)
        policy = ClientPolicy(limits: ClientLimits(), seed: seed)
        outcome = AppOutcome(kind: kind, verdict: .healthy)
        pools = []
        remaining = 120 + random.below(240)
    }

    /// Plays the app of that kind and seed to its end.
    public static func play(_ kind: AppKind, seed: UInt64) -> AppOutcome {
        let run = AppRun(kind, seed: seed)
        run.plan()
        let start = run.now
        var steps = 0
        while run.queue.next != .never && steps < 100_000 {
            steps += 1
            let (time, act) = run.queue.pop()
            run.now = max(run.now, time)
            act()
        }
        run.outcome.rate = Double(run.opened) / max(1, run.now.since(start).inSeconds)
        run.queue.removeAll()
        return run.outcome
    }

    private func at(_ delay: Double, _ act: @escaping () -> Void) {
        let time = now + Interval(nanoseconds: Int64(delay * 1e9))
        queue.add(at: time, tie: UInt32(truncatingIfNeeded: random.next()), act)
    }

    /// A number between the bounds, each order of magnitude as likely as the next.
    private func spread(_ least: Double, _ most: Double) -> Double {
        var factor = 1.0
        // 2^(i/16) without a mathematical library.
        let steps = random.below(Int(16 * logTwo(most / least)) + 1)
        for _ in 0..<steps { factor *= 1.044273782427414 }
        return least * factor
    }

    private func logTwo(_ value: Double) -> Double {
        var rest = value
        var power = 0.0
        while rest >= 2 {
            rest /= 2
            power += 1
        }
        return power + (rest - 1)
    }

    /// Waiting times of a Poisson process, roughly: a sum of uniform ones would be too regular.
    private func gap(_ mean: Double) -> Double {
        let draw = Double(random.below(1000) + 1) / 1001
        // -ln(x) by the series of the area hyperbolic tangent.
        let ratio = (1 - draw) / (1 + draw)
        var term = ratio
        var sum = 0.0
        for odd in stride(from: 1, through: 41, by: 2) {
            sum += term / Double(odd)
            term *= ratio * ratio
        }
        return mean * 2 * sum
    }

    // MARK: The kinds

    private func plan() {
        switch kind {
        case .leaky: arrivals(every: spread(0.005, 20)) { [self] in request(by: nil) }
        case .pooled:
            addClients(1 + random.below(3))
            arrivals(every: spread(0.002, 2)) { [self] in request(by: anyClient) }
        case .bursty:
            addClients(1)
            let pause = spread(2, 120)
            let size = 2 + random.below(120)
            remaining = size * (3 + random.below(6))
            burst(of: size, every: pause)
        case .churning: arrivals(every: spread(0.005, 5)) { [self] in request(by: nil, closes: true) }
        case .lowRate:
            addClients(1 + random.below(2))
            remaining = 40
            let closes = random.oneIn(3)
            arrivals(every: spread(5, 90)) { [self] in request(by: anyClient, closes: closes) }
        case .prefork:
            addClients(2 + random.below(199))
            processes = pools.count
            remaining += 3 * pools.count
            arrivals(every: spread(0.005, 2)) { [self] in request(by: anyClient) }
        case .crowd:
            addClients(2 + random.below(59))
            processes = nil
            remaining += 3 * pools.count
            arrivals(every: spread(0.005, 2)) { [self] in request(by: anyClient) }
        case .slowReading:
            addClients(1)
            slowest = spread(0.2, 20)
            arrivals(every: spread(0.01, 1)) { [self] in request(by: 0) }
        case .leakyWorker:
            addClients(1 + random.below(63))
            processes = pools.count + 1
            let share = 1 + random.below(4)
            remaining += 5 * pools.count
            arrivals(every: spread(0.005, 2)) { [self] in
                request(by: random.below(4) < share ? nil : anyClient)
            }
        case .leakyElsewhere:
            processes = nil
            remaining += 150
            arrivals(every: spread(0.005, 5)) { [self] in request(by: nil) }
        case .turning:
            var closing = 10 + random.below(100)
            remaining += closing
            arrivals(every: spread(0.005, 2)) { [self] in
                closing -= 1
                request(by: nil, closes: closing >= 0)
            }
        case .mixed:
            addClients(1)
            arrivals(every: spread(0.01, 5)) { [self] in request(by: random.oneIn(20) ? anyClient : nil) }
        }
    }

    private func addClients(_ count: Int) { pools = Array(repeating: [], count: count) }

    private var anyClient: Int { random.below(pools.count) }

    private func arrivals(every mean: Double, _ act: @escaping () -> Void) {
        at(gap(mean)) { [self] in
            act()
            remaining -= 1
            if remaining > 0 { arrivals(every: mean, act) }
        }
    }

    private func burst(of size: Int, every pause: Double) {
        at(gap(pause)) { [self] in
            for _ in 0..<size { at(Double(random.below(30)) / 1000) { [self] in request(by: 0) } }
            remaining -= size
            if remaining > 0 { burst(of: size, every: pause) }
        }
    }

    // MARK: Requests

    /// One request by a client of the app; nil: by a new client that is dropped afterwards.
    private func request(by client: Int?, closes: Bool = false) {
        if let client, let id = pools[client].popLast(), connections[id]?.isParked == true {
            policy.used(id, now: now)
            connections[id]?.isParked = false
            connections[id]?.requests += 1
            answer(id, closes: closes)
            return
        }
        let id = slots.insert(0)
        let owner = processes == nil ? OwnerKey(high: 0, low: 0xFFFF_0A00_0001) : .local(uid: 1, cgroup: 1)
        _ = policy.admit(id, owner: owner, now: now)
        opened += 1
        if client == nil && !closes { leaked += 1 }
        connections[id] = Connection(id: id, client: client ?? -1)
        noteChanges()
        answer(id, closes: closes)
    }

    /// The response comes after a while; then the connection is parked or ends.
    private func answer(_ id: SlotID, closes: Bool) {
        at(spread(0.001, 0.2)) { [self] in
            guard let connection = connections[id] else { return }
            let reason = policy.reasonToEnd(id, requests: connection.requests, now: now)
            if closes { policy.closedByClient(id, requests: connection.requests, now: now) }
            noteChanges()
            if closes || reason != nil { return end(id) }
            connections[id]?.isParked = true
            if let surplus = policy.park(id, now: now) { end(surplus) }
            outcome.mostParked = max(outcome.mostParked, policy.parked)
            read(id, by: connection.client)
            let requests = connection.requests
            if requests == 1 {
                at(ClientPolicy.idleEvidence.inSeconds) { [self] in
                    guard let found = connections[id], found.requests == 1, found.isParked else { return }
                    if found.isUnread { policy.unpark(id) } else { policy.lieIdle(id, now: now) }
                    noteChanges()
                }
            }
            let patience = policy.patience(with: id, requests: requests, idleTimeout: .seconds(60))
            let length = patience == .leaked ? 2.0 : patience == .long ? 240 : 75
            at(length) { [self] in
                if connections[id]?.requests == requests && connections[id]?.isParked == true { end(id) }
            }
        }
    }

    /// The app reads its answer, and has the connection for its next request.
    private func read(_ id: SlotID, by client: Int) {
        if slowest == 0 {
            if client >= 0 { pools[client].append(id) }
            return
        }
        connections[id]?.isUnread = true
        at(slowest * Double(random.below(1000)) / 1000) { [self] in
            guard connections[id] != nil else { return }
            connections[id]?.isUnread = false
            if !policy.isParked(id), let surplus = policy.park(id, now: now) { end(surplus) }
            if client >= 0 { pools[client].append(id) }
        }
    }

    /// What weir does about a suspect, a few milliseconds later.
    private func inquire(into owner: SlotID) {
        at(spread(0.001, 0.03)) { [self] in
            let unread = policy.parked(of: owner, limit: ClientPolicy.mostClients)
                .filter { connections[$0]?.isUnread == true }
            policy.inquired(into: owner, clients: processes, unread: unread, now: now)
            for id in unread { policy.unpark(id) }
            noteChanges()
        }
    }

    private func end(_ id: SlotID) {
        guard let connection = connections.removeValue(forKey: id) else { return }
        if connection.client >= 0 { pools[connection.client].removeAll { $0 == id } }
        policy.left(id)
        slots.remove(id)
    }

    private func noteChanges() {
        for change in policy.changes {
            if change.verdict == .leaking {
                outcome.wasLeaking = true
                if outcome.leakedUntilFound == nil { outcome.leakedUntilFound = leaked }
            }
            outcome.verdict = change.verdict
        }
        policy.clearChanges()
        for owner in policy.suspects { inquire(into: owner) }
        policy.clearSuspects()
    }
}
