public import Dialling

/// The nftables rules that lead new TCP connections to weir.
///
/// One table, `inet`, put in place of the former in one transaction. Address translation looks at the first
/// packet of a connection only: what is open stays as it is when rules come and when they go.
public struct Ruleset: Hashable, Sendable {
    /// Which table.
    public var name: TableName
    /// Whose connections; not empty.
    public var selectors: [Selector]
    /// To which ports.
    public var ports: PortList
    /// Destinations that are left alone, beside those that always are.
    public var exceptions: [AddressRange]
    /// Whether connections within the host by loopback addresses are redirected, too.
    public var includesLoopback: Bool
    /// Where to.
    public var weir: Interceptor
    /// What nft wants before the path of a control group: it looks below /sys/fs/cgroup, wherever the tree is
    /// mounted. Empty, or `unified`.
    public var groupFolder: String

    /// Puts a set of rules together.
    public init(
        name: TableName,
        selectors: [Selector],
        ports: PortList,
        exceptions: [AddressRange],
        includesLoopback: Bool,
        weir: Interceptor,
        groupFolder: String
    ) {
        self.name = name
        self.selectors = selectors
        self.ports = ports
        self.exceptions = exceptions
        self.includesLoopback = includesLoopback
        self.weir = weir
        self.groupFolder = groupFolder
    }

    /// Before others that translate destinations (-100: container engines, kube-proxy). The first that does
    /// has the connection; weir's own to the same destination is then translated by them.
    static let priority = -101

    /// Never anybody's origin by name: link-local (metadata services of clouds among them), multicast,
    /// broadcast.
    private static let neverRedirected = [
        AddressRange(.v4(0xa9fe_0000), 16), AddressRange(.v4(0xe000_0000), 4),
        AddressRange(.v4(0xffff_ffff), 32),
        AddressRange(.v6(high: 0xfe80 << 48, low: 0, scope: 0), 10),
        AddressRange(.v6(high: 0xff00 << 48, low: 0, scope: 0), 8),
    ]
    private static let loopback = [
        AddressRange(.v4(0x7f00_0000), 8), AddressRange(.v6(high: 0, low: 1, scope: 0), 128),
    ]

    /// What keeps the rules in force.
    public enum Hold: Hashable, Sendable {
        /// Nothing has to: they stand until somebody removes them. For rules that are managed elsewhere.
        case standing
        /// A lease that its holder renews; else the rules stay and match nothing.
        case leased(Lease)
    }

    /// The text for `nft -f`.
    ///
    /// - Throws: where nobody listens, nothing is selected, or weir would be led to itself.
    public func text(_ hold: Hold) throws(RedirectionError) -> String {
        if selectors.isEmpty { throw RedirectionError("nothing is selected") }
        let targets = [true, false].compactMap { weir.target(ipv4: $0) }
        if targets.isEmpty {
            throw RedirectionError("weir does not listen for redirected traffic; set redirect.listen: on")
        }
        let exemptions = try Exemptions(of: weir, from: selectors)
        var lines = head(hold)
        lines += sets(hold).map { "    " + $0 }
        lines.append("    chain output {")
        lines.append("        type nat hook output priority \(Ruleset.priority); policy accept;")
        lines += (gates(hold) + exempt(exemptions) + choice(exemptions, hold)).map { "        " + $0 }
        lines += ["    }", "    chain intercept {"]
        lines += targets.map { target in
            let family = target.address.isIPv6 ? "ip6" : "ip"
            return "        meta nfproto \(target.address.isIPv6 ? "ipv6" : "ipv4") meta l4proto tcp "
                + "dnat \(family) to \(target)"
        }
        lines += ["    }", "}"]
        return lines.map { $0 + "\n" }.joined()
    }

    private func head(_ hold: Hold) -> [String] {
        var lines: [String] = []
        if case .standing = hold {
            lines.append(
                "# Stands until it is removed, whether weir answers or not: nft delete table inet \(name.table)"
            )
            if selectors.contains(where: { if case .group = $0 { true } else { false } }) {
                lines.append(
                    "# A control group must exist now. When it is made anew, as by a restart, load this again."
                )
            }
        }
        // Deleting takes a table that is there.
        return lines + [
            "add table inet \(name.table)", "delete table inet \(name.table)", "table inet \(name.table) {",
        ]
    }

