internal import Glibc

/// Names of users. May ask a directory service, and so block: for a helper thread.
public enum UserNames {
    /// A record longer than this is given up.
    private static let maxRoom = 1 << 20

    /// The name of a user, or the number where it has none (or nobody is there to ask).
    public static func name(of uid: UInt32) -> String {
        var room = [CChar](repeating: 0, count: 1024)
        while true {
            var record = passwd()
            var found: UnsafeMutablePointer<passwd>?
            let code = getpwuid_r(uid, &record, &room, room.count, &found)
            if code == EINTR { continue }
            if code == ERANGE && room.count < maxRoom {
                room = [CChar](repeating: 0, count: room.count * 4)
                continue
            }
            // The name lies in the room, which must outlive its copying.
            return withExtendedLifetime(room) {
                guard code == 0, let name = found?.pointee.pw_name, name.pointee != 0 else { return "\(uid)" }
                return String(cString: name)
            }
        }
    }

    /// The number of a user by name, or by the number itself; nil where there is no such user.
    public static func uid(of name: String) -> UInt32? {
        if let number = UInt32(name) { return number }
        var room = [CChar](repeating: 0, count: 1024)
        while true {
            var record = passwd()
            var found: UnsafeMutablePointer<passwd>?
            let code = getpwnam_r(name, &record, &room, room.count, &found)
            if code == EINTR { continue }
            if code == ERANGE && room.count < maxRoom {
                room = [CChar](repeating: 0, count: room.count * 4)
                continue
            }
            return found.map { _ in record.pw_uid }
        }
    }
}
