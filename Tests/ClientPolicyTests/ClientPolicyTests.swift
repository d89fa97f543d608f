import Basics
import ClientPolicy
import Testing

@Suite("Client policy")
struct ClientPolicyTests {
    private static let app = OwnerKey(high: 0, low: 1)
    private static let neighbour = OwnerKey(high: 0, low: 2)

    private var slots = SlotMap<Int>()

    private func policy(_ change: (inout ClientLimits) -> Void = { _ in }) -> ClientPolicy {
        var limits = ClientLimits()
        change(&limits)
        return ClientPolicy(limits: limits, seed: 7)
    }

    /// Admits a connection and parks it.
    private mutating func park(_ policy: inout ClientPolicy, _ owner: OwnerKey) -> (id: SlotID, goes: SlotID?)
    {
        let id = slots.insert(0)
        #expect(policy.admit(id, owner: owner, now: .zero) == .admitted)
        return (id, policy.park(id, now: .zero))
    }

    @Test("over the bound the longest parked of the owner with most parked goes")
    mutating func heaviestOwner() {
        var policy = policy { $0.maxConnections = 5 }
        _ = park(&policy, Self.neighbour)
        let first = park(&policy, Self.app).id
        _ = park(&policy, Self.app)
        _ = park(&policy, Self.neighbour)
        _ = park(&policy, Self.app)
        #expect(policy.longestParkedOfHeaviestOwner() == first)
        #expect(policy.admit(slots.insert(0), owner: Self.neighbour, now: .zero) == .admittedEvicting(first))
        policy.checkInvariants()
    }

    @Test("above half of this host's ports its longest parked go, and nobody else's")
    mutating func portsOfThisHost() {
        let local = OwnerKey.local(uid: 1, cgroup: 7)
        var policy = policy { $0.ports = 8 }
        for _ in 0..<20 { _ = park(&policy, Self.app) }
        let first = park(&policy, local).id
        for _ in 0..<3 { _ = park(&policy, local) }
        #expect(policy.surplus() == nil && policy.heldLocally == 4)
        _ = park(&policy, local)
        #expect(policy.surplus() == first)
        policy.left(first)
        #expect(policy.surplus() == nil)
        policy.checkInvariants()
    }

    @Test("over the bound with nothing parked a newcomer is refused and counted")
    mutating func refused() {
        var policy = policy { $0.maxConnections = 1 }
        #expect(policy.admit(slots.insert(0), owner: Self.app, now: .zero) == .admitted)
        #expect(policy.admit(slots.insert(0), owner: Self.app, now: .zero) == .refused)
        #expect(policy.refusals == 1 && policy.held == 1)
    }

    @Test("an owner with too many parked loses its longest parked, a neighbour none")
    mutating func parkedCap() {
        var policy = policy { $0.maxParkedPerOwner = 2 }
        let neighbour = park(&policy, Self.neighbour)
        let first = park(&policy, Self.app).id
        #expect(park(&policy, Self.app).goes == nil)
        #expect(park(&policy, Self.app).goes == first)
        #expect(neighbour.goes == nil && policy.isParked(neighbour.id))
        policy.checkInvariants()
    }

    @Test("where none may be parked, the one just parked goes")
    mutating func noneParked() {
        var policy = policy { $0.maxParkedPerOwner = 0 }
        let only = park(&policy, Self.app)
        #expect(only.goes == only.id)
    }

    @Test("reasons to end, the first that applies")
    mutating func reasons() {
        var policy = policy { limits in
            limits.maxRequests = 3
            limits.maxAge = .seconds(100)
        }
        let id = slots.insert(0)
        _ = policy.admit(id, owner: Self.app, now: .zero)
        let start = MonotonicTime.zero
        #expect(policy.reasonToEnd(id, requests: 2, now: start) == nil)
        #expect(policy.reasonToEnd(id, requests: 3, now: start) == .usedUp)
        #expect(policy.reasonToEnd(id, requests: 1, now: start + .seconds(89)) == nil)
        #expect(policy.reasonToEnd(id, requests: 1, now: start + .seconds(111)) == .tooOld)
        policy.limits.keepAlive = false
        #expect(policy.reasonToEnd(id, requests: 1, now: start) == .keepAliveOff)
    }

