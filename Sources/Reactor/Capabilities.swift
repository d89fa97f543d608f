internal import Glibc

/// What this process may do beyond what its user may (capabilities(7)).
public enum Capabilities {
    /// Whether the process may administer the network of its namespace: CAP_NET_ADMIN, effective. False too
    /// where /proc is not there.
    public static func mayAdministerNetwork() -> Bool {
        guard let status = SmallFile.read("/proc/self/status", limit: 16_384) else { return false }
        return has(12, in: status)
    }

    /// The same of a capability's number, from the text of /proc/PID/status (proc(5)).
    static func has(_ number: Int, in status: String) -> Bool {
        let key = "CapEff:\t"
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(key) }),
            let set = UInt64(line.dropFirst(key.count), radix: 16)
        else { return false }
        return set & 1 << UInt64(number) != 0
    }
}
