public import Dialling

/// A list of destinations, made for asking: names are found by their endings, however many there are.
public struct DestinationList: Hashable, Sendable {
    private struct Name: Hashable, Sendable {
        var itself: Bool
        var port: UInt16?
    }

    private struct Block: Hashable, Sendable {
        var range: AddressRange
        var port: UInt16?
    }

    private var names: [String: [Name]] = [:]
    private var blocks: [Block] = []
    /// Ports to which any host is meant; nil for all ports.
    private var wildcards: Set<UInt16?> = []

    /// A list of these; an empty one contains nothing.
    public init(_ patterns: [DestinationPattern] = []) {
        for pattern in patterns {
            switch pattern.hosts {
            case .any: wildcards.insert(pattern.port)
            case .name(let name, let itself):
                names[name, default: []].append(Name(itself: itself, port: pattern.port))
            case .addresses(let range): blocks.append(Block(range: range, port: pattern.port))
            }
        }
    }

    /// Every destination.
    public static let everything = DestinationList([DestinationPattern(.any)])

    /// Whether nothing is in it.
    public var isEmpty: Bool { names.isEmpty && blocks.isEmpty && wildcards.isEmpty }

    /// Whether everything is in it, to every port.
    public var isEverything: Bool { wildcards.contains(nil) }

    /// Whether blocks of addresses are in it.
    public var hasAddresses: Bool { !blocks.isEmpty }

    /// Whether any host is meant at this port.
    public func containsAll(at port: UInt16) -> Bool {
        wildcards.contains(nil) || wildcards.contains(port)
    }

    /// Whether a name is in it by itself or by one above it; any host does not count.
    ///
    /// - Parameter name: in lower case, without the final dot.
    public func names(_ name: String, at port: UInt16) -> Bool {
        if names.isEmpty { return false }
        var ending = name[...]
        while true {
            let isWhole = ending.endIndex == name.endIndex && ending.startIndex == name.startIndex
            for entry in names[String(ending)] ?? [] where entry.itself || !isWhole {
                if entry.port == nil || entry.port == port { return true }
            }
            guard let dot = ending.firstIndex(of: ".") else { return false }
            ending = ending[ending.index(after: dot)...]
        }
    }

    /// Whether an address is in one of the blocks; any host does not count.
    public func covers(_ address: Endpoint.Address, at port: UInt16) -> Bool {
        blocks.contains { ($0.port == nil || $0.port == port) && $0.range.contains(address) }
    }
}
