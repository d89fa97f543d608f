import Basics
import Survey

/// The host's state as a person reads it in a terminal, 80 columns wide.
enum DoctorTable {
    private static let width = 79
    /// Longer names would push the numbers out of sight.
    private static let longestName = 15
    private static let longestOwner = 20
    /// Processes and pairs that are shown unless all are asked for.
    private static let most = 10

    /// Several lines, the last one ended too.
    static func text(of examination: DoctorExamination, all: Bool) -> String {
        var lines = processes(examination.diagnoses, all: all)
        lines += [""] + ports(examination, all: all)
        lines += [""] + closing(examination)
        return lines.map { "\($0)\n" }.joined()
    }

    // MARK: Processes

    private static func processes(_ diagnoses: [Diagnosis], all: Bool) -> [String] {
        if diagnoses.isEmpty { return ["no process of this network namespace has dialled a connection"] }
        let shown = all ? diagnoses[...] : diagnoses.prefix(most)
        let header = ["PROCESS", "PID", "OWNER", "CONNS", "IDLE", "UNCLOSED", "WAY"]
        let rows = Columns.lines([header] + shown.map(cells), left: [0, 2, 6]).map(trimmed)
        var lines = [rows[0]]
        for (row, diagnosis) in zip(rows.dropFirst(), shown) {
            lines.append(row)
            lines += details(diagnosis, all: all)
        }
        if shown.count < diagnoses.count {
            lines.append("… and \(diagnoses.count - shown.count) more (--all)")
        }
        return lines
    }

    private static func cells(_ diagnosis: Diagnosis) -> [String] {
        let process = diagnosis.process
        let sum = { (count: (Holding) -> Int) in "\(diagnosis.holdings.map(count).reduce(0, +))" }
        return [
            short(process.name, longestName), process.pid.map { "\($0)" } ?? "-",
            short(process.unit ?? process.user, longestOwner),
            sum(\.total), sum(\.idle), sum(\.peerClosed), diagnosis.way.description,
        ]
    }

    private static func details(_ diagnosis: Diagnosis, all: Bool) -> [String] {
        var lines: [String] = []
        if all || !diagnosis.findings.isEmpty {
            let shown = all ? diagnosis.holdings[...] : diagnosis.holdings.prefix(3)
            for holding in shown { lines.append("  to \(holding.destination): \(states(holding))") }
            let rest = diagnosis.holdings.count - shown.count
            if rest > 0 { lines.append("  … and \(rest) more destination\(rest == 1 ? "" : "s") (--all)") }
        }
        for (index, finding) in diagnosis.findings.enumerated() {
            // Findings of one cause share their advice, which stands below the last of them.
            let next = index + 1 < diagnosis.findings.count ? diagnosis.findings[index + 1].advice : nil
            lines += text(of: finding, hasAdvice: next != finding.advice)
        }
        return lines
    }

    /// `412 established (2 waiting, 410 idle), 3 unclosed`
    private static func states(_ holding: Holding) -> String {
        var parts: [String] = []
        if holding.established > 0 {
            var some: [String] = []
            if holding.awaiting > 0 { some.append("\(holding.awaiting) waiting") }
            if holding.idle > 0 { some.append("\(holding.idle) idle") }
            if holding.unread > 0 { some.append("\(holding.unread) unread") }
            parts.append(
                "\(holding.established) established"
                    + (some.isEmpty ? "" : " (\(some.joined(separator: ", ")))")
            )
        }
        if holding.peerClosed > 0 { parts.append("\(holding.peerClosed) unclosed") }
        if holding.opening > 0 { parts.append("\(holding.opening) opening") }
        if holding.closing > 0 { parts.append("\(holding.closing) closing") }
        return parts.joined(separator: ", ")
    }

