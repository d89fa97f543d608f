import Basics
import Testing

@testable import ClientPolicy

/// A policy and a clock for the tests that tell one story of an app each. Every step checks the invariants.
struct PolicyDriver {
    static let app = OwnerKey.local(uid: 1000, cgroup: 7)
    static let neighbour = OwnerKey.local(uid: 1001, cgroup: 7)

    private(set) var policy: ClientPolicy
    private(set) var now = MonotonicTime(nanoseconds: 1_000_000_000_000)
    private var slots = SlotMap<Int>()

    /// What an inquiry into a suspect brings, and how many there were.
    var clients: Int? = 1
    var unread: [SlotID] = []
    private(set) var inquiries = 0

    init(_ change: (inout ClientLimits) -> Void = { _ in }) {
        var limits = ClientLimits()
        change(&limits)
        policy = ClientPolicy(limits: limits, seed: 7)
    }

    mutating func pass(_ interval: Interval) { now = now + interval }

    mutating func step<T>(_ body: (inout ClientPolicy, MonotonicTime) -> T) -> T {
        defer {
            for owner in policy.suspects {
                inquiries += 1
                policy.inquired(into: owner, clients: clients, unread: unread, now: now)
            }
            policy.clearSuspects()
            policy.checkInvariants()
        }
        return body(&policy, now)
    }

    /// A connection comes, with its first request under way.
    mutating func open(_ owner: OwnerKey = PolicyDriver.app) -> SlotID {
        let id = slots.insert(0)
        #expect(step { $0.admit(id, owner: owner, now: $1) } == .admitted)
        return id
    }

    mutating func park(_ id: SlotID) { #expect(step { $0.park(id, now: $1) } == nil) }

    /// A connection that has carried one exchange and is parked.
    mutating func serve(_ owner: OwnerKey = PolicyDriver.app) -> SlotID {
        let id = open(owner)
        park(id)
        return id
    }

    mutating func use(_ id: SlotID) { step { $0.used(id, now: $1) } }

    /// It is used again, and parked again.
    mutating func reuse(_ id: SlotID) {
        use(id)
        park(id)
    }

    mutating func lieIdle(_ id: SlotID) { step { $0.lieIdle(id, now: $1) } }

    mutating func closedByClient(_ id: SlotID, requests: Int = 1) {
        step { $0.closedByClient(id, requests: requests, now: $1) }
    }

    mutating func leave(_ id: SlotID) {
        step { policy, _ in policy.left(id) }
        slots.remove(id)
    }

    /// A response is about to be written: why the connection is not kept after it.
    mutating func respond(_ id: SlotID, requests: Int = 1) -> ClientEnd? {
        step { $0.reasonToEnd(id, requests: requests, now: $1) }
    }

    /// One connection a second is opened and left lying, until so many are; the last second has passed.
    @discardableResult
    mutating func leak(_ count: Int, _ owner: OwnerKey = PolicyDriver.app) -> [SlotID] {
        (0..<count).map { _ in
            let id = serve(owner)
            pass(ClientPolicy.idleEvidence)
            lieIdle(id)
            return id
        }
    }

    mutating func changes() -> [VerdictChange] {
        defer { policy.clearChanges() }
        return policy.changes
    }

    func patience(_ id: SlotID, requests: Int = 1) -> ClientPolicy.Patience {
        policy.patience(with: id, requests: requests, idleTimeout: .seconds(60))
    }

    private func owner(_ key: OwnerKey) -> ClientPolicy.Owner? {
        policy.ownerReports().first { $0.key == key }.map { policy.owners[$0.owner] }
    }

    func verdict(_ key: OwnerKey = PolicyDriver.app) -> Verdict? { owner(key)?.ledger.verdict }
    func evidence(_ key: OwnerKey = PolicyDriver.app) -> Int { owner(key)?.ledger.evidenceCount ?? -1 }
    func churned(_ key: OwnerKey = PolicyDriver.app) -> Int { owner(key)?.ledger.churnCount ?? -1 }
    func judged(_ key: OwnerKey = PolicyDriver.app) -> UInt32 { owner(key)?.ledger.judged ?? 0 }
    func probesOut(_ key: OwnerKey = PolicyDriver.app) -> Int { owner(key)?.probesOut ?? -1 }
    func isKnown(_ key: OwnerKey) -> Bool { owner(key) != nil }
}
