internal import Glibc

/// Names of users. May ask a directory service, and so block: for a helper thread.
public enum UserNames {
    /// A record longer than this is given up.
    private static let maxRoom = 1 << 20

    /// The name of a user, or the number where it has none (or nobody is there to ask).
    public static func name(of uid: UInt32) -> String {
        let name = record(
            { getpwuid_r(uid, $0, $1, $2, $3) },
            read: { $0.pw_name.flatMap { $0.pointee == 0 ? nil : String(cString: $0) } }
        )
        return name.flatMap { $0 } ?? "\(uid)"
    }

    /// The number of a user by name, or by the number itself; nil where there is no such user.
    public static func uid(of name: String) -> UInt32? {
        UInt32(name) ?? record({ getpwnam_r(name, $0, $1, $2, $3) }, read: { $0.pw_uid })
    }

    /// Looks a user up in as much room as its record takes. What `read` makes of it must not refer to the record,
    /// whose texts lie in the room. Nil where there is no such user.
    private static func record<Value>(
        _ find: (
            UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
            UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
        ) -> Int32,
        read: (passwd) -> Value
    ) -> Value? {
        var size = 1024
        while true {
            var record = passwd()
            var found: UnsafeMutablePointer<passwd>?
            let (code, value) = withUnsafeTemporaryAllocation(of: CChar.self, capacity: size) { room in
                guard let start = room.baseAddress else { return (EINVAL, Value?.none) }
                let code = find(&record, start, room.count, &found)
                return (code, code == 0 ? found.map { read($0.pointee) } : nil)
            }
            if code == EINTR { continue }
            if code != ERANGE || size >= maxRoom { return value }
            size *= 4
        }
    }
}
