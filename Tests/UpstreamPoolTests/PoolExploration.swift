import Basics
import Foundation

@testable import UpstreamPool

/// Takes every sequence of events up to a depth, breadth first, from one starting point.
///
/// A state that was met before is not explored again: two sequences that lead to the same state,
/// whatever the names of connections and the clock say, have the same future. Where the pool itself
/// traps, run with `WEIR_POOL_TRACE=1`: the last line on standard error is the sequence that did it,
/// ready for `PoolWorld.replay`.
struct PoolExploration {
    /// Longest sequence.
    let depth: Int
    /// What the waiters may ask for.
    var needs: [PoolEvent.Need] = [.any, .recent, .fresh]
    /// Steps of the clock, in milliseconds.
    var pauses = [1000]
    /// What an origin may say of its patience, in seconds; 0 for nothing.
    var idleSeconds = [0]
    /// Waiters in the queue at most.
    var mostWaiters = 3
    /// Steps taken, those into known states included.
    private(set) var steps = 0
    /// The shortest sequence that broke a promise, and which.
    private(set) var finding: String?
    private var known: Set<Int> = []
    private static let traces = ProcessInfo.processInfo.environment["WEIR_POOL_TRACE"] != nil

    /// In how many states it is tried how everything ends: in an ordinary run one of five, as this
    /// takes longer than all the rest.
    private let outcomeStride: Int

    /// Explores to `depth`, or as far as `WEIR_POOL_DEPTH` says.
    init(depth: Int) {
        let wanted = ProcessInfo.processInfo.environment["WEIR_POOL_DEPTH"].flatMap(Int.init)
        self.depth = wanted ?? depth
        outcomeStride = wanted == nil ? 5 : 1
    }

    /// How many states were told apart.
    var states: Int { known.count }

    /// Explores everything from `world` on.
    mutating func run(_ world: PoolWorld) {
        var layer: [(world: PoolWorld, path: [PoolEvent])] = [(world, [])]
        known.insert(world.key)
        for _ in 0..<depth {
            var following: [(world: PoolWorld, path: [PoolEvent])] = []
            for (world, path) in layer {
                for event in events(world) {
                    var next = world
                    let path = path + [event]
                    take(event, path, &next)
                    if finding != nil { return }
                    if known.insert(next.key).inserted {
                        if states % outcomeStride == 0 { checkOutcomes(next, path) }
                        following.append((next, path))
                    }
                }
            }
            layer = following
        }
    }

    private mutating func take(_ event: PoolEvent, _ path: [PoolEvent], _ world: inout PoolWorld) {
        if PoolExploration.traces { FileHandle.standardError.write(Data("\(path)\n".utf8)) }
        steps += 1
        world.take(event)
        report(world, path, "")
    }

    /// From every state the waiters can be served, and everything can end.
    private mutating func checkOutcomes(_ world: PoolWorld, _ path: [PoolEvent]) {
        var served = world
        served.serveEverybody()
        report(served, path, ", then everybody is served")
        var ended = world
        ended.endEverything()
        report(ended, path, ", then everything ends")
    }

    private mutating func report(_ world: PoolWorld, _ path: [PoolEvent], _ ending: String) {
        if finding == nil, let violation = world.violation { finding = "\(violation): \(path)\(ending)" }
    }

    /// All that can happen next.
    func events(_ world: PoolWorld) -> [PoolEvent] {
        var events: [PoolEvent] = []
        if world.waiters.count < mostWaiters {
            for (origin, kind) in world.kinds.enumerated() {
                for need in kind == .tunnel ? [.fresh] : needs {
                    events.append(.acquire(origin: origin, need))
                }
            }
        }
        for (place, connection) in world.connections.enumerated() {
            switch connection.state {
            case .dialling:
                events += [.connected(place), .dialFailed(place, isPressure: false)]
                events.append(.dialFailed(place, isPressure: true))
            case .leased:
                for seconds in idleSeconds {
                    events.append(.release(place, isPersistent: true, idleSeconds: seconds))
                }
                events.append(.release(place, isPersistent: false, idleSeconds: 0))
            case .idle: break
            }
            events.append(.lost(place))
        }
        for place in world.waiters.indices { events.append(.waiterLeft(place)) }
        for pause in pauses { events.append(.pass(milliseconds: pause)) }
        if world.pool.nextDeadline <= world.now {
            events.append(.expire(limit: 1))
            events.append(.expire(limit: 100))
        }
        for choice in world.limits.indices where choice != world.limitsInForce {
            events.append(.setLimits(choice))
        }
        if !world.isDraining { events.append(.drain) }
        return events
    }
}

extension PoolWorld {
    /// A hash of all that decides the future: what the pool holds, by place instead of by id and by
    /// age instead of by instant.
    fileprivate var key: Int {
        var hasher = Hasher()
        hasher.combine(limitsInForce)
        hasher.combine(isDraining)
        hasher.combine(isLowered)
        // A sum, as the order among those that are dialling or leased decides nothing; the order of
        // the idle ones follows below.
        hasher.combine(connections.reduce(0) { $0 &+ key(of: $1) })
        for origin in kinds.indices {
            for waiter in waiters where waiter.origin == origin {
                hasher.combine(waiter.need)
                if bounds.dialPatience > .zero {
                    hasher.combine(min(now.since(waiter.since), bounds.dialPatience))
                }
            }
            hasher.combine(origin)
        }
        // The orders in which the pool keeps them, by place in the model.
        for slot in pool.idleByAgeLinks.members(of: pool.idleByAge) { hasher.combine(key(at: slot)) }
        for slot in pool.hungryLinks.members(of: pool.hungry) {
            hasher.combine(pool.table.origins.occupant(of: Int(slot)).map { pool.table.origins[$0].host })
        }
        for origin in kinds.indices {
            for slot in 0..<pool.table.origins.capacity {
                guard let id = pool.table.origins.occupant(of: slot),
                    pool.table.origins[id].host == [97 + UInt8(origin)]
                else { continue }
                let inside = pool.table.origins[id]
                hasher.combine(inside.blockedUntil == .zero)
                hasher.combine(inside.isPatient)
                hasher.combine(inside.blockedUntil.since(now))
                for slot in pool.idleLinks.members(of: inside.idle) { hasher.combine(key(at: slot)) }
            }
        }
        return hasher.finalize()
    }

    private func key(of connection: ModelConnection) -> Int {
        var hasher = Hasher()
        let inside = pool.connections[connection.id]
        hasher.combine(connection.origin)
        hasher.combine(connection.state)
        if bounds.maxRequests < .max { hasher.combine(inside.uses) }
        hasher.combine(inside.expiresAt == .never ? -1 : inside.expiresAt.since(now).nanoseconds)
        if connection.state == .idle {
            hasher.combine(min(now.since(inside.idleSince), .seconds(10)))
            hasher.combine(connection.idleUntil.since(now))
        }
        return hasher.finalize()
    }

    private func key(at slot: Int32) -> Int? {
        connections.first { $0.id.slot == UInt32(slot) }.map { key(of: $0) }
    }
}