    @Test("every reason is counted under its own name")
    func counts() {
        var policy = policy()
        let all: [ClientEnd] = [
            .keepAliveOff, .usedUp, .tooOld, .draining, .idleTooLong, .tooManyParked, .leaking, .abandoned,
            .evicted,
        ]
        #expect(Set(all) == Set(ClientEnd.allCases))
        for (times, end) in all.enumerated() { for _ in 0...times { policy.count(end) } }
        for (times, end) in all.enumerated() { #expect(policy.ends[Int(end.rawValue)] == times + 1) }
    }

    @Test("ages differ, so that connections opened together do not end together")
    mutating func jitter() {
        var policy = policy { $0.maxAge = .seconds(100) }
        var young = 0
        let now = MonotonicTime.zero + .seconds(100)
        for _ in 0..<1000 {
            let id = slots.insert(0)
            _ = policy.admit(id, owner: Self.app, now: .zero)
            if policy.reasonToEnd(id, requests: 1, now: now) == nil { young += 1 }
        }
        #expect((400...600).contains(young))
    }

    @Test("the id of a former occupant of a slot neither is parked nor unparks the present one")
    mutating func formerOccupant() {
        var policy = policy()
        let former = park(&policy, Self.app).id
        policy.left(former)
        slots.remove(former)
        let present = park(&policy, Self.neighbour).id
        #expect(present.slot == former.slot && !policy.isParked(former))
        policy.unpark(former)
        #expect(policy.isParked(present) && policy.parked == 1)
        policy.checkInvariants()
    }

    @Test("a newcomer's room is counted twice only until the evicted one has left")
    mutating func evictedLeaves() {
        var policy = policy { $0.maxConnections = 2 }
        let first = park(&policy, Self.app).id
        let second = park(&policy, Self.app).id
        #expect(policy.admit(slots.insert(0), owner: Self.app, now: .zero) == .admittedEvicting(first))
        #expect(policy.held == 3)
        policy.left(first)
        #expect(policy.held == 2 && policy.parked == 1)
        policy.unpark(second)
        #expect(policy.admit(slots.insert(0), owner: Self.app, now: .zero) == .refused)
        policy.checkInvariants()
    }

    @Test("random comings and goings agree with a plain model", arguments: UInt64(0)..<20)
    mutating func random(seed: UInt64) {
        var random = RandomSource(seed: seed)
        var policy = policy { limits in
            limits.maxConnections = 40
            limits.maxParkedPerOwner = 6
        }
        var held: [SlotID: Bool] = [:]
        for _ in 0..<2000 {
            let owner = OwnerKey(high: 0, low: UInt64(random.below(4)))
            switch random.below(4) {
            case 0 where held.count < 40:
                let id = slots.insert(0)
                #expect(policy.admit(id, owner: owner, now: .zero) == .admitted)
                held[id] = false
            case 1:
                guard let id = held.keys.sorted(by: { $0.slot < $1.slot }).first(where: { held[$0] == false })
                else { continue }
                held[id] = true
                if let surplus = policy.park(id, now: .zero) {
                    #expect(held[surplus] == true)
                    policy.unpark(surplus)
                    held[surplus] = false
                }
            case 2:
                guard let id = held.keys.min(by: { $0.slot < $1.slot }) else { continue }
                policy.left(id)
                held[id] = nil
                slots.remove(id)
            default:
                guard let id = held.keys.max(by: { $0.slot < $1.slot }) else { continue }
                policy.unpark(id)
                held[id] = false
            }
            policy.checkInvariants()
            #expect(policy.held == held.count)
            #expect(policy.parked == held.values.count { $0 })
        }
        for id in held.keys { policy.left(id) }
        #expect(policy.ownerCount == 0)
    }
}
