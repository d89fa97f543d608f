public import Basics

/// Counters of one owner since it was first seen.
public struct OwnerTally: Sendable, BitwiseCopyable {
    /// When it was first seen.
    public var firstSeen = MonotonicTime.zero
    /// Connections that it opened.
    public var opened = 0
    /// Of these, how many carried a second exchange.
    public var reused = 0
    /// Connections and tunnels that weir ended because of a leak.
    public var reaped = 0

    /// Nothing yet.
    public init() {}
}

/// A verdict that changed.
public struct VerdictChange: Sendable, BitwiseCopyable {
    /// The owner, as long as it is remembered.
    public var owner: SlotID
    public var key: OwnerKey
    public var former: Verdict
    public var verdict: Verdict
    /// Entries of the window that spoke for a leak.
    public var evidence: Int
    /// Connections that it opened since it was first seen, holds, and has lying idle.
    public var opened: Int
    public var held: Int
    public var idle: Int
}

/// What is known of one owner.
public struct OwnerReport: Sendable {
    public var owner: SlotID
    public var key: OwnerKey
    public var verdict: Verdict
    /// Since when the verdict holds.
    public var since: MonotonicTime
    public var tally: OwnerTally
    public var held: Int
    public var parked: Int
    /// What its User-Agent said first; empty where it said nothing.
    public var agent: String
}

extension ClientPolicy {
    /// The owners that are remembered, in no order; walks them all.
    public func ownerReports() -> [OwnerReport] {
        var reports: [OwnerReport] = []
        for slot in 0..<owners.capacity {
            if let report = owners.occupant(of: slot).flatMap(ownerReport) { reports.append(report) }
        }
        return reports
    }

    /// The owners on which there is such a verdict; walks them all.
    public func owners(judged verdict: Verdict) -> [OwnerKey] {
        (0..<owners.capacity).compactMap { slot in
            owners.occupant(of: slot).flatMap { owners[$0].ledger.verdict == verdict ? owners[$0].key : nil }
        }
    }

    /// What is known of one owner; nil where it is forgotten.
    public func ownerReport(_ id: SlotID) -> OwnerReport? {
        guard owners.isAlive(id) else { return nil }
        let owner = owners[id]
        return OwnerReport(
            owner: id,
            key: owner.key,
            verdict: owner.ledger.verdict,
            since: owner.ledger.since,
            tally: owner.tally,
            held: owner.held,
            parked: Int(owner.parked.count),
            agent: String(decoding: owner.agent, as: UTF8.self)
        )
    }

    /// Connections of an owner, for asking the kernel whose they are: parked ones first; at most `limit`.
    public func connections(of owner: SlotID, limit: Int) -> [SlotID] {
        guard owners.isAlive(owner) else { return [] }
        // Not to look for more than there are.
        let limit = min(limit, owners[owner].held)
        var found = parked(of: owner, limit: limit)
        if found.count == limit { return found }
        for member in members where found.count < limit {
            if member.owner == owner && member.id != .none && !isParked(member.id) { found.append(member.id) }
        }
        return found
    }

    /// Owners by verdict: how many of those remembered are healthy, churning and leaking; indexed by
    /// `Verdict.rawValue`.
    public func ownersByVerdict() -> [Int] {
        var counts = [Int](repeating: 0, count: Verdict.allCases.count)
        for slot in 0..<owners.capacity {
            if let id = owners.occupant(of: slot) { counts[Int(owners[id].ledger.verdict.rawValue)] += 1 }
        }
        return counts
    }
}
