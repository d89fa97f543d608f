/// A status as a person reads it in a terminal.
enum StatusTable {
    /// Several lines, the last one ended too.
    static func text(of report: StatusReport) -> String {
        (summary(report) + outcomes(report) + origins(report.pool)).map { "\($0)\n" }.joined()
    }

    private static func summary(_ report: StatusReport) -> [String] {
        let clients = report.clients
        let pool = report.pool
        let counters = report.counters
        let served = report.counters.outcomes["completed"] ?? 0
        let ended = report.counters.outcomes.values.reduce(0, +)
        return [
            Printable.text("weir \(report.version), \(report.state)")
                + ", up \(Quantity.duration(report.uptime)), process \(report.pid)\(process(report.process))",
            "",
            "ports     \(ports(report.ports.client)) from apps to weir, "
                + "\(ports(report.ports.upstream)) from weir to its busiest origin",
            "clients   \(of(clients.total, clients.limit)): \(clients.parked) parked, "
                + "\(clients.exchanging) exchanging, \(clients.waiting) waiting, "
                + "\(clients.tunnel) in tunnels, "
                + "\(clients.fresh + clients.readingHead) without a request, \(clients.ending) ending; "
                + "\(clients.owners) \(clients.owners == 1 ? "owner" : "owners")\(verdicts(clients))",
            "upstream  \(of(pool.connections, pool.limit)): \(pool.leased) leased, \(pool.idle) idle, "
                + "\(pool.dialling) dialling; peak \(pool.peak)",
            "tunnels   \(of(report.tunnels.open, report.tunnels.limit))",
            "queue     \(of(report.queue.waiting, report.queue.limit))",
            "requests  \(counters.requests); \(served) of \(ended) ended well, \(counters.retries) retried; "
                + "\(Quantity.bytes(counters.bytesUp)) up, \(Quantity.bytes(counters.bytesDown)) down",
            "leases    \(counters.leasesReused) reused, \(counters.leasesFresh) fresh; "
                + "\(counters.dialsFailed) dials failed",
        ]
    }

    private static func ports(_ use: TopReport.PortUse) -> String {
        let end = use.secondsToExhaustion.map { $0 < 86_400 ? ", out in \(Quantity.duration($0))," : "" }
        return of(use.used, use.limit) + (end ?? "")
    }

    /// Who does not behave; `weir leaks` says more.
    private static func verdicts(_ clients: StatusReport.Clients) -> String {
        let found = [(clients.ownersLeaking, "leaking"), (clients.ownersChurning, "churning")]
        return found.filter { $0.0 > 0 }.map { ", \($0.0) \($0.1)" }.joined()
    }

    /// What went wrong, most frequent first.
    private static func outcomes(_ report: StatusReport) -> [String] {
        let failures = report.counters.outcomes.filter { $0.key != "completed" && $0.value > 0 }
            .sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        if failures.isEmpty { return [] }
        let list = failures.map { "\($0.value) \(Printable.text($0.key))" }.joined(separator: ", ")
        return ["failures  \(list)"]
    }

    private static func origins(_ pool: StatusReport.Pool) -> [String] {
        if pool.byOrigin.isEmpty { return [] }
        let header = ["ORIGIN", "KIND", "LEASED", "IDLE", "DIALLING", "WAITING"]
        let rows = pool.byOrigin.map { origin in
            [Printable.text(origin.origin), Printable.text(origin.kind)]
                + [origin.leased, origin.idle, origin.dialling, origin.waiting].map(String.init)
        }
        var lines = [""] + Columns.lines([header] + rows, left: [0, 1])
        if pool.originsLeftOut > 0 { lines.append("… and \(pool.originsLeftOut) smaller ones") }
        return lines
    }

    private static func process(_ process: StatusReport.Process) -> String {
        var text = ""
        if let open = process.descriptors { text += ", descriptors \(of(open, process.descriptorLimit))" }
        if let resident = process.residentBytes { text += ", \(Quantity.bytes(resident)) resident" }
        return text
    }

    private static func of(_ count: Int, _ limit: Int?) -> String {
        limit.map { "\(count) of \($0)" } ?? "\(count)"
    }
}
