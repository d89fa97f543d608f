import Basics
import Testing

@testable import ClientPolicy

/// A destination policy and a clock for the tests that tell one story each. Every step checks the invariants.
struct DestinationDriver {
    static let app = SlotID(slot: 0, generation: 1)
    static let neighbour = SlotID(slot: 1, generation: 1)

    private(set) var policy = DestinationPolicy()
    private(set) var now = MonotonicTime(nanoseconds: 1_000_000_000_000)
    private var slots = SlotMap<Int>()

    /// What an inquiry into a suspect brings.
    var clients: Int? = 1
    var unread: [SlotID] = []

    init(maxAbsent: Int = 1024) { policy.maxAbsent = maxAbsent }

    mutating func pass(_ interval: Interval) { now = now + interval }

    mutating func step<T>(_ body: (inout DestinationPolicy, MonotonicTime) -> T) -> T {
        defer {
            for owner in policy.suspects {
                policy.inquired(into: owner, clients: clients, unread: unread, now: now)
            }
            policy.clearSuspects()
            policy.checkInvariants()
        }
        return body(&policy, now)
    }

    /// A connection joins what its owner has to a destination.
    mutating func join(
        _ destination: UInt64 = 1,
        owner: SlotID = DestinationDriver.app,
        isTunnel: Bool = true,
        name: String = ""
    ) -> SlotID {
        let id = slots.insert(0)
        let bytes = Array(name.utf8)
        step {
            $0.join(
                id,
                owner: owner,
                destination: destination,
                name: bytes.span,
                clients: 1,
                isTunnel: isTunnel,
                now: $1
            )
        }
        return id
    }

    /// A tunnel that has carried its exchange.
    mutating func quiet(_ destination: UInt64 = 1, owner: SlotID = DestinationDriver.app) -> SlotID {
        let id = join(destination, owner: owner)
        becomeQuiet(id)
        return id
    }

    /// A connection whose peer does not read.
    mutating func stalled(_ destination: UInt64 = 1, owner: SlotID = DestinationDriver.app) -> SlotID {
        let id = join(destination, owner: owner, isTunnel: false)
        stall(id)
        return id
    }

    mutating func becomeQuiet(_ id: SlotID) { step { $0.becomeQuiet(id, now: $1) } }
    mutating func leaveQuiet(_ id: SlotID) { step { policy, _ in policy.leaveQuiet(id) } }
    mutating func prove(_ id: SlotID) { step { $0.prove(id, now: $1) } }
    mutating func lieQuiet(_ id: SlotID) { step { $0.lieQuiet(id, now: $1) } }
    mutating func closedByClient(_ id: SlotID) { step { $0.closedByClient(id, now: $1) } }
    mutating func stall(_ id: SlotID) { step { $0.stall(id, now: $1) } }
    mutating func resume(_ id: SlotID) { step { $0.resumed(id, now: $1) } }
    mutating func cut(_ id: SlotID) { step { $0.cutForStall(id, now: $1) } }

    mutating func leave(_ id: SlotID) {
        step { policy, _ in policy.leave(id) }
        slots.remove(id)
    }

    /// One tunnel a second is opened and falls quiet for good; the last second has passed.
    @discardableResult
    mutating func leak(_ count: Int, _ destination: UInt64 = 1) -> [SlotID] {
        (0..<count).map { _ in
            let id = quiet(destination)
            pass(ClientPolicy.idleEvidence)
            lieQuiet(id)
            return id
        }
    }

    mutating func changes() -> [DestinationVerdict] {
        defer { policy.clearChanges() }
        return policy.changes
    }

    func surplus(_ id: SlotID, budget: Int, minimum: Interval = .zero) -> SlotID? {
        policy.surplus(with: id, budget: budget, minimum: minimum, now: now)
    }

    private func ledger(_ destination: UInt64, _ owner: SlotID) -> Ledger? {
        policy.byKey[DestinationPolicy.Key(owner: owner, destination: destination)].map {
            policy.destinations[$0].ledger
        }
    }

    func evidence(_ destination: UInt64 = 1, owner: SlotID = DestinationDriver.app) -> Int {
        ledger(destination, owner)?.evidenceCount ?? -1
    }

    func judged(_ destination: UInt64 = 1, owner: SlotID = DestinationDriver.app) -> UInt32 {
        ledger(destination, owner)?.judged ?? 0
    }

    func churned(_ destination: UInt64 = 1) -> Int {
        ledger(destination, DestinationDriver.app)?.churnCount ?? -1
    }

    func verdict(_ destination: UInt64 = 1, owner: SlotID = DestinationDriver.app) -> Verdict? {
        ledger(destination, owner)?.verdict
    }

    /// What is known of it, where anything is.
    func report(_ destination: UInt64 = 1, owner: SlotID = DestinationDriver.app) -> DestinationReport? {
        policy.byKey[DestinationPolicy.Key(owner: owner, destination: destination)].flatMap {
            policy.report(DestinationID(id: $0))
        }
    }
}
