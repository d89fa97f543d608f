import FoundationEssentials
import Redirection

/// What is redirected, as it is shown to people and to scripts.
struct RedirectPage: Encodable, Equatable {
    struct Rule: Encodable, Equatable {
        var selected: String
        var connections: Int
    }

    struct One: Encodable, Equatable {
        var name: String
        var table: String
        var state: String
        var sinceSeconds: Int?
        var secondsToConfirm: Int?
        var keeper: Int32?
        var targets: [String]
        var rules: [Rule]
    }

    var weirAnswers: Bool
    /// Why connections cannot be led to weir now.
    var weirRefusal: String?
    var redirections: [One]

    init(_ found: [Redirected], refusal: String?, now: Int) {
        weirAnswers = refusal == nil
        weirRefusal = refusal
        redirections = found.map { one in
            One(
                name: one.name.name,
                table: one.name.table,
                state: Self.state(one),
                sinceSeconds: one.since.map { max(0, now - $0) },
                secondsToConfirm: one.secondsToConfirm,
                keeper: one.holder,
                targets: one.targets,
                rules: one.rules.map { Rule(selected: $0.selected, connections: $0.connections) }
            )
        }
    }

    /// In force, or why the rules match nothing.
    private static func state(_ one: Redirected) -> String {
        if !one.isOpen { return "not confirmed in time" }
        if !one.isHeld { return "lapsed" }
        return one.secondsToConfirm == nil ? "in force" : "to be confirmed"
    }

    /// One JSON object and a line feed.
    var json: [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys]
        return ((try? encoder.encode(self)).map(Array.init) ?? []) + [UInt8(ascii: "\n")]
    }

    /// Several lines, the last one ended too.
    var text: [UInt8] {
        var lines: [String] = []
        if redirections.isEmpty {
            lines.append("nothing is redirected")
        } else {
            let header = ["NAME", "STATE", "SINCE", "SELECTED", "CONNECTIONS", "LED TO"]
            lines += Columns.lines([header] + redirections.flatMap(Self.rows), left: [0, 1, 3, 5])
        }
        for one in redirections {
            if let seconds = one.secondsToConfirm {
                lines.append(
                    "\(Printable.text(one.name)): taken back in \(seconds)s unless confirmed: weir redirect confirm"
                )
            } else if one.state == "lapsed" {
                lines.append(
                    "\(Printable.text(one.name)): new connections go directly, as weir or the keeping process is gone"
                )
            }
        }
        if let weirRefusal { lines.append(Printable.text(weirRefusal)) }
        return Array(lines.map { $0 + "\n" }.joined().utf8)
    }

    /// A row for each rule; what holds for all stands in the first.
    private static func rows(_ one: One) -> [[String]] {
        one.rules.enumerated().map { index, rule in
            let isFirst = index == 0
            return [
                isFirst ? Printable.text(one.name) : "",
                isFirst ? one.state : "",
                isFirst ? one.sinceSeconds.map { Quantity.duration(Double($0)) } ?? "-" : "",
                Printable.text(rule.selected),
                "\(rule.connections)",
                isFirst ? one.targets.joined(separator: ", ") : "",
            ]
        }
    }
}
