public import Basics

/// A verdict on an owner's tunnels to one destination that changed.
public struct DestinationVerdict: Sendable, BitwiseCopyable {
    public var destination: DestinationID
    /// The owner, as long as it is remembered.
    public var owner: SlotID
    public var former: Verdict
    public var verdict: Verdict
    /// Entries of the window that spoke for a leak.
    public var evidence: Int
    /// Tunnels opened since it was first seen, held, and quiet without having been used again.
    public var opened: Int
    public var held: Int
    public var quiet: Int
}

/// What one owner has to one destination.
public struct DestinationReport: Sendable {
    public var destination: DestinationID
    public var owner: SlotID
    /// `host:port`; empty where only exchanges were stalled.
    public var name: String
    public var verdict: Verdict
    /// Since when the verdict holds.
    public var since: MonotonicTime
    /// Tunnels opened and, of those, ended by weir because of a leak.
    public var opened: Int
    public var reaped: Int
    public var tunnels: Int
    public var quiet: Int
    public var stalled: Int
}

extension DestinationPolicy {
    /// What is known of one destination; nil where it is forgotten.
    public func report(_ id: DestinationID) -> DestinationReport? {
        guard destinations.isAlive(id.id) else { return nil }
        let found = destinations[id.id]
        return DestinationReport(
            destination: id,
            owner: found.key.owner,
            name: String(decoding: found.name, as: UTF8.self),
            verdict: found.ledger.verdict,
            since: found.ledger.since,
            opened: found.opened,
            reaped: found.reaped,
            tunnels: found.tunnels,
            quiet: Int(found.unproven.count + found.proven.count),
            stalled: Int(found.stalled.count)
        )
    }

    /// Everything that is remembered, in no order; walks it all.
    public func reports() -> [DestinationReport] {
        (0..<destinations.capacity).compactMap { slot in
            destinations.occupant(of: slot).flatMap { report(DestinationID(id: $0)) }
        }
    }

    /// Walks everything and traps where an invariant is broken. For tests and the simulator.
    public func checkInvariants() {
        var quietTotal = 0
        var stalledTotal = 0
        var memberTotal = 0
        for slot in 0..<destinations.capacity {
            guard let id = destinations.occupant(of: slot) else { continue }
            let found = destinations[id]
            precondition(byKey[found.key] == id, "destination not found by its key")
            precondition((found.members == 0) == absentLinks.isLinked(Int32(slot)), "present and absent")
            for member in quietLinks.members(of: found.unproven) {
                precondition(members[Int(member)].place == .unproven, "on the wrong list")
                precondition(members[Int(member)].destination.id == id, "on another's list")
            }
            for member in quietLinks.members(of: found.proven) {
                precondition(members[Int(member)].place == .proven, "on the wrong list")
                precondition(members[Int(member)].destination.id == id, "on another's list")
            }
            for member in stalledLinks.members(of: found.stalled) {
                precondition(members[Int(member)].destination.id == id, "stalled on another's list")
            }
            quietTotal += Int(found.unproven.count + found.proven.count)
            stalledTotal += Int(found.stalled.count)
            memberTotal += found.members
        }
        precondition(quietTotal == quiet && stalledTotal == stalled, "counts")
        precondition(stalledByOwner.values.reduce(0, +) == stalled, "stalled by owner")
        precondition(members.count { $0.id != .none } == memberTotal, "members")
        precondition(absent.count <= maxAbsent && byKey.count == destinations.count, "table")
    }
}
