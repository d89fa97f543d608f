/// One picture of `weirctl top`: as many lines as the window has rows, none wider than it.
struct TopPage {
    /// What was last heard, and what happened before.
    let report: TopReport
    let rates: TopRates
    let view: TopView
    /// Why there is nothing newer; nil where there is.
    var problem: String?
    var usesColor = true

    private enum Tone: String {
        case plain = "0", bold = "1", faint = "2", good = "32", warn = "33", bad = "31", reverse = "7"
    }

    /// The lines, each ended by what turns colours off.
    func lines(rows: Int, columns: Int) -> [String] {
        let width = max(20, columns)
        var top = head(width) + summary(width)
        let room = max(0, rows - top.count - 1)
        if view.isHelpShown {
            top += Self.help.prefix(room).map { fitted($0, width) }
        } else {
            top += tables(room, width)
        }
        top = Array(top.prefix(max(0, rows - 1)))
        while top.count < rows - 1 { top.append("") }
        return top + [foot(width)]
    }

    // MARK: Above the tables

    private func head(_ width: Int) -> [String] {
        let name = Printable.text("weir \(report.version)")
        let left = "\(name)  \(report.state)  up \(Quantity.duration(report.uptime))  pid \(report.pid)"
        let right = view.isPaused ? "paused" : "every \(Self.number(view.period)) s"
        let gap = max(2, width - left.count - right.count)
        let (tone, text) = verdict
        return [
            fitted(left + String(repeating: " ", count: gap) + right, width, .faint),
            fitted(text, width, tone),
            "",
        ]
    }

    /// What a person on call wants to know first.
    private var verdict: (Tone, String) {
        if let problem { return (.bad, "! no answer: \(problem)") }
        for (hop, use) in [("app → weir", report.ports.client), ("weir → origin", report.ports.upstream)] {
            let isNear = use.secondsToExhaustion.map { $0 < 600 } ?? false
            if let limit = use.limit, isNear || use.used * 10 >= limit * 9 {
                return (.bad, "! ports \(hop): \(use.used) of \(limit)\(Self.end(use))")
            }
        }
        if let worst = report.owners.first(where: { $0.verdict == .leaking }) {
            return (.warn, "! leaking: \(LeaksTable.name(worst)) holds \(worst.ports) ports")
        }
        if report.queue.waiting >= 10 {
            return (.warn, "! \(report.queue.waiting) requests wait for a connection")
        }
        if let failed = rates.failed, failed > 0.05, rates.failures >= 1 {
            return (.warn, "! \(Int(failed * 100))% of the exchanges fail")
        }
        if report.state == "draining" { return (.warn, "draining: apps are asked to go") }
        return (.good, "healthy: nobody leaks, no port runs short")
    }

    private func summary(_ width: Int) -> [String] {
        let clients = report.clients
        let pool = report.pool
        let failed = rates.failed.map { " (\(Self.number($0 * 100))%)" } ?? ""
        let delay = { (bound: Int?) in bound.map { "≤\(Self.time(microseconds: $0))" } ?? "-" }
        let isWide = width >= 100
        return [
            ports("app→weir", report.ports.client, width),
            ports("weir→origin", report.ports.upstream, width),
            fitted(
                "requests  \(Self.number(rates.requests))/s  errors \(Self.number(rates.failures))/s\(failed)  "
                    + "p50 \(delay(rates.median))  p99 \(delay(rates.slow))"
                    + (isWide
                        ? "  down \(Quantity.bytes(Int(rates.down)))/s  up \(Quantity.bytes(Int(rates.up)))/s"
                        : ""),
                width
            ),
            fitted(
                "clients   \(Self.of(clients.total, clients.limit))  parked \(clients.parked)  "
                    + "busy \(clients.exchanging + clients.waiting)  queue \(report.queue.waiting)  "
                    + "tunnels \(report.tunnels.open) (\(report.quietTunnels) quiet)",
                width
            ),
            fitted(
                "upstream  \(Self.of(pool.connections, pool.limit))  leased \(pool.leased)  idle \(pool.idle)  "
                    + "dialling \(pool.dialling)",
                width
            ),
            "",
        ]
    }

    private func ports(_ hop: String, _ use: TopReport.PortUse, _ width: Int) -> String {
        let share = use.limit.map { Double(use.used) / Double(max(1, $0)) } ?? 0
        let cells = width >= 100 ? 30 : 12
        let full = min(cells, max(use.used > 0 && use.limit != nil ? 1 : 0, Int(share * Double(cells))))
        let bar = String(repeating: "█", count: full) + String(repeating: "·", count: cells - full)
        let growth =
            use.growthPerSecond.magnitude < 0.05
            ? ""
            : String(
                (use.growthPerSecond > 0 ? "  +" : "  -") + Self.number(use.growthPerSecond.magnitude) + "/s"
            )
        let text =
            "ports     \(Self.padded(hop, 12))\(bar)  \(Self.of(use.used, use.limit))\(growth)\(Self.end(use))"
        let isNear = use.secondsToExhaustion.map { $0 < 3600 } ?? false
        return fitted(text, width, share >= 0.9 ? .bad : share >= 0.5 || isNear ? .warn : .plain)
    }

    private static func end(_ use: TopReport.PortUse) -> String {
        // What lies further ahead than a day is noise.
        guard let left = use.secondsToExhaustion, left < 86_400 else { return "" }
        return "  out in \(Quantity.duration(left))"
    }