    /// A set for each control group lets it be changed when the group is made anew.
    private func sets(_ hold: Hold) -> [String] {
        guard case .leased(let lease) = hold else { return [] }
        var lines = lease.sets
        for (index, selector) in selectors.enumerated() {
            guard case .group(let group) = selector else { continue }
            let elements = group.exists ? " elements = { \(quoted(group.path)) };" : ""
            lines.append("set \(Ruleset.groupSet(index)) { type cgroupsv2;\(elements) }")
        }
        return lines
    }

    /// The set that holds the number of the group which is the selector of an index.
    public static func groupSet(_ selector: Int) -> String { "group\(selector)" }

    private func gates(_ hold: Hold) -> [String] {
        // Where nothing tracked connections before, the next packet of one that has been open for hours passes
        // for the first of a new one; translated, it would be its last.
        var lines = ["meta l4proto != tcp return", "tcp flags & (fin | syn | rst | ack) != syn return"]
        if case .leased(let lease) = hold { lines += lease.gates }
        if weir.target(ipv4: true) == nil { lines.append("meta nfproto ipv4 return") }
        if weir.target(ipv4: false) == nil { lines.append("meta nfproto ipv6 return") }
        return lines
    }

    private func exempt(_ exemptions: Exemptions) -> [String] {
        var lines: [String] = []
        if let mark = exemptions.mark { lines.append("meta mark \(mark) return") }
        let always = Ruleset.neverRedirected + (includesLoopback ? [] : Ruleset.loopback)
        let ranges = AddressRange.merged(always + exceptions)
        for (keyword, some) in [("ip", ranges.filter(\.isIPv4)), ("ip6", ranges.filter { !$0.isIPv4 })] {
            let list = some.map(\.description).joined(separator: ", ")
            lines.append("\(keyword) daddr { \(list) } return")
        }
        if case .some = ports { lines.append("tcp dport != { \(ports) } return") }
        lines += ownListeners()
        if let group = exemptions.group { lines.append("\(matching(group)) return") }
        if let uid = exemptions.uidFirst { lines.append("meta skuid \(uid) return") }
        return lines
    }

    private func ownListeners() -> [String] {
        var lines: [String] = []
        for own in weir.ownListeners + weir.listen {
            let keyword = own.address.isIPv6 ? "ip6" : "ip"
            let bare = Endpoint.Address.description(of: own.address)
            let line =
                own.address.isUnspecified
                ? "fib daddr type local tcp dport \(own.port) return"
                : "\(keyword) daddr \(bare) tcp dport \(own.port) return"
            if !lines.contains(line) { lines.append(line) }
        }
        return lines
    }

    /// Rules count connections: only the first packet of each comes here.
    private func choice(_ exemptions: Exemptions, _ hold: Hold) -> [String] {
        var certain: [String] = []
        var anybody: [String] = []
        for (index, selector) in selectors.enumerated() {
            let tail = "counter goto intercept comment \(comment(selector.description))"
            switch selector {
            case .group(let group):
                let set = if case .leased = hold { "@\(Ruleset.groupSet(index))" } else { quoted(group.path) }
                certain.append("socket cgroupv2 level \(group.level) \(set) \(tail)")
            case .uid(let uid): certain.append("meta skuid \(uid) \(tail)")
            case .gid(let gid): anybody.append("meta skgid \(gid) \(tail)")
            case .all: anybody.append(tail)
            }
        }
        if let uid = exemptions.uidLast, !anybody.isEmpty { certain.append("meta skuid \(uid) return") }
        return certain + anybody
    }

    private func matching(_ group: String) -> String {
        "socket cgroupv2 level \(group.utf8.count { $0 == UInt8(ascii: "/") }) \(quoted(group))"
    }

    private func quoted(_ path: String) -> String {
        groupFolder.isEmpty ? "\"\(path.dropFirst())\"" : "\"\(groupFolder)\(path)\""
    }

    /// nft takes comments of up to 127 bytes.
    private func comment(_ text: String) -> String {
        var text = text
        while text.utf8.count > 127 { text.removeLast() }
        return "\"\(text)\""
    }
}

extension Endpoint.Address {
    /// Without the interface of a link-local address, which nft does not take.
    fileprivate static func description(of address: Endpoint.Address) -> String {
        "\(address.masked(to: address.isIPv6 ? 128 : 32))"
    }
}
