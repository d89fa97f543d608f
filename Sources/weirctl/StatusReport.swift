/// What `/status` says, as far as the table shows it. A missing part is an error: weirctl and weir come from
/// one release. Additions do no harm.
struct StatusReport: Decodable, Equatable {
    struct Clients: Decodable, Equatable {
        var total: Int
        var limit: Int?
        var fresh: Int
        var readingHead: Int
        var waiting: Int
        var exchanging: Int
        var parked: Int
        var tunnel: Int
        var ending: Int
        var owners: Int
        var ownersChurning: Int
        var ownersLeaking: Int
    }

    struct Tunnels: Decodable, Equatable {
        var open: Int
        var limit: Int?
    }

    struct Queue: Decodable, Equatable {
        var waiting: Int
        var limit: Int?
    }

    struct Origin: Decodable, Equatable {
        var origin: String
        var kind: String
        var dialling: Int
        var leased: Int
        var idle: Int
        var waiting: Int
    }

    struct Pool: Decodable, Equatable {
        var connections: Int
        var limit: Int?
        var dialling: Int
        var leased: Int
        var idle: Int
        var peak: Int
        var originsLeftOut: Int
        var byOrigin: [Origin]
    }

    struct Process: Decodable, Equatable {
        var descriptors: Int?
        var descriptorLimit: Int?
        var residentBytes: Int?
    }

    struct Counters: Decodable, Equatable {
        var requests: Int
        var retries: Int
        var bytesUp: Int
        var bytesDown: Int
        var leasesReused: Int
        var leasesFresh: Int
        var dialsFailed: Int
        var outcomes: [String: Int]
    }

    var version: String
    var pid: Int
    var state: String
    var uptime: Double
    var process: Process
    var ports: TopReport.Ports
    var clients: Clients
    var tunnels: Tunnels
    var queue: Queue
    var pool: Pool
    var counters: Counters

    /// Reads the JSON of `/status`.
    static func read(_ content: [UInt8]) throws(AdminError) -> StatusReport {
        try AdminJSON.read(content, as: "a status", names: ["outcomes"])
    }
}
