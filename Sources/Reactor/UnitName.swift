/// Names what runs in a control group, by the habits of those who make groups.
public enum UnitName {
    /// The systemd unit, container or pod that a path of the tree belongs to; nil where it tells none, as for
    /// `/` or a bare slice.
    ///
    /// | path ends in | name |
    /// |---|---|
    /// | `payments.service`, `session-3.scope`, or groups below | that, the innermost one |
    /// | `docker-ID.scope`, `docker/ID` | `docker:` and twelve digits; so `podman`, `containerd`, `crio` |
    /// | `kubepods…podUID…` and a container in it | `pod:UID/` and twelve digits |
    /// | 64 hexadecimal digits | `container:` and twelve digits |
    /// | `lxc.payload.NAME`, `lxc/NAME` | `lxc:NAME` |
    public static func of(_ path: String) -> String? {
        let groups = path.split(separator: "/")
        for index in groups.indices.reversed() {
            let parent = index > 0 ? groups[index - 1] : ""
            if let container = container(groups[index], in: parent) {
                if let pod = groups[..<index].reversed().lazy.compactMap(pod).first {
                    return "pod:\(pod)/\(container.id)"
                }
                return "\(container.kind):\(container.id)"
            }
            if let unit = unit(groups[index]) {
                // A user's manager runs itself in a scope of this name below its own unit.
                if unit == "init.scope", index > 0, let manager = Self.unit(parent) { return manager }
                return unit
            }
            if let pod = pod(groups[index]) { return "pod:\(pod)" }
        }
        return nil
    }

    private static func unit(_ group: Substring) -> String? {
        guard group.hasSuffix(".service") || group.hasSuffix(".scope") else { return nil }
        // systemd puts an underscore before names that the kernel's own files could have.
        return String(group.hasPrefix("_") ? group.dropFirst() : group)
    }

    /// Prefixes of the scopes that container engines have systemd make.
    private static let engines: [(prefix: String, kind: String)] = [
        ("docker-", "docker"), ("libpod-", "podman"), ("cri-containerd-", "containerd"),
        ("nerdctl-", "containerd"), ("crio-", "crio"),
    ]

    private static func container(_ group: Substring, in parent: Substring) -> (kind: String, id: String)? {
        let name = group.hasSuffix(".scope") ? group.dropLast(6) : group
        for engine in engines where name.hasPrefix(engine.prefix) {
            if let id = shortID(name.dropFirst(engine.prefix.count)) { return (engine.kind, id) }
        }
        if let id = shortID(name) { return (parent == "docker" ? "docker" : "container", id) }
        if group.hasPrefix("lxc.payload."), group.utf8.count > 12 {
            return ("lxc", String(group.dropFirst(12)))
        }
        return parent == "lxc" ? ("lxc", String(group)) : nil
    }

    /// The first twelve of 64 hexadecimal digits, as the engines' own tools show it.
    private static func shortID(_ text: Substring) -> String? {
        guard text.utf8.count == 64, text.utf8.allSatisfy(isLowerHex) else { return nil }
        return String(text.prefix(12))
    }

    /// `pod3f2a…` below `kubepods`, or `kubepods-burstable-pod3f2a_….slice`.
    private static func pod(_ group: Substring) -> String? {
        var name = group
        if name.hasPrefix("kubepods"), name.hasSuffix(".slice") {
            guard let last = name.dropLast(6).split(separator: "-").last else { return nil }
            name = last
        }
        guard name.hasPrefix("pod") else { return nil }
        // systemd reads a dash in a slice's name as a level of the tree.
        let id = String(name.dropFirst(3).map { $0 == "_" ? "-" : $0 })
        // A UID (RFC 9562), or the digest that names a static pod.
        let isID = [32, 36].contains(id.utf8.count) && id.utf8.allSatisfy { isLowerHex($0) || $0 == 45 }
        return isID ? id : nil
    }

    private static func isLowerHex(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
            || byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "f")
    }
}
