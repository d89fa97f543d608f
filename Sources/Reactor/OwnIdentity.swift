internal import Glibc

/// What rules that redirect connections have to know of this process, so that they let its own through.
public enum OwnIdentity {
    /// The effective user.
    public static var user: UInt32 { geteuid() }

    /// The control group in the unified hierarchy, as `/proc/self/cgroup` has it: from the root of this process'
    /// cgroup namespace. Nil where there is none.
    public static func controlGroup() -> String? {
        SmallFile.read("/proc/self/cgroup", limit: 1 << 16).flatMap(ControlGroups.path(named:))
    }
}
