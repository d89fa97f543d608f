import ArgumentParser
import Basics
import Reactor
import Survey

/// Whose connections are watched, as it was typed, and the control groups and users that this stands for
/// now: a unit that does not run has none, and gets another each time it starts.
struct ReapOwners {
    /// How often the tree of control groups is searched while a unit is not found there, and while all are.
    private static let searchSoon = Interval.seconds(1)
    private static let searchAgain = Interval.seconds(10)
    /// Never taken for meant by `--all`: weir ends its own connections itself.
    private static let own = "weir.service"

    let units: [String]
    let paths: [String]
    let users: Set<UInt32>
    let all: Bool
    private let groups: ControlGroups?
    private(set) var ids: Set<UInt64> = []
    /// Units and groups of which nothing is there.
    private(set) var absent: [String] = []
    private var nextSearch = MonotonicTime.zero

    /// - Throws: `ValidationError` where a user is unknown; `AdminError` where this system cannot tell owners
    ///   apart as it was asked to.
    init(units: [String], users: [String], paths: [String], all: Bool, groups: ControlGroups?) throws {
        self.units = units.map(ReapOwners.fullName)
        self.paths = paths
        self.all = all
        self.groups = groups
        var uids: Set<UInt32> = []
        for user in users {
            guard let uid = UserNames.uid(of: user) else {
                throw AdminError("there is no user '\(user)'; --uid takes a name or a number")
            }
            uids.insert(uid)
        }
        self.users = uids
        if groups == nil && !(units.isEmpty && paths.isEmpty) {
            throw AdminError(
                "no unified control group hierarchy (cgroup2) is mounted here, so sockets cannot be put to "
                    + "units; choose with --uid instead"
            )
        }
    }

    /// Kinds of units that have processes.
    private static let kinds = [".service", ".scope", ".slice", ".socket", ".mount", ".swap"]

    /// A unit's name as systemctl(1) takes it: without a kind it is a service.
    static func fullName(_ unit: String) -> String {
        kinds.contains { unit.hasSuffix($0) } ? unit : unit + ".service"
    }

    /// Searches the tree where it is time to.
    mutating func refresh(_ now: MonotonicTime) {
        guard let groups, now >= nextSearch else { return }
        var found: Set<UInt64> = []
        var missing: [String] = []
        for unit in units {
            let ids = groups.groups(ofUnit: unit).map(\.id)
            if ids.isEmpty { missing.append(unit) }
            found.formUnion(ids)
        }
        for path in paths {
            let ids = groups.groups(atPath: path).map(\.id)
            if ids.isEmpty { missing.append(path) }
            found.formUnion(ids)
        }
        if all { found = Set(groups.groups(ofUnit: ReapOwners.own).map(\.id)) }
        ids = found
        absent = missing
        nextSearch = now + (missing.isEmpty ? ReapOwners.searchAgain : ReapOwners.searchSoon)
    }

    /// Whether its connections are watched.
    func include(_ owner: ConnectionOwner) -> Bool {
        let isListed = owner.cgroup.map { ids.contains($0) } ?? false
        if all { return !isListed }
        return isListed || users.contains(owner.uid)
    }

    /// Whether control groups are needed to tell.
    var needGroups: Bool { !units.isEmpty || !paths.isEmpty }

    /// As a person would list them.
    var description: String {
        if all { return "all owners but \(ReapOwners.own)" }
        let users = users.sorted().map { "user \(UserNames.name(of: $0))" }
        return Printable.text((units + paths + users).joined(separator: ", "))
    }
}
