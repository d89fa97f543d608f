import Dialling
import Reactor
import Redirection

/// What an operator wants redirected, before it is known where control groups are and who weir is.
struct RedirectPlan: Equatable {
    /// One selector, as it was asked for.
    enum Wish: Equatable {
        /// A unit by name; its group is wherever systemd puts it.
        case unit(String)
        /// A group by path.
        case group(String)
        /// What needs no looking up.
        case fixed(Selector)
    }

    var name: TableName
    var wishes: [Wish]
    var ports: PortList
    var exceptions: [AddressRange]
    var includesLoopback: Bool

    /// Finds the groups, as they are now. A unit that does not run is expected where systemd would put it.
    ///
    /// - Parameter known: where units were found before, by name.
    func selectors(
        in tree: ControlGroups?,
        known: [String: String] = [:]
    ) throws(RedirectionError) -> [Selector] {
        var selectors: [Selector] = []
        for wish in wishes {
            let selector = try selector(wish, tree, known)
            // Twice the same would be counted by the first only.
            if !selectors.contains(selector) { selectors.append(selector) }
        }
        return selectors
    }

    private func selector(
        _ wish: Wish,
        _ tree: ControlGroups?,
        _ known: [String: String]
    ) throws(RedirectionError) -> Selector {
        switch wish {
        case .fixed(let selector): return selector
        case .group(let path):
            let exists = tree?.id(of: path) != nil
            return .group(try Selector.Group(label: path, path: path, exists: exists, isUnit: false))
        case .unit(let unit):
            let found = tree?.path(ofUnit: unit)
            let path = found ?? known[unit] ?? ControlGroups.usualPaths(ofUnit: unit)[0]
            return .group(try Selector.Group(label: unit, path: path, exists: found != nil, isUnit: true))
        }
    }

    /// The rules that lead to a weir.
    func ruleset(_ selectors: [Selector], _ weir: Interceptor, in tree: ControlGroups?)
        throws(RedirectionError) -> Ruleset
    {
        Ruleset(
            name: name,
            selectors: selectors,
            ports: ports,
            exceptions: exceptions,
            includesLoopback: includesLoopback,
            weir: weir,
            groupFolder: try Self.groupFolder(
                tree,
                isNeeded: weir.group != nil || selectors.contains(where: \.isGroup)
            )
        )
    }

    /// What nft has to be told before the path of a group: it looks below /sys/fs/cgroup.
    static func groupFolder(_ tree: ControlGroups?, isNeeded: Bool) throws(RedirectionError) -> String {
        let place = "/sys/fs/cgroup"
        guard let tree, tree.root == "/", tree.mountPoint == place || tree.mountPoint.hasPrefix(place + "/")
        else {
            if !isNeeded { return "" }
            throw RedirectionError(
                "control groups (version 2) are not mounted at or below \(place), where nft looks: select by --uid"
            )
        }
        return String(tree.mountPoint.dropFirst(place.count + 1))
    }
}

extension Selector {
    /// The group, where it is one.
    var group: Group? { if case .group(let group) = self { group } else { nil } }

    var isGroup: Bool { group != nil }
}

extension Ruleset {
    /// For people: `unit payments.service to 127.0.0.1:3129 and [::1]:3129, ports 80, 443`.
    var summary: String {
        let targets = [true, false].compactMap { weir.target(ipv4: $0)?.description }
        return Printable.text(selectors.map(\.description).joined(separator: ", "))
            + " to weir at \(targets.joined(separator: " and ")), ports \(ports)"
    }
}
