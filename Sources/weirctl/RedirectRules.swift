import Basics
import FoundationEssentials
import Reactor

/// Whose new connections redirect rules lead to weir, as the rules themselves say in their comments.
struct RedirectRules {
    /// What selects: `unit payments.service`, `cgroup /path`, `uid 1000`, `all`.
    private(set) var selectors: [String] = []

    /// More than any ruleset that a person wrote.
    private static let limit = 16 << 20

    /// The rules in force; nil where they may not be known: there is no nft, it may not be asked (it takes
    /// CAP_NET_ADMIN), or it does not answer within five seconds.
    static func inForce() -> RedirectRules? {
        guard let nft = ChildProcess.find("nft"),
            let result = try? ChildProcess.run(
                nft,
                ["-j", "list", "ruleset"],
                timeout: .seconds(5),
                outputLimit: limit
            ),
            result.status == 0
        else { return nil }
        return RedirectRules(result.output)
    }

    /// Reads nft's JSON; nil for what is none.
    init?(_ json: [UInt8]) {
        guard let listing = try? JSONDecoder().decode(Listing.self, from: Data(json)) else { return nil }
        for rule in listing.nftables.compactMap(\.rule) where rule.family == "inet" {
            guard rule.table == "weir" || rule.table.hasPrefix("weir-"), let comment = rule.comment else {
                continue
            }
            let words = comment.split(separator: " ", maxSplits: 1)
            if comment == "all" || ["unit", "cgroup", "uid"].contains(words.first) && words.count == 2 {
                selectors.append(comment)
            }
        }
    }

    /// The selector that covers an owner; nil where none does.
    func cover(uid: UInt32, group: String?) -> String? {
        selectors.first { selector in
            let words = selector.split(separator: " ", maxSplits: 1)
            guard words.count == 2 else { return true }
            let name = words[1]
            switch words[0] {
            case "uid": return UInt32(name) == uid
            case "cgroup": return group.map { $0 == name || $0.hasPrefix(name + "/") } ?? false
            default: return group.map { $0.split(separator: "/").contains(name) } ?? false
            }
        }
    }

    private struct Listing: Decodable {
        var nftables: [Item]
    }

    private struct Item: Decodable {
        var rule: Rule?
    }

    private struct Rule: Decodable {
        var family: String
        var table: String
        var comment: String?
    }
}
