internal import Glibc

/// What nft(8) tells of the rules in force in this network namespace.
public enum NetfilterListing {
    /// More than any ruleset that a person wrote.
    private static let limit = 16 << 20

    /// All rules as JSON (libnftables-json(5)); nil where there is no nft, or it may not be asked (it takes
    /// CAP_NET_ADMIN), or it does not answer within five seconds.
    public static func json() -> [UInt8]? {
        // The command is a constant, so the shell has nothing to misread; nft lies where an ordinary user's
        // path does not lead.
        let command = "PATH=$PATH:/usr/sbin:/sbin exec timeout 5 nft -j list ruleset 2>/dev/null"
        guard let pipe = popen(command, "re") else { return nil }
        var text: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 65_536)
        while text.count < limit {
            let count = fread(&room, 1, room.count, pipe)
            if count == 0 { break }
            text += room[..<count]
        }
        return pclose(pipe) == 0 ? text : nil
    }
}
