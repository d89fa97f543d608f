import Reactor
import Survey

/// What people call owners: unit, container or control group, else the user. Each is looked up once.
struct OwnerNames {
    private let groups: ControlGroups?
    private var paths: [UInt64: String?] = [:]
    private var users: [UInt32: String] = [:]

    /// Names that are remembered; beyond it they are looked up anew.
    private static let most = 4096

    init(_ groups: ControlGroups?) { self.groups = groups }

    /// The path of a control group; nil where it is gone or cannot be seen.
    mutating func path(of group: UInt64) -> String? {
        if let known = paths[group] { return known }
        if paths.count >= OwnerNames.most { paths.removeAll() }
        let path = groups?.path(of: group)
        paths[group] = path
        return path
    }

    /// The name of a user, or the number.
    mutating func user(_ uid: UInt32) -> String {
        if let known = users[uid] { return known }
        if users.count >= OwnerNames.most { users.removeAll() }
        let name = Printable.text(UserNames.name(of: uid))
        users[uid] = name
        return name
    }

    /// The unit, container or pod of a control group.
    mutating func unit(of group: UInt64?) -> String? {
        group.flatMap { path(of: $0) }.flatMap(UnitName.of).map(Printable.text)
    }

    /// One name for an owner: the unit, else the group with the user, else the user.
    mutating func name(of owner: ConnectionOwner) -> String {
        if let unit = unit(of: owner.cgroup) { return unit }
        let user = "user \(user(owner.uid))"
        guard let path = owner.cgroup.flatMap({ path(of: $0) }), path != "/" else { return user }
        return "\(Printable.text(path)) (\(user))"
    }
}