    // MARK: Tables

    private func tables(_ room: Int, _ width: Int) -> [String] {
        switch view.tables {
        case .owners: return part(ownerRows, room, width, left: report.ownersLeftOut)
        case .origins: return part(originRows, room, width, left: report.pool.originsLeftOut)
        case .both:
            // The shorter table leaves its room to the other; an empty line lies between.
            let owners = ownerRows
            let origins = originRows
            let half = max(2, (room - 1) / 2)
            let upper = min(owners.count, max(half, room - 1 - origins.count))
            let first = part(owners, upper, width, left: report.ownersLeftOut)
            return first + [""]
                + part(origins, room - first.count - 1, width, left: report.pool.originsLeftOut)
        }
    }

    /// A header and as many rows as there is room for, from where the person has scrolled to.
    private func part(_ rows: [(Tone, String)], _ room: Int, _ width: Int, left: Int) -> [String] {
        guard let header = rows.first, room > 0 else { return [] }
        let start = min(view.offset, max(0, rows.count - room))
        let shown = rows.dropFirst(1 + start).prefix(room - 1)
        let rest = rows.count - 1 - start - shown.count + left
        let more = rest > 0 ? "  (\(rest) more)" : ""
        return [fitted(header.1 + more, width, .reverse, fills: true)]
            + shown.map { fitted($0.1, width, $0.0) }
    }

    private var ownerRows: [(Tone, String)] {
        let owners = view.sorted(report.owners)
        func title(_ text: String, _ order: TopView.Order) -> String {
            view.order == order ? "*\(text)" : text
        }
        let header = [
            title("OWNER", .name), title("VERDICT", .verdict), title("PORTS", .ports),
            title("OPENED", .opened),
            "ONE-SHOT", "PARKED", "TUNNELS", title("REAPED", .reaped), "SINCE",
        ]
        let cells = owners.map { owner in
            [LeaksTable.name(owner), owner.verdict.rawValue, "\(owner.ports)", "\(owner.opened)"]
                + ["\(Int((owner.oneShotShare * 100).rounded()))%", "\(owner.parked)", "\(owner.tunnels)"]
                + ["\(owner.reaped)", Quantity.duration(owner.sinceSeconds)]
        }
        let tones = owners.map { owner -> Tone in
            switch owner.verdict {
            case .leaking: .bad
            case .churning: .warn
            case .healthy: .plain
            }
        }
        return Array(zip([.plain] + tones, Columns.lines([header] + cells, left: [0, 1])))
    }

    private var originRows: [(Tone, String)] {
        let header = ["ORIGIN", "KIND", "LEASED", "IDLE", "DIALLING", "WAITING"]
        let origins = view.sorted(report.pool.byOrigin)
        let cells = origins.map { origin in
            [Self.shortened(Printable.text(origin.origin), 44), Printable.text(origin.kind)]
                + [origin.leased, origin.idle, origin.dialling, origin.waiting].map(String.init)
        }
        let tones = origins.map { $0.waiting > 0 ? Tone.warn : .plain }
        return Array(zip([.plain] + tones, Columns.lines([header] + cells, left: [0, 1])))
    }

    // MARK: Below

    private func foot(_ width: Int) -> String {
        let keys =
            " q quit  s sort:\(view.order.rawValue)  r turn  Tab view  j/k scroll  p pause  +/- pace  h help"
        return fitted(keys, width, .reverse, fills: true)
    }

    private static let help = [
        "OWNER     systemd unit, control group, user or address of the app",
        "VERDICT   leaking: opens a connection for each request and leaves it lying",
        "          churning: opens one for each request and closes it; drawn from the last 32",
        "PORTS     what it holds: connections to weir, and one more for each tunnel",
        "ONE-SHOT  share of its connections that carried no second request",
        "PARKED    between two requests;  REAPED  ended by weir because of the leak",
        "LEASED    in use;  IDLE  kept for the next request;  WAITING  requests in the queue",
        "p50, p99  half, and 99 of 100, of the exchanges since the last look took less",
        "",
        "weir leaks says what a leaking app's developers have to change",
    ]

    // MARK: Text

    /// The text, cut to the width, in its tone.
    private func fitted(_ text: String, _ width: Int, _ tone: Tone = .plain, fills: Bool = false) -> String {
        var line = String(text.prefix(width))
        if fills { line = Self.padded(line, width) }
        if tone == .plain || (!usesColor && ![.reverse, .bold].contains(tone)) { return line }
        return "\u{1B}[\(tone.rawValue)m\(line)\u{1B}[0m"
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func shortened(_ text: String, _ most: Int) -> String {
        text.count <= most ? text : text.prefix(most - 9) + "…" + text.suffix(8)
    }

    private static func of(_ count: Int, _ limit: Int?) -> String {
        limit.map { "\(count) of \($0)" } ?? "\(count)"
    }

    /// `250us`, `16ms`, `2s`.
    private static func time(microseconds: Int) -> String {
        switch microseconds {
        case ..<1000: "\(microseconds)us"
        case ..<1_000_000: "\(microseconds / 1000)ms"
        default: "\(microseconds / 1_000_000)s"
        }
    }

    /// One decimal where that says something.
    private static func number(_ value: Double) -> String {
        if value >= 100 || value == value.rounded() { return "\(Int(value.rounded()))" }
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
