/// A block of IP addresses, as CIDR writes it (RFC 4632): an address and how many of its first bits count.
public struct AddressRange: Hashable, Sendable {
    /// The first address; no bit behind the prefix is set.
    public let first: Endpoint.Address
    /// 0 to 32, or to 128 for IPv6.
    public let prefixLength: Int

    /// Reads `10.0.0.0/8`, `2001:db8::/32`, or an address alone.
    ///
    /// - Throws: for what is none, a prefix that is too long, and bits set behind the prefix: whoever wrote
    ///   10.1.2.3/8 may have meant the one address as well as the sixteen million.
    public init(_ text: String) throws(AddressRangeError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = Endpoint.Address(literal: String(parts[0])), !text.contains("["),
            !text.contains("%")
        else {
            throw AddressRangeError(
                "'\(text)' is not an address or a block such as 10.0.0.0/8 or 2001:db8::/32"
            )
        }
        if address.unmapped != address {
            throw AddressRangeError("'\(text)' is an IPv4 address in IPv6's clothes: write it as IPv4")
        }
        let longest = address.isIPv6 ? 128 : 32
        var length = longest
        if parts.count == 2 {
            guard let number = Int(parts[1]), parts[1].utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }),
                number <= longest
            else { throw AddressRangeError("'\(text)': the prefix is a number from 0 to \(longest)") }
            length = number
        }
        first = address.masked(to: length)
        prefixLength = length
        if first != address {
            throw AddressRangeError("'\(text)' has bits set behind its prefix: write \(self) or \(address)")
        }
    }

    /// For addresses that are known to be good; bits behind the prefix are dropped.
    public init(_ address: Endpoint.Address, _ prefixLength: Int) {
        first = address.masked(to: prefixLength)
        self.prefixLength = prefixLength
    }

    /// Whether these are IPv4 addresses.
    public var isIPv4: Bool { !first.isIPv6 }

    /// Whether the address is one of these.
    public func contains(_ address: Endpoint.Address) -> Bool { first.hasPrefix(prefixLength, of: address) }

    /// Whether every address of another block is one of these.
    public func contains(_ other: AddressRange) -> Bool {
        isIPv4 == other.isIPv4 && prefixLength <= other.prefixLength
            && other.first.masked(to: prefixLength) == first
    }

    /// The blocks that none of the others contains, each once, in order: nft refuses intervals that overlap.
    public static func merged(_ ranges: [AddressRange]) -> [AddressRange] {
        var kept: [AddressRange] = []
        for range in ranges.sorted(by: { ($0.prefixLength, "\($0)") < ($1.prefixLength, "\($1)") })
        where !kept.contains(where: { $0.contains(range) }) {
            kept.append(range)
        }
        return kept
    }
}

extension AddressRange: CustomStringConvertible {
    /// `10.0.0.0/8`; an address alone where all of its bits count.
    public var description: String {
        prefixLength == (isIPv4 ? 32 : 128) ? "\(first)" : "\(first)/\(prefixLength)"
    }
}

/// What is no block of addresses: one line that says what is wrong and what would be right.
public struct AddressRangeError: Error, Hashable, Sendable, CustomStringConvertible {
    /// For people.
    public let description: String

    init(_ description: String) { self.description = description }
}
