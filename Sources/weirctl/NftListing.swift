import Dialling
import FoundationEssentials
import Redirection

/// One redirection as the kernel has it.
struct Redirected: Equatable {
    /// One rule.
    struct Rule: Equatable {
        /// Who: `unit payments.service`.
        var selected: String
        /// Connections that it led to weir.
        var connections: Int
    }

    var name: TableName
    /// When it came, in seconds since 1970; nil where it does not say.
    var since: Int?
    /// The process that keeps it in force.
    var holder: Int32?
    /// Whether its lease runs.
    var isHeld: Bool
    /// Whether it is in force as far as it had to be confirmed.
    var isOpen: Bool
    /// Seconds until it ends unless it is confirmed; nil where it need not be.
    var secondsToConfirm: Int?
    /// Where connections are led.
    var targets: [String]
    var rules: [Rule]
}

/// What `nft -j list` prints.
struct NftListing {
    private var objects: [Object]

    static func read(_ text: [UInt8]) throws(RedirectionError) -> NftListing {
        do {
            return NftListing(objects: try JSONDecoder().decode(Page.self, from: Data(text)).nftables)
        } catch {
            throw RedirectionError("nft's answer cannot be read: is it older than 1.0?")
        }
    }

    /// The names of the tables in it.
    var tables: [String] { objects.compactMap { $0.table?.name } }

    /// The table in it, where it is one of ours: known by what its gate says.
    func redirection(_ name: TableName) -> Redirected? {
        let rules = objects.compactMap(\.rule)
        guard let mark = rules.compactMap(\.comment).first(where: { $0.hasPrefix(Lease.commentPrefix) })
        else {
            return nil
        }
        let sets = objects.compactMap(\.set)
        let lease = sets.first { Lease.holder(ofSet: $0.name) != nil }
        let confirmation = sets.first { $0.name == Lease.confirmation }?.elem?.first
        return Redirected(
            name: name,
            since: Int(mark.dropFirst(Lease.commentPrefix.count)),
            holder: lease.flatMap { Lease.holder(ofSet: $0.name) },
            isHeld: lease?.elem?.isEmpty == false,
            isOpen: confirmation != nil,
            secondsToConfirm: confirmation?.expires,
            targets: rules.flatMap(\.expr).compactMap(\.dnat?.text),
            rules: rules.compactMap { rule in
                guard let selected = rule.comment, let count = rule.expr.compactMap(\.counter).first else {
                    return nil
                }
                return Redirected.Rule(selected: selected, connections: count.packets)
            }
        )
    }
}

private struct Page: Decodable { var nftables: [Object] }

/// One of the many things that are listed.
private struct Object: Decodable {
    var table: Table?
    var set: ElementSet?
    var rule: Rule?
}

private struct Table: Decodable { var name: String }

private struct ElementSet: Decodable {
    var name: String
    var elem: [Element]?
}

/// An element; only those with a time limit come as objects.
private struct Element: Decodable {
    var expires: Int?

    private struct Wrapped: Decodable {
        struct Inner: Decodable { var expires: Int? }
        var elem: Inner
    }

    init(from decoder: any Decoder) {
        expires = (try? Wrapped(from: decoder))?.elem.expires
    }
}

private struct Rule: Decodable {
    var comment: String?
    var expr: [Expression]
}

private struct Expression: Decodable {
    struct Counter: Decodable { var packets: Int }

    struct Target: Decodable {
        var addr: String
        var port: Int
        var text: String { addr.contains(":") ? "[\(addr)]:\(port)" : "\(addr):\(port)" }
    }

    var counter: Counter?
    var dnat: Target?
}
