/// Answers to `/leaks`, as weir would send them.
enum LeaksFixture {
    /// An answer with these owners.
    static func answer(_ owners: [String], leftOut: Int = 0, pending: Bool = false, unseen: String? = nil)
        -> String
    {
        """
        {"owners":[\(owners.joined(separator: ","))],"owners_left_out":\(leftOut),\
        "processes_pending":\(pending),"unseen":\(unseen.map { "\"\($0)\"" } ?? "null"),"something_new":1}
        """
    }

    /// An owner who has nothing but a user; `members` are further members of the JSON, and the same ones
    /// with another value.
    static func owner(_ verdict: String, _ members: [String: String] = [:]) -> String {
        let all = [
            "kind": "\"local\"", "uid": "1", "user": "null", "cgroup": "null", "unit": "null",
            "address": "null", "verdict": "\"\(verdict)\"", "since_seconds": "12.5", "seen_seconds": "100.0",
            "opened": "123", "reused": "3", "held": "5", "parked": "4", "tunnels": "1", "quiet": "1",
            "stalled": "0", "one_shot_share": "0.976", "reaped": "100", "ports": "6", "agent": "null",
            "processes": "[]", "destinations": "[]", "remedy": "null",
        ].merging(members) { $1 }
        return
            "{\(all.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ","))}"
    }

    static func process(_ pid: Int, _ executable: String) -> String {
        "{\"pid\":\(pid),\"executable\":\"\(executable)\",\"command\":\"app\"}"
    }

    static func destination(_ name: String, _ verdict: String, tunnels: Int = 9) -> String {
        """
        {"destination":"\(name)","verdict":"\(verdict)","since_seconds":3.0,"opened":50,"reaped":40,\
        "tunnels":\(tunnels),"quiet":8,"stalled":0}
        """
    }
}
