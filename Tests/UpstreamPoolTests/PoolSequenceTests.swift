import Basics
import Testing
import UpstreamPool

/// Every order of events that a small pool can meet, against `PoolWorld`'s model.
/// `WEIR_POOL_DEPTH=8` goes deeper than the ordinary run; in a release build, from 40 on nearly all of
/// them meet every state there is (about 40 000 of the first test's).
@Suite("Pool: all sequences") struct PoolSequenceTests {
    private static func bounds(
        _ connections: Int,
        perDestination: Int,
        idle: Int = 2,
        dials: Int = 2,
        queue: Int = 3
    ) -> PoolLimits {
        var limits = PoolLimits()
        limits.maxConnections = connections
        limits.maxPerDestination = perDestination
        limits.maxIdle = idle
        limits.maxIdlePerDestination = idle
        limits.maxDialsPerDestination = dials
        limits.maxQueue = queue
        limits.idleTimeout = .seconds(3)
        limits.maxAge = .unlimited
        limits.unsafeReuseWindow = .seconds(1)
        limits.dialBackoff = .seconds(1)
        return limits
    }

    /// Explores from an empty pool. The depths are what a debug build does in about a second each.
    private func explore(
        _ depth: Int,
        _ kinds: [OriginKind],
        _ limits: [PoolLimits],
        atLeast states: Int,
        _ change: (inout PoolExploration) -> Void = { _ in }
    ) {
        var exploration = PoolExploration(depth: depth)
        change(&exploration)
        exploration.run(PoolWorld(kinds: kinds, limits: limits))
        #expect(exploration.finding == nil)
        #expect(exploration.states >= states, "\(exploration.states) states, \(exploration.steps) steps")
    }

    @Test("sequences that once broke a promise keep it", arguments: 0..<PoolSequenceTests.found.count)
    func replays(number: Int) {
        let found = PoolSequenceTests.found[number]
        var world = PoolWorld(kinds: [.http, .http], limits: found.limits)
        #expect(world.replay(found.events) == nil)
        world.serveEverybody()
        #expect(world.violation == nil)
    }

    /// What the exploration has found, shortest sequence each.
    private static let found: [(limits: [PoolLimits], events: [PoolEvent])] = [
        // The second dial's turn came beside an idle connection that was not in its way at first.
        (
            [bounds(2, perDestination: 2)],
            [
                .acquire(origin: 0, .any), .acquire(origin: 0, .fresh), .acquire(origin: 0, .fresh),
                .connected(0), .dialFailed(0, isPressure: true),
                .release(0, isPersistent: true, idleSeconds: 0), .pass(milliseconds: 1000),
                .expire(limit: 100),
            ]
        ),
        // The clock had passed the idle timeout before `expire` ran.
        (
            [bounds(2, perDestination: 2)],
            [
                .acquire(origin: 0, .any), .connected(0), .release(0, isPersistent: true, idleSeconds: 0),
                .pass(milliseconds: 3000), .acquire(origin: 0, .any),
            ]
        ),
        // Patience had ended before `expire` ran, and draining does not start the dial that is due.
        (
            [patient],
            [
                .acquire(origin: 0, .any), .acquire(origin: 0, .any), .connected(0), .connected(0),
                .release(0, isPersistent: true, idleSeconds: 0), .pass(milliseconds: 1000),
                .acquire(origin: 0, .recent), .pass(milliseconds: 1000), .drain,
            ]
        ),
        // A dial that was under way when the bounds were lowered left a surplus in the pool.
        (
            [bounds(2, perDestination: 2), bounds(1, perDestination: 1, idle: 1)],
            [
                .acquire(origin: 0, .any), .acquire(origin: 0, .any), .waiterLeft(0), .connected(0),
                .setLimits(1), .connected(0),
            ]
        ),
    ]

    private static var patient: PoolLimits {
        var limits = bounds(2, perDestination: 2)
        limits.dialPatience = .seconds(1)
        return limits
    }

