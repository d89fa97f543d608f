/// Who leaks, as a person reads it in a terminal.
enum LeaksTable {
    /// Longer names would push the numbers out of sight; what tells units apart often comes last.
    private static let longestName = 40

    /// Several lines, the last one ended too. Healthy owners are shown where `all` asks for it.
    static func text(of report: LeaksReport, all: Bool) -> String {
        let owners = report.owners.filter { all || $0.needsAttention }.sorted(by: isWorse)
        var lines = table(owners)
        if !report.hasLeak { lines.append(allClear(report.owners)) }
        let hidden = report.owners.count - owners.count
        if hidden > 0 { lines.append("\(count(hidden, "healthy owner")) not shown (--all)") }
        if report.ownersLeftOut > 0 { lines.append("… and \(count(report.ownersLeftOut, "smaller owner"))") }
        if report.processesPending && !owners.isEmpty {
            lines.append("weir has not found all processes yet; ask again")
        }
        if let unseen = report.unseen { lines.append(Printable.text(unseen)) }
        return lines.map { "\($0)\n" }.joined()
    }

    private static func isWorse(_ one: LeaksReport.Owner, _ other: LeaksReport.Owner) -> Bool {
        (one.verdict.rank, other.ports) < (other.verdict.rank, one.ports)
    }

    private static func allClear(_ owners: [LeaksReport.Owner]) -> String {
        if owners.isEmpty { return "nothing leaks: weir has not seen any client" }
        let churning = owners.filter { $0.verdict == .churning }.count
        return churning == 0 ? "nothing leaks" : "nothing leaks, but \(count(churning, "owner")) churning"
    }

    private static func table(_ owners: [LeaksReport.Owner]) -> [String] {
        if owners.isEmpty { return [] }
        let header = [
            "OWNER", "PID", "EXE", "VERDICT", "OPENED", "ONE-SHOT", "PARKED", "TUNNELS", "STALLED", "REAPED",
            "PORTS", "SINCE",
        ]
        let rows = Columns.lines([header] + owners.map(cells), left: [0, 1, 2, 3])
        return [rows[0]] + zip(rows.dropFirst(), owners).flatMap { row, owner in [row] + details(owner) }
    }

    private static func cells(_ owner: LeaksReport.Owner) -> [String] {
        let percent = Int((min(max(0, owner.oneShotShare), 1) * 100).rounded())
        return [name(owner), pid(owner), executable(owner), owner.verdict.rawValue]
            + ["\(owner.opened)", "\(percent)%"]
            + [owner.parked, owner.tunnels, owner.stalled, owner.reaped, owner.ports].map(String.init)
            + [Quantity.duration(owner.sinceSeconds)]
    }

    /// What stands below an owner's row.
    private static func details(_ owner: LeaksReport.Owner) -> [String] {
        guard owner.needsAttention else { return [] }
        var lines: [String] = []
        if let remedy = owner.remedy, !remedy.isEmpty { lines.append("  remedy: \(Printable.text(remedy))") }
        for leak in owner.leaks {
            lines.append(
                "  leaks to \(Printable.text(leak.destination)) for \(Quantity.duration(leak.sinceSeconds)): "
                    + "\(leak.opened) opened, \(leak.reaped) reaped, \(count(leak.tunnels, "tunnel")), "
                    + "\(leak.quiet) of them quiet, \(leak.stalled) stalled"
            )
        }
        return lines
    }

    /// The unit, else the user, else the address.
    static func name(_ owner: LeaksReport.Owner) -> String {
        let uid = owner.uid.map { "uid \($0)" }
        let names = [owner.unit, owner.user, uid, owner.address]
        return short(names.compactMap { $0 }.first { !$0.isEmpty })
    }

    /// The first process, and how many more there are.
    private static func pid(_ owner: LeaksReport.Owner) -> String {
        guard let first = owner.processes.first else { return "-" }
        return owner.processes.count == 1 ? "\(first.pid)" : "\(first.pid) +\(owner.processes.count - 1)"
    }

    private static func executable(_ owner: LeaksReport.Owner) -> String {
        short(owner.processes.first?.executable?.split(separator: "/").last.map(String.init))
    }

    /// Fit for a cell: `-` for what is unknown, the middle left out of what is too long.
    private static func short(_ text: String?) -> String {
        guard let text, !text.isEmpty else { return "-" }
        let cell = Printable.text(text)
        if cell.count <= longestName { return cell }
        return "\(cell.prefix(longestName / 2))…\(cell.suffix(longestName / 2 - 1))"
    }

    private static func count(_ number: Int, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }
}
