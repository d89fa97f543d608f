public import Basics

/// Decides which client connections may come, stay and be parked. It counts; it closes nothing.
///
/// Invariants: a parked connection is on its owner's list, longest parked first, and on no other; an
/// owner exists exactly while it holds a connection; held connections never exceed `max_connections`
/// (one that has to go for a newcomer is counted until `left`).
public struct ClientPolicy {
    struct Owner {
        var key: OwnerKey
        var held = 0
        var parked = ListEnds()
    }

    private struct Member: BitwiseCopyable {
        var id = SlotID.none
        var owner = SlotID.none
        var expiresAt = MonotonicTime.never
    }

    /// The bounds in force.
    public var limits: ClientLimits
    private var owners = SlotMap<Owner>()
    private var ownerByKey: [OwnerKey: SlotID] = [:]
    private var members: [Member] = []
    private var parkedLinks = LinkTable()
    private var random: RandomSource
    /// Client connections held now.
    public private(set) var held = 0
    /// Client connections parked now.
    public private(set) var parked = 0
    /// How many were ended, by `ClientEnd.rawValue`.
    public private(set) var ends = [Int](repeating: 0, count: ClientEnd.allCases.count)
    /// Connections refused because the bound was reached and nothing was parked.
    public private(set) var refusals = 0

    /// Nobody is here yet.
    public init(limits: ClientLimits, seed: UInt64) {
        self.limits = limits
        self.random = RandomSource(seed: seed)
    }

    /// A connection was accepted. Over the bound the longest-parked connection of the owner that has
    /// most parked goes first.
    public mutating func admit(_ id: SlotID, owner key: OwnerKey, now: MonotonicTime) -> Admission {
        var admission = Admission.admitted
        if held >= limits.maxConnections {
            guard let victim = longestParkedOfHeaviestOwner() else {
                refusals += 1
                return .refused
            }
            admission = .admittedEvicting(victim)
        }
        let owner = ownerByKey[key] ?? owners.insert(Owner(key: key))
        ownerByKey[key] = owner
        owners[owner].held += 1
        held += 1
        while members.count <= id.index { members.append(Member()) }
        // Jitter, so that connections opened together are not all ended together.
        let age = limits.maxAge.scaled(by: Int64(900 + random.below(201)), over: 1000)
        members[id.index] = Member(id: id, owner: owner, expiresAt: now + age)
        return admission
    }

    /// Whether a connection that has carried `requests` exchanges is kept after the present one.
    /// Asked when the response head is written, so that the end can be announced.
    public func reasonToEnd(_ id: SlotID, requests: Int, now: MonotonicTime) -> ClientEnd? {
        if !limits.keepAlive { return .keepAliveOff }
        if requests >= limits.maxRequests { return .usedUp }
        if now >= members[id.index].expiresAt { return .tooOld }
        return nil
    }

    /// The connection waits for its next request. Returns the connection that has to go because its
    /// owner has too many parked: the longest parked, never this one unless none may be.
    public mutating func park(_ id: SlotID) -> SlotID? {
        let owner = members[id.index].owner
        parkedLinks.append(Int32(id.slot), to: &owners[owner].parked)
        parked += 1
        guard owners[owner].parked.count > limits.maxParkedPerOwner else { return nil }
        return members[Int(owners[owner].parked.first)].id
    }

    /// The connection is not parked any more: a request came, or it is being closed.
    public mutating func unpark(_ id: SlotID) {
        guard isParked(id) else { return }
        parkedLinks.remove(Int32(id.slot), from: &owners[members[id.index].owner].parked)
        parked -= 1
    }

    /// Whether the connection is parked.
    public func isParked(_ id: SlotID) -> Bool {
        // The slot alone would also answer for whoever has it now.
        id.index < members.count && members[id.index].id == id && parkedLinks.isLinked(Int32(id.slot))
    }

    /// The connection is gone.
    public mutating func left(_ id: SlotID) {
        unpark(id)
        let owner = members[id.index].owner
        members[id.index] = Member()
        held -= 1
        owners[owner].held -= 1
        if owners[owner].held == 0 {
            ownerByKey[owners[owner].key] = nil
            owners.remove(owner)
        }
    }

    /// Counts why a connection was ended.
    public mutating func count(_ end: ClientEnd) { ends[Int(end.rawValue)] += 1 }

    /// The longest-parked connection of the owner that has most parked, if anything is parked.
    public func longestParkedOfHeaviestOwner() -> SlotID? {
        var heaviest: SlotID?
        for slot in 0..<owners.capacity {
            guard let owner = owners.occupant(of: slot) else { continue }
            if owners[owner].parked.count > (heaviest.map { owners[$0].parked.count } ?? 0) {
                heaviest = owner
            }
        }
        return heaviest.map { members[Int(owners[$0].parked.first)].id }
    }

    /// Owners that hold a connection now.
    public var ownerCount: Int { owners.count }

    /// Walks everything and traps where an invariant is broken. For tests and the simulator.
    public func checkInvariants() {
        var parkedTotal = 0
        var heldTotal = 0
        for slot in 0..<owners.capacity {
            guard let owner = owners.occupant(of: slot) else { continue }
            precondition(owners[owner].held > 0, "an owner without connections")
            precondition(ownerByKey[owners[owner].key] == owner, "owner not found by its key")
            for member in parkedLinks.members(of: owners[owner].parked) {
                precondition(members[Int(member)].owner == owner, "parked on another owner's list")
            }
            parkedTotal += Int(owners[owner].parked.count)
            heldTotal += owners[owner].held
        }
        precondition(parkedTotal == parked && heldTotal == held, "counts")
        precondition(ownerByKey.count == owners.count, "owner table")
    }
}
