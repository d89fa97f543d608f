public import Basics

/// Decides which client connections may come, stay and be parked, and judges who opened them. It counts; it
/// closes nothing.
///
/// Invariants: a parked connection is on its owner's list, longest parked first, and on no other; an owner is
/// present while it holds a connection and absent, but remembered, for a while after; held connections never
/// exceed `max_connections` (one that has to go for a newcomer is counted until `left`).
public struct ClientPolicy {
    struct Owner {
        var key: OwnerKey
        var held = 0
        var parked = ListEnds()
        var ledger = Ledger()
        var tally = OwnerTally()
        /// What its User-Agent says, cut to `longestAgent`; empty while it has said nothing.
        var agent: [UInt8] = []
        /// The longest time after which it used a parked connection again, forgotten slowly.
        var latestReuse = Interval.zero
        /// Probes that are parked now, and when the last one was chosen.
        var probesOut = 0
        var probedAt = MonotonicTime.zero
        var responsesSinceProbe = 0
        /// How many clients it consists of: its processes, once that was inquired into.
        var clients = 1
        var inquiry = Inquiry()
    }

    struct Member: BitwiseCopyable {
        var id = SlotID.none
        var owner = SlotID.none
        var expiresAt = MonotonicTime.never
        var parkedAt = MonotonicTime.zero
        /// The ledger's entry for this connection; 0: none yet.
        var entry: UInt32 = 0
        /// Others of its owner were idle when it was opened.
        var isBesideIdle = false
        /// It was kept under the verdict, to see whether it is used again.
        var isProbe = false
        var isReused = false
        /// Its answer was unread when it seemed to lie idle; once it is read, it may be found idle yet.
        var isExcused = false
    }

