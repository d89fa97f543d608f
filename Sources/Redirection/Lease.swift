/// What keeps rules in force: elements of sets that the kernel takes away by itself.
///
/// Every rule lies behind two gates. The first is open while somebody renews it, which is done only while weir
/// is there: if both die, the kernel shuts it. The second is open until the time to confirm is over.
public struct Lease: Hashable, Sendable {
    /// The process that renews it. It is in the name of the set: who was replaced finds no set of its own and
    /// gives up.
    public var holder: Int32
    /// How long it lasts without being renewed.
    public var milliseconds: Int
    /// Seconds after which the rules end for good; nil where they were confirmed, or need not be.
    public var secondsToConfirm: Int?
    /// When the rules came, in seconds since 1970.
    public var since: Int

    /// Puts a lease together.
    public init(holder: Int32, milliseconds: Int, secondsToConfirm: Int?, since: Int) {
        self.holder = holder
        self.milliseconds = milliseconds
        self.secondsToConfirm = secondsToConfirm
        self.since = since
    }

    /// The set of the first gate: it has one element, the protocol that passes.
    public static func set(of holder: Int32) -> String { "lease\(holder)" }
    /// The set of the second gate.
    public static let confirmation = "confirmed"
    /// What both hold: IPPROTO_TCP.
    public static let key: UInt8 = 6

    /// Whose lease a set is; nil for other sets.
    public static func holder(ofSet name: String) -> Int32? {
        name.hasPrefix("lease") ? Int32(name.dropFirst(5)) : nil
    }

    /// The commands that open the second gate for good.
    public static func confirm(_ name: TableName) -> String {
        "flush set inet \(name.table) \(confirmation)\nadd element inet \(name.table) \(confirmation) { tcp }\n"
    }

    /// The comment of the first gate, by which our tables are known.
    public static let commentPrefix = "weir redirect since "

    var sets: [String] {
        let limit = secondsToConfirm.map { " timeout \(max(1, $0))s" } ?? ""
        return [
            "set \(Lease.set(of: holder)) { type inet_proto; flags timeout; "
                + "elements = { tcp timeout \(milliseconds)ms }; }",
            "set \(Lease.confirmation) { type inet_proto; flags timeout; elements = { tcp\(limit) }; }",
        ]
    }

    var gates: [String] {
        [
            "meta l4proto != @\(Lease.set(of: holder)) return comment \"\(Lease.commentPrefix)\(since)\"",
            "meta l4proto != @\(Lease.confirmation) return",
        ]
    }
}