    private typealias Suite = PoolSequenceTests

    @Test("no order of events breaks a pool of two connections for two origins")
    func twoOfTwo() {
        explore(5, [.http, .http], [Suite.bounds(2, perDestination: 2)], atLeast: 2000)
    }

    @Test("no order of events breaks a pool of two connections, one for each origin")
    func oneEach() {
        explore(5, [.http, .http], [Suite.bounds(2, perDestination: 1, idle: 1)], atLeast: 1500)
    }

    @Test("no order of events breaks a pool of a single connection with a short queue")
    func single() {
        let limits = Suite.bounds(1, perDestination: 1, idle: 1, dials: 1, queue: 2)
        explore(7, [.http, .http], [limits], atLeast: 800)
    }

    @Test("no order of events breaks a pool that dials one at a time and keeps one idle")
    func oneDial() {
        let limits = Suite.bounds(2, perDestination: 2, idle: 1, dials: 1)
        explore(5, [.http, .http], [limits], atLeast: 1500)
    }

    @Test("no order of events breaks a pool that serves exchanges and tunnels")
    func tunnels() {
        explore(6, [.http, .tunnel], [Suite.bounds(2, perDestination: 2)], atLeast: 1800)
    }

    @Test("no order of events breaks a pool whose connections age, are used up and are given a short stay")
    func ages() {
        var limits = Suite.bounds(2, perDestination: 2)
        limits.maxRequests = 2
        limits.maxAge = .seconds(2)
        explore(6, [.http], [limits], atLeast: 1900) {
            $0.idleSeconds = [0, 1]
            $0.needs = [.any, .recent]
        }
    }

    @Test("no order of events breaks a pool that waits for a connection in use before it dials another")
    func patience() {
        explore(5, [.http, .http], [Suite.patient], atLeast: 1000) { $0.mostWaiters = 2 }
    }

    @Test("no order of events breaks a pool that keeps nothing idle")
    func noneIdle() {
        let limits = Suite.bounds(2, perDestination: 2, idle: 0)
        explore(5, [.http, .http], [limits], atLeast: 2000)
    }

    @Test("no order of events breaks a pool whose bounds are lowered and raised under way")
    func reloads() {
        var none = Suite.bounds(1, perDestination: 1, idle: 0, dials: 1, queue: 1)
        none.idleTimeout = .unlimited
        let limits = [Suite.bounds(2, perDestination: 2), Suite.bounds(2, perDestination: 1, idle: 1), none]
        explore(5, [.http, .http], limits, atLeast: 1500) { $0.mostWaiters = 2 }
    }

    @Test("long random sequences over more origins and wider bounds", arguments: UInt64(0)..<24)
    func random(seed: UInt64) {
        var random = RandomSource(seed: seed)
        var first = Suite.bounds(5, perDestination: 3, idle: 4, dials: 2, queue: 5)
        first.maxIdlePerDestination = 2
        first.maxAge = .seconds(20)
        if seed % 2 == 0 { first.dialPatience = .seconds(1) }
        let limits = seed % 3 == 0 ? [first, Suite.bounds(2, perDestination: 2)] : [first]
        var world = PoolWorld(kinds: [.http, .http, .tunnel, .http], limits: limits, seed: seed)
        var chooser = PoolExploration(depth: 0)
        chooser.idleSeconds = [0, 0, 1]
        chooser.pauses = [1, 300, 1000]
        chooser.mostWaiters = 6
        var path: [PoolEvent] = []
        while path.count < 400 && world.violation == nil {
            // Draining would end the story early, and everything ends by it below.
            let events = chooser.events(world).filter { $0 != .drain }
            path.append(events[random.below(events.count)])
            world.take(path[path.count - 1])
        }
        var served = world
        served.serveEverybody()
        world.endEverything()
        #expect(world.violation == nil, "after \(path)")
        #expect(served.violation == nil, "after \(path)")
    }
}