    private let inPlace = InPlace()
    /// The bounds in force.
    public var limits: ClientLimits { didSet { forgetSurplus() } }
    var owners = SlotMap<Owner>()
    private var ownerByKey: [OwnerKey: SlotID] = [:]
    /// Owners that hold a connection, and those that do not, the longest absent first.
    private var present = ListEnds()
    private var absent = ListEnds()
    private var ownerLinks = LinkTable()
    var members: [Member] = []
    private var parkedLinks = LinkTable()
    /// Owners by how much they have parked: those on this host, and all others.
    private var localRanking = Ranking()
    private var distantRanking = Ranking()
    private var random: RandomSource
    /// Verdicts that changed since `clearChanges`.
    public internal(set) var changes: [VerdictChange] = []
    /// Owners that seem to leak and are to be inquired into, since `clearSuspects`.
    public internal(set) var suspects: [SlotID] = []
    /// Client connections held now.
    public private(set) var held = 0
    /// Those of them that come from this host.
    public private(set) var heldLocally = 0
    /// Client connections parked now.
    public private(set) var parked = 0
    /// How many were ended, by `ClientEnd.rawValue`.
    public private(set) var ends = [Int](repeating: 0, count: ClientEnd.allCases.count)
    /// Connections refused because the bound was reached and nothing was parked.
    public private(set) var refusals = 0
    /// Owners that were forgotten because too many were remembered.
    public private(set) var forgottenOwners = 0

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
        let owner = come(key, now)
        held += 1
        if key.kind == .local { heldLocally += 1 }
        while members.count <= id.index { members.append(Member()) }
        // Jitter, so that connections opened together are not all ended together.
        let age = limits.maxAge.scaled(by: Int64(900 + random.below(201)), over: 1000)
        members[id.index] = Member(id: id, owner: owner, expiresAt: now + age)
        noteOpened(id, now)
        return admission
    }

    /// The owner of that key, made or remembered, with one connection more.
    private mutating func come(_ key: OwnerKey, _ now: MonotonicTime) -> SlotID {
        let owner: SlotID
        if let known = ownerByKey[key] {
            owner = known
            if owners[owner].held == 0 { ownerLinks.remove(Int32(owner.slot), from: &absent) }
        } else {
            owner = owners.insert(Owner(key: key))
            owners[owner].tally.firstSeen = now
            owners[owner].ledger = Ledger(since: now)
            if key.kind == .address { owners[owner].clients = ClientPolicy.unknownClients }
            ownerByKey[key] = owner
        }
        if owners[owner].held == 0 { ownerLinks.append(Int32(owner.slot), to: &present) }
        owners[owner].held += 1
        return owner
    }

    /// The connection waits for its next request. Returns the connection that has to go because its
    /// owner has too many parked: the longest parked, never this one unless none may be.
    public mutating func park(_ id: SlotID, now: MonotonicTime) -> SlotID? {
        let owner = members[id.index].owner
        parkedLinks.append(Int32(id.slot), to: &owners[owner].parked)
        rank(owner, former: owners[owner].parked.count - 1)
        members[id.index].parkedAt = now
        parked += 1
        guard owners[owner].parked.count > limits.maxParkedPerOwner else { return nil }
        return members[Int(owners[owner].parked.first)].id
    }

    /// The connection is not parked any more.
    public mutating func unpark(_ id: SlotID) {
        guard isParked(id) else { return }
        let owner = members[id.index].owner
        parkedLinks.remove(Int32(id.slot), from: &owners[owner].parked)
        rank(owner, former: owners[owner].parked.count + 1)
        parked -= 1
    }

    private mutating func rank(_ owner: SlotID, former: Int32) {
        let count = owners[owner].parked.count
        if owners[owner].key.kind == .local {
            localRanking.move(Int32(owner.slot), from: former, to: count)
        } else {
            distantRanking.move(Int32(owner.slot), from: former, to: count)
        }
    }

    /// Whether the connection is parked.
    public func isParked(_ id: SlotID) -> Bool {
        // The slot alone would also answer for whoever has it now.
        id.index < members.count && members[id.index].id == id && parkedLinks.isLinked(Int32(id.slot))
    }

    /// The connection is gone. The owner is remembered for a while.
    public mutating func left(_ id: SlotID) {
        unpark(id)
        endProbe(id, isReused: false)
        let owner = members[id.index].owner
        members[id.index] = Member()
        held -= 1
        if owners[owner].key.kind == .local { heldLocally -= 1 }
        owners[owner].held -= 1
        if owners[owner].held > 0 { return }
        ownerLinks.remove(Int32(owner.slot), from: &present)
        ownerLinks.append(Int32(owner.slot), to: &absent)
        forgetSurplus()
    }

    /// Forgets the owners that have been away longest, as far as too many are remembered.
    private mutating func forgetSurplus() {
        while absent.count > limits.maxAbsentOwners, let oldest = owners.occupant(of: Int(absent.first)) {
            ownerLinks.remove(Int32(oldest.slot), from: &absent)
            ownerByKey[owners[oldest].key] = nil
            owners.remove(oldest)
            forgottenOwners += 1
        }
    }

    /// Counts why a connection was ended.
    public mutating func count(_ end: ClientEnd) { ends[Int(end.rawValue)] += 1 }

    /// The longest-parked connection of the owner that has most parked, if anything is parked.
    ///
    /// - Parameter isLocal: Only owners on this host count.
    public func longestParkedOfHeaviestOwner(isLocal: Bool = false) -> SlotID? {
        func parked(by slot: Int32) -> ListEnds {
            slot < 0 ? ListEnds() : owners.occupant(of: Int(slot)).map { owners[$0].parked } ?? ListEnds()
        }
        var heaviest = parked(by: localRanking.heaviest { parked(by: $0).count })
        if !isLocal {
            let other = parked(by: distantRanking.heaviest { parked(by: $0).count })
            if other.count > heaviest.count { heaviest = other }
        }
        return heaviest.isEmpty ? nil : members[Int(heaviest.first)].id
    }

    /// The owner's parked connections, longest parked first; at most `limit`.
    public func parked(of owner: SlotID, limit: Int) -> [SlotID] {
        guard owners.isAlive(owner) else { return [] }
        var found: [SlotID] = []
        var slot = owners[owner].parked.first
        while slot >= 0 && found.count < limit {
            found.append(members[Int(slot)].id)
            slot = parkedLinks.next(after: slot)
        }
        return found
    }

    /// Whether the `count`th longest parked connection of the owner has been parked for so long.
    func hasParked(_ owner: SlotID, _ count: Int, for length: Interval, _ now: MonotonicTime) -> Bool {
        if owners[owner].parked.count < count { return false }
        var slot = owners[owner].parked.first
        for _ in 1..<count { slot = parkedLinks.next(after: slot) }
        return now.since(members[Int(slot)].parkedAt) >= length
    }

    /// Whose connections are too many: near `max_connections` everybody's, and above half of this host's ports
    /// those of its own.
    public var crowding: Crowding {
        if held > limits.maxConnections - min(64, limits.maxConnections / 16) { return .ofAll }
        return heldLocally > limits.ports / 2 ? .ofThisHost : .none
    }

    /// Who has to go in good order, so that at a bound nobody must be reset: the longest parked of the heaviest
    /// owner.
    public func surplus() -> SlotID? {
        switch crowding {
        case .none: nil
        case .ofThisHost: longestParkedOfHeaviestOwner(isLocal: true)
        case .ofAll: longestParkedOfHeaviestOwner()
        }
    }

    /// Whether the owner is on this host.
    public func isLocal(_ owner: SlotID) -> Bool { owners.isAlive(owner) && owners[owner].key.kind == .local }

    /// Owners that hold a connection now.
    public var ownerCount: Int { Int(present.count) }

    /// The owner of that key, as long as it is remembered.
    public func owner(of key: OwnerKey) -> SlotID? { ownerByKey[key] }

    /// Walks everything and traps where an invariant is broken. For tests and the simulator.
    public func checkInvariants() {
        var parkedTotal = 0
        var heldTotal = 0
        var localTotal = 0
        var probes: [SlotID: Int] = [:]
        for member in members where member.isProbe { probes[member.owner, default: 0] += 1 }
        for slot in 0..<owners.capacity {
            guard let owner = owners.occupant(of: slot) else { continue }
            precondition(ownerByKey[owners[owner].key] == owner, "owner not found by its key")
            precondition(ownerLinks.isLinked(Int32(slot)), "an owner on no list")
            precondition(owners[owner].probesOut == probes[owner] ?? 0, "probes that are out")
            for member in parkedLinks.members(of: owners[owner].parked) {
                precondition(members[Int(member)].owner == owner, "parked on another owner's list")
            }
            let parked = owners[owner].parked.count
            (owners[owner].key.kind == .local ? localRanking : distantRanking).check(
                Int32(slot),
                count: parked
            )
            parkedTotal += Int(parked)
            heldTotal += owners[owner].held
            if owners[owner].key.kind == .local { localTotal += owners[owner].held }
        }
        for slot in ownerLinks.members(of: present) {
            precondition(
                owners.occupant(of: Int(slot)).map { owners[$0].held > 0 } == true,
                "present, holding nothing"
            )
        }
        precondition(parkedTotal == parked && heldTotal == held && localTotal == heldLocally, "counts")
        precondition(ownerByKey.count == owners.count, "owner table")
        precondition(absent.count <= limits.maxAbsentOwners, "too many owners are remembered")
    }
}
