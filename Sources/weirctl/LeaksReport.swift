/// What `/leaks` says, as far as the table shows it. A missing part is an error, as in a status.
struct LeaksReport: Decodable, Equatable {
    /// What weir thinks of an owner or a destination, the worst first.
    enum Verdict: String, Decodable, Equatable, CaseIterable {
        case leaking
        case churning
        case healthy

        /// 0 for the worst.
        var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    }

    struct Process: Decodable, Equatable {
        var pid: Int
        var executable: String?
    }

    struct Destination: Decodable, Equatable {
        var destination: String
        var verdict: Verdict
        var sinceSeconds: Double
        var opened: Int
        var reaped: Int
        var tunnels: Int
        var quiet: Int
        var stalled: Int
    }

    struct Owner: Decodable, Equatable {
        var uid: Int?
        var user: String?
        var unit: String?
        var address: String?
        var verdict: Verdict
        var sinceSeconds: Double
        var opened: Int
        var parked: Int
        var tunnels: Int
        var stalled: Int
        var oneShotShare: Double
        var reaped: Int
        var ports: Int
        var processes: [Process]
        var destinations: [Destination]
        var remedy: String?

        /// The destinations towards which it leaks.
        var leaks: [Destination] { destinations.filter { $0.verdict == .leaking } }
        /// Whether an operator has to do something about it, or soon will.
        var needsAttention: Bool { verdict != .healthy || !leaks.isEmpty }
    }

    var owners: [Owner]
    var ownersLeftOut: Int
    var processesPending: Bool
    var unseen: String?

    /// Whether an owner leaks, or towards a destination.
    var hasLeak: Bool { owners.contains { $0.verdict == .leaking || !$0.leaks.isEmpty } }

    /// Reads the JSON of `/leaks`.
    static func read(_ content: [UInt8]) throws(AdminError) -> LeaksReport {
        try AdminJSON.read(content, as: "a list of leaks")
    }
}
