public import Basics
public import ClientPolicy

/// A verdict that changed, on an owner or on its tunnels to one destination.
public enum VerdictNotice: Sendable {
    case owner(VerdictChange)
    case destination(DestinationVerdict)
}

// What follows from a verdict for connections that are there already.
extension ProxyEngine {
    /// Connections whose deadlines are brought forward at once; those beyond it keep theirs.
    private static let mostHastened = 4096

    /// Whether the connection's owner leaks at its destination, and is to be cured of it.
    func isCuredThere(_ id: SlotID) -> Bool {
        policy.limits.curesLeaks && destinations.verdict(on: id) == .leaking
    }

    /// Connections of an owner that the evidence against it rests on: what it has parked, and its tunnels that
    /// are quiet and unproven; at most `limit` of each.
    public func suspects(of owner: SlotID, limit: Int) -> [SlotID] {
        policy.parked(of: owner, limit: limit) + destinations.unproven(ofOwner: owner, limit: limit)
    }

    /// Answer to `inquire`.
    ///
    /// - Parameters:
    ///   - clients: The owner's processes; nil where nobody can tell.
    ///   - unread: Its connections whose app has not read everything.
    public mutating func inquired(into owner: SlotID, clients: Int?, unread: [SlotID], now: MonotonicTime) {
        begin(now)
        // A farewell and the FIN behind it are no answer that somebody is still reading.
        let unread = unread.filter {
            self.clients.isAlive($0) && policy.owner(of: $0) == owner
                && !(self.clients[$0].phase == .tunnel && self.exchanges[$0].tunnel.upstreamFinished)
        }
        policy.inquired(into: owner, clients: clients, unread: unread, now: now)
        destinations.inquired(into: owner, clients: clients, unread: unread, now: now)
        for id in unread where self.clients.isAlive(id) {
            switch self.clients[id].phase {
            case .parked: becomeStalled(id)
            case .tunnel where destinations.isSuspect(id):
                destinations.leaveQuiet(id)
                noteStall(id)
                if self.clients.isAlive(id) { armStall(id, otherwise: .unread) }
            case .fresh, .head, .exchange, .unread, .tunnel, .ending: break
            }
        }
        applyVerdicts()
        applyPoolEffects()
    }

    /// Carries out what new verdicts demand, and tells the shell of them.
    mutating func applyVerdicts() {
        if !policy.suspects.isEmpty || !destinations.suspects.isEmpty {
            for owner in policy.suspects + destinations.suspects { actions.append(.inquire(owner)) }
            policy.clearSuspects()
            destinations.clearSuspects()
        }
        if !policy.changes.isEmpty {
            for change in policy.changes {
                announce(.owner(change))
                if change.verdict == .leaking { statistics.leaksFound += 1 }
                // Those that lie there go by the time that a leaking owner's may lie, or again by the ordinary.
                for id in policy.parked(of: change.owner, limit: ProxyEngine.mostHastened) { armParked(id) }
            }
            policy.clearChanges()
        }
        if !destinations.changes.isEmpty {
            for change in destinations.changes {
                announce(.destination(change))
                if change.verdict == .leaking { statistics.leaksFound += 1 }
                for id in destinations.unproven(of: change.destination, limit: ProxyEngine.mostHastened) {
                    armQuiet(id)
                }
                for id in destinations.stalled(of: change.destination, limit: ProxyEngine.mostHastened) {
                    rearmStalled(id)
                }
            }
            destinations.clearChanges()
        }
    }

    private mutating func announce(_ notice: VerdictNotice) {
        verdicts.append(notice)
        actions.append(.verdict(index: verdicts.count - 1))
    }
}
