internal import Glibc

/// Names of groups of users. May ask a directory service, and so block.
public enum GroupNames {
    /// The number of a group by name, or by the number itself; nil where there is no such group.
    public static func gid(of name: String) -> UInt32? {
        // One thread asks, once: the static record is nobody else's.
        UInt32(name) ?? getgrnam(name)?.pointee.gr_gid
    }
}
