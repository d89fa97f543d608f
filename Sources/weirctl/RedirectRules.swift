import FoundationEssentials
import Reactor

/// Whose new connections redirect rules lead to weir, as the rules themselves say in their comments.
struct RedirectRules {
    /// What selects: `unit payments.service`, `cgroup /path`, `uid 1000`, `all`.
    private(set) var selectors: [String] = []

    /// The rules in force; nil where they may not be known.
    static func inForce() -> RedirectRules? {
        NetfilterListing.json().flatMap(RedirectRules.init)
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
