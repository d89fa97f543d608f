import Reactor

/// An owner on this host, by the numbers that the kernel tells.
struct LocalOwner: Hashable, Sendable {
    /// The user.
    var uid: UInt32
    /// The control group; nil where the kernel tells none.
    var cgroup: UInt64?
}

/// The same as a person would say it.
struct OwnerName: Hashable, Sendable {
    /// The user's name, or number where there is no name.
    var user: String
    /// The control group's path; nil where it is gone, or may not be seen from here.
    var cgroupPath: String?
    /// The systemd unit, container or pod that the path tells.
    var unit: String?
}

/// Where names and processes are looked up; every call may block.
struct OwnerSources: Sendable {
    /// A user's name.
    var user: @Sendable (UInt32) -> String
    /// A control group's path.
    var groupPath: @Sendable (UInt64) -> String?
    /// The processes that hold sockets, or are known by number.
    var processes: @Sendable (Holders) -> ProcessSearch
    /// How many processes a user has in a control group; nil where that cannot be seen.
    var population: @Sendable (LocalOwner) -> Int?

    /// Found with the first question, by the thread that it is put to.
    private static let groups = ControlGroups()

    /// This system's users, control groups and processes.
    static let system = OwnerSources(
        user: { UserNames.name(of: $0) },
        groupPath: { groups?.path(of: $0) },
        processes: { holders in
            var search = ProcessTable.find(holders.inodes)
            let found = Set(search.findings.map(\.pid))
            search.findings += ProcessTable.describe(Set(holders.pids.keys).subtracting(found))
            return search
        },
        population: { owner in owner.cgroup.flatMap { groups?.population(of: $0, uid: owner.uid) } }
    )

    /// How many clients an owner's connections may belong to: the processes that hold them, or where some of those
    /// are hidden, all that it has. Nil where neither can be seen.
    func clients(of owner: LocalOwner, among holders: Holders) -> Int? {
        let search = processes(holders)
        guard holders.isWhole, let known = search.holders(of: holders.inodes) else {
            return population(owner)
        }
        let counted = Set(search.findings.filter { !$0.inodes.isEmpty }.map(\.pid))
        return known + holders.pids.keys.count { !counted.contains($0) }
    }

    /// Both names of an owner.
    func name(of key: LocalOwner) -> OwnerName {
        let path = key.cgroup.flatMap(groupPath)
        return OwnerName(user: user(key.uid), cgroupPath: path, unit: path.flatMap(UnitName.of))
    }
}
