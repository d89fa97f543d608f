/// Whose connections are redirected.
public enum Selector: Hashable, Sendable {
    /// A control group and everything below it.
    case group(Group)
    /// Sockets that this user opened.
    case uid(UInt32)
    /// Sockets that were opened with this group as the process's own.
    case gid(UInt32)
    /// Everybody's.
    case all

    /// A control group, version 2.
    public struct Group: Hashable, Sendable {
        /// What the operator called it: `payments.service`, or the path.
        public var label: String
        /// From the root of the tree: `/system.slice/payments.service`.
        public var path: String
        /// Whether it is there: the kernel knows a group by a number that it has from its making, so a group
        /// that does not exist cannot be named.
        public var exists: Bool
        /// Whether it is a unit of systemd's.
        public var isUnit: Bool

        /// Takes a path that begins with a slash and has no empty parts.
        ///
        /// - Throws: for the root, which is `--all`, and for characters that nft's grammar has no way to quote.
        public init(label: String, path: String, exists: Bool, isUnit: Bool) throws(RedirectionError) {
            guard path.hasPrefix("/"), path != "/", !path.hasSuffix("/"), !path.contains("//"),
                !path.split(separator: "/").contains(where: { $0 == "." || $0 == ".." })
            else {
                throw RedirectionError(
                    "'\(path)' is not the path of a control group such as /system.slice/payments.service"
                )
            }
            guard path.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "\"") }) else {
                throw RedirectionError("the control group '\(label)' has a name that nft cannot be told")
            }
            (self.label, self.path, self.exists, self.isUnit) = (label, path, exists, isUnit)
        }

        /// How far below the root of the tree it is: 1 for `/system.slice`.
        public var level: Int { path.utf8.count { $0 == UInt8(ascii: "/") } }

        /// Whether another group is this one or below it.
        func holds(_ other: String) -> Bool { other == path || other.hasPrefix(path + "/") }
    }

    /// One or two words for people, and for the rule's comment.
    public var description: String {
        switch self {
        case .group(let group): (group.isUnit ? "unit " : "cgroup ") + group.label
        case .uid(let uid): "uid \(uid)"
        case .gid(let gid): "gid \(gid)"
        case .all: "all"
        }
    }
}
