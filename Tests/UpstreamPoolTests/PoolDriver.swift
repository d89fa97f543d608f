import Basics
import Testing
import UpstreamPool

/// A pool and a clock for the tests that tell one story each. Every step checks the invariants.
struct PoolDriver {
    private(set) var pool: UpstreamPool
    private(set) var now = MonotonicTime(nanoseconds: 1_000_000_000_000)
    private var nextWaiter: UInt32 = 0

    init(_ change: (inout PoolLimits) -> Void = { _ in }) {
        var limits = PoolLimits()
        change(&limits)
        pool = UpstreamPool(limits: limits, seed: 11)
    }

    /// Acquires in the name of a new waiter.
    mutating func acquire(
        _ host: String,
        _ need: ReuseNeed = .any,
        kind: OriginKind = .http
    ) -> (answer: Acquisition, waiter: SlotID) {
        let waiter = SlotID(slot: nextWaiter, generation: 1)
        nextWaiter += 1
        let bytes = Array(host.utf8)
        let answer = pool.acquire(kind, host: bytes.span, port: 80, for: waiter, need: need, now: now)
        pool.checkInvariants()
        return (answer, waiter)
    }

    /// Queues a new waiter.
    mutating func wait(_ host: String, _ need: ReuseNeed = .any, kind: OriginKind = .http) -> SlotID {
        let (answer, waiter) = acquire(host, need, kind: kind)
        #expect(answer == .waiting)
        return waiter
    }

    /// The idle connection that a request is given, if it is given one.
    mutating func reuse(_ host: String, _ need: ReuseNeed = .any) -> UpstreamID? {
        if case .leased(let id) = acquire(host, need).answer { id } else { nil }
    }

    /// Leases a connection that was dialled for it.
    mutating func leaseFresh(_ host: String) throws -> UpstreamID {
        let waiter = wait(host, .fresh)
        let id = try dial()
        step { $0.connected(id, now: $1) }
        #expect(effects() == [.granted(waiter: waiter, id, isReused: false)])
        return id
    }

    /// Puts `count` connections into the pool, each a millisecond after the one before.
    mutating func fill(_ host: String, _ count: Int) throws -> [UpstreamID] {
        var ids: [UpstreamID] = []
        for _ in 0..<count { ids.append(try leaseFresh(host)) }
        for id in ids {
            release(id)
            pass(.milliseconds(1))
        }
        return ids
    }

    mutating func release(_ id: UpstreamID, isPersistent: Bool = true, idleLimit: Interval = .unlimited) {
        step { $0.release(id, isPersistent: isPersistent, idleLimit: idleLimit, now: $1) }
    }

    mutating func step(_ body: (inout UpstreamPool, MonotonicTime) -> Void) {
        body(&pool, now)
        pool.checkInvariants()
    }

    mutating func pass(_ interval: Interval) { now = now + interval }

    /// Lets time pass and does all that is due.
    mutating func expire(after interval: Interval) {
        pass(interval)
        while pool.nextDeadline <= now { step { $0.expire(now: $1, limit: 3) } }
    }

    /// The effects since the last call.
    mutating func effects() -> [PoolEffect] {
        defer { pool.clearEffects() }
        return pool.effects
    }

    /// The dials among the effects since the last call.
    mutating func dials() -> [UpstreamID] {
        effects().compactMap { effect in if case .dial(let id, _) = effect { id } else { nil } }
    }

    /// The dial that must be among the effects since the last call.
    mutating func dial() throws -> UpstreamID {
        let dials = dials()
        return try #require(dials.first)
    }

    func refusals(_ refusal: Refusal) -> Int { pool.statistics.refusals[Int(refusal.rawValue)] }
}