    private static func text(of finding: Finding, hasAdvice: Bool = true) -> [String] {
        wrapped(Printable.text(finding.text), first: "  ! ", rest: "    ")
            + (hasAdvice ? finding.advice : []).flatMap {
                wrapped(Printable.text($0), first: "    - ", rest: "      ")
            }
    }

    // MARK: Ports

    private static func ports(_ examination: DoctorExamination, all: Bool) -> [String] {
        if examination.ports.isEmpty { return ["no ports in use; there are \(examination.capacity)"] }
        let shown = all ? examination.ports[...] : examination.ports.prefix(most / 2)
        let header = ["PORTS FROM → TO", "USED", "OF \(examination.capacity)", "TIME_WAIT", "FULL IN"]
        let rows = shown.map { report in
            [
                "\(report.pair)", "\(report.count.used)", "\(report.percent)%", "\(report.count.timeWait)",
                report.exhaustion.map { Quantity.duration($0.inSeconds) } ?? "-",
            ]
        }
        var lines = Columns.lines([header] + rows, left: [0]).map(trimmed)
        for report in shown.reversed() where report.isShort {
            let place = (shown.firstIndex { $0.pair == report.pair } ?? 0) + 2
            lines.insert(contentsOf: text(of: finding(report)), at: place)
        }
        let rest = examination.ports.count - shown.count
        if rest > 0 { lines.append("… and \(rest) more (--all)") }
        return lines
    }

    /// What is to be said of a pair whose ports run short.
    static func finding(_ report: DoctorExamination.PortReport) -> Finding {
        let end = report.exhaustion.map { ", all in \(Quantity.duration($0.inSeconds)) at this pace" } ?? ""
        var advice = ["who holds them: the processes above"]
        if report.count.timeWait * 2 > report.count.used {
            advice.append("most are in TIME_WAIT: reuse connections, or sysctl net.ipv4.tcp_tw_reuse=1")
        }
        advice.append(
            "room meanwhile: sysctl net.ipv4.ip_local_port_range='1024 60999' (keep listeners' ports out of it "
                + "by ip_local_reserved_ports)"
        )
        return Finding(
            .ports,
            "\(report.percent)% of the ports from \(report.pair) are in use\(end)",
            advice: advice
        )
    }

    // MARK: The end

    private static func closing(_ examination: DoctorExamination) -> [String] {
        var lines: [String] = []
        let places = examination.weir.endpoints.map { "\($0)" }.joined(separator: ", ")
        let isThere = examination.weir.isListening
        lines.append(
            isThere ? "weir listens at \(places)" : "nobody listens at \(places), where weir was looked for"
        )
        let count = examination.diagnoses.reduce(0) { $0 + $1.findings.count }
        let short = examination.ports.filter(\.isShort).count
        let all = count + short
        lines.append(all == 0 ? "nothing is wrong" : "\(all) finding\(all == 1 ? "" : "s")")
        if !examination.unseen.isEmpty {
            lines.append("not seen:")
            for sentence in examination.unseen { lines += wrapped(sentence, first: "  - ", rest: "    ") }
        }
        return lines
    }

    // MARK: Layout

    private static func trimmed(_ line: String) -> String {
        var line = line
        while line.last == " " { line.removeLast() }
        return line
    }

    /// The middle left out of what is too long.
    private static func short(_ text: String, _ longest: Int) -> String {
        let cell = Printable.text(text)
        if cell.count <= longest { return cell }
        return "\(cell.prefix(longest / 2))…\(cell.suffix((longest - 1) / 2))"
    }

    /// Lines of at most the width, broken between words; a word that is longer has a line of its own.
    static func wrapped(_ text: String, first: String, rest: String) -> [String] {
        var lines: [String] = []
        var line = first
        var isEmpty = true
        for word in text.split(separator: " ") {
            if !isEmpty && line.count + 1 + word.count > width {
                lines.append(line)
                line = rest
                isEmpty = true
            }
            line += (isEmpty ? "" : " ") + word
            isEmpty = false
        }
        return lines + [line]
    }
}
