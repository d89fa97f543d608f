import Basics
import ProxyCore

/// The virtual world of one run: clock, proxy, peers and what connects them. Nothing in it knows real
/// time; the same seed gives the same run.
final class World {
    let plan: Plan
    let bug: PlantedBug?
    let stride: Int
    private let isTraced: Bool

    var engine: ProxyEngine
    var now = MonotonicTime(nanoseconds: 1_000_000_000)
    var random: RandomSource
    private var queue = EventQueue()

    // The shell's state; what it does is in World+Shell.
    var connections: [ConnectionID: ShellConnection] = [:]
    var dials: [ConnectionID: OriginKey] = [:]
    var backlog: [ClientPeer] = []
    var followUps: [(World) -> Void] = []
    var isFollowingUp = false
    var hasPlantedBug = false
    /// No bound is checked any more: a reload lowered one.
    var boundsAreLowered = false
    var upstreamCounts: [OriginKey: Int] = [:]

    var clients: [ClientPeer] = []
    var origins: [OriginPeer] = []
    var ledger: Ledger
    var violations: [Violation] = []
    private(set) var traceLines: [String] = []
    private(set) var engineCalls = 0
    private var happened = 0
    /// The clients' processes have ended.
    private(set) var everybodyLeft = false

    /// More than any run needs; one that gets here spins.
    private static let mostEvents = 400_000

    init(seed: UInt64, bug: PlantedBug?, isTraced: Bool, stride: Int) {
        plan = PlanDrawing.plan(seed: seed)
        self.bug = bug
        self.isTraced = isTraced
        self.stride = stride
        engine = ProxyEngine(configuration: plan.configuration, seed: seed)
        random = RandomSource(seed: seed ^ 0x0DD5)
        ledger = Ledger(exchanges: plan.exchanges.count)
    }

    /// Runs to the end: first while the clients do what they do, then after they have gone.
    func run() {
        populate()
        runUntilNothingHappens()
        if violations.isEmpty { checkNobodyHangs() }
        everybodyLeft = true
        for client in clients { client.leave() }
        runUntilNothingHappens()
        // What an unlimited idle timeout keeps goes when the process stops.
        call("drain") { [now] in $0.drain(now: now) }
        runUntilNothingHappens()
        if violations.isEmpty { checkRest() }
        queue.removeAll()
        followUps.removeAll()
        for connection in connections.values { connection.cut() }
        for client in clients { client.socket.cut() }
        for origin in origins { origin.socket.cut() }
        origins.removeAll()
        clients.removeAll()
    }

    private func populate() {
        for clientPlan in plan.clients {
            let client = ClientPeer(world: self, plan: clientPlan)
            clients.append(client)
            schedule(at: start + clientPlan.startsAt.since(.zero)) { [self] in connect(client) }
        }
        plan(plan.drainAt) { world in
            world.call("drain") { $0.drain(lastCall: .milliseconds(50), now: world.now) }
        }
        plan(plan.exhaustAt) { world in
            world.call("descriptorsExhausted") { $0.descriptorsExhausted(now: world.now) }
        }
        plan(plan.reloadAt) { world in
            world.boundsAreLowered = true
            world.call("reconfigure") { $0.reconfigure(world.plan.reloaded, now: world.now) }
        }
        plan(plan.deathAt) { world in world.killFlows() }
    }

    private var start: MonotonicTime { MonotonicTime(nanoseconds: 1_000_000_000) }

    private func plan(_ instant: MonotonicTime?, _ run: @escaping (World) -> Void) {
        guard let instant else { return }
        schedule(at: start + instant.since(.zero)) { [self] in run(self) }
    }

    // MARK: Time

    func schedule(at time: MonotonicTime, _ run: @escaping () -> Void) {
        queue.add(at: max(time, now), tie: UInt32(truncatingIfNeeded: random.next()), run)
    }

    func schedule(after delay: Interval, _ run: @escaping () -> Void) { schedule(at: now + delay, run) }

    /// A delay on the way, as the plan has it.
    func delay() -> Interval {
        plan.latency == .zero
            ? .zero : Interval(nanoseconds: Int64(random.below(Int(plan.latency.nanoseconds) + 1)))
    }

    private func runUntilNothingHappens() {
        var lateness = Interval.zero
        while violations.isEmpty {
            let deadline = bug == .forgetTimer ? .never : engine.nextDeadline
            if queue.next == .never && deadline == .never { return }
            happened += 1
            if happened > World.mostEvents { return violate(.progress, "events without end") }
            if deadline != .never && deadline + lateness <= queue.next {
                now = max(now, deadline + lateness)
                letTimePass()
                lateness = Interval(
                    nanoseconds: Int64(random.below(Int(plan.timerLateness.nanoseconds) + 1))
                )
            } else {
                let (time, run) = queue.pop()
                now = max(now, time)
                run()
            }
            admitBacklog()
        }
    }

    private func letTimePass() {
        var rounds = 0
        repeat {
            rounds += 1
            if rounds > 1000 { return violate(.progress, "the engine's deadline does not move") }
            call("timePassed") { [now] in $0.timePassed(now: now) }
        } while engine.nextDeadline <= now && violations.isEmpty
    }

    // MARK: Calls into the engine

    /// One event: the engine decides, the shell acts, and only then comes the next one.
    func call(_ name: @autoclosure () -> String, _ bytes: [UInt8] = [], _ event: (inout ProxyEngine) -> Void)
    {
        if !violations.isEmpty { return }
        event(&engine)
        engineCalls += 1
        trace("> \(name()): \(engine.actions)")
        perform(engine.actions, bytes)
        if engineCalls % stride == 0 { check() }
        if isFollowingUp { return }
        isFollowingUp = true
        while !followUps.isEmpty && violations.isEmpty { followUps.removeFirst()(self) }
        isFollowingUp = false
    }

    private func check() {
        engine.checkInvariants()
        // A bound that a reload lowered holds again only when what was there has ended.
        if !boundsAreLowered { engine.checkBounds() }
        let ended = engine.statistics.outcomes.reduce(0, +)
        if ended + engine.openExchanges != engine.statistics.requests {
            violate(.outcome, "\(engine.statistics.requests) exchanges, \(ended) outcomes")
        }
    }

    // MARK: Reports

    func violate(_ oracle: Oracle, _ text: String) {
        trace("VIOLATION [\(oracle.rawValue)] \(text)")
        violations.append(Violation(oracle: oracle, time: now, text: text))
    }

    func trace(_ line: @autoclosure () -> String) {
        if isTraced { traceLines.append("\(now.nanoseconds / 1000) \(line())") }
    }

    /// True once: then the planted bug is to be made.
    func shouldPlant(_ candidate: PlantedBug) -> Bool {
        if bug != candidate || hasPlantedBug { return false }
        hasPlantedBug = true
        trace("planted \(candidate.rawValue)")
        return true
    }
}
