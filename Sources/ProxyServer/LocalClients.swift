import Basics
import ClientPolicy
import Reactor

/// What is known of clients over Unix sockets: of their processes, the control groups, and how many connections
/// each owner has, which hold no ports.
final class LocalClients {
    /// For how long a process is taken to be in the group that it was found in: its number may be another's
    /// later. An app that leaks opens many connections in a second, and is looked at once.
    private static let lifetime = Interval.seconds(1)
    /// Processes that are remembered; when there are more, all are forgotten.
    private static let capacity = 1024

    private struct Found {
        var group: UInt64
        var at: MonotonicTime
    }

    private var found: [Int32: Found] = [:]
    private var held: [OwnerKey: Int] = [:]
    /// Connections that are open.
    private(set) var count = 0
    /// Connections whose control group could not be found out.
    private(set) var ungrouped = 0
    /// Found with the first client, as most weirs never have one.
    private lazy var groups = ControlGroups()

    /// The owner: the user, and the group that the process is in now.
    func owner(_ who: PeerCredentials, now: MonotonicTime) -> OwnerKey {
        let group = who.pid == 0 ? 0 : group(of: who.pid, now)
        if group == 0 { ungrouped += 1 }
        return .local(uid: who.uid, cgroup: group)
    }

    /// A connection was accepted.
    func opened(_ owner: OwnerKey) {
        count += 1
        held[owner, default: 0] += 1
    }

    /// A connection is gone.
    func closed(_ owner: OwnerKey) {
        guard let former = held[owner] else { return }
        count -= 1
        held[owner] = former > 1 ? former - 1 : nil
    }

    /// Connections that an owner has open.
    func count(of owner: OwnerKey) -> Int { held[owner] ?? 0 }

    private func group(of pid: Int32, _ now: MonotonicTime) -> UInt64 {
        if let former = found[pid], now.since(former.at) < LocalClients.lifetime { return former.group }
        let group = groups?.group(of: pid) ?? 0
        if found.count >= LocalClients.capacity { found.removeAll(keepingCapacity: true) }
        found[pid] = Found(group: group, at: now)
        return group
    }
}
