import Basics
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

    /// Carries out what new verdicts demand, and tells the shell of them.
    mutating func applyVerdicts() {
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
