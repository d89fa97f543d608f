import Basics

// Address literals: what needs no look-up.

extension Endpoint.Address {
    /// Parses an address literal: dotted IPv4 with four decimal parts and no leading zeros, or IPv6 in any
    /// form of RFC 4291 §2.2, bare or in brackets, with an optional zone.
    ///
    /// - Parameters:
    ///   - literal: the text. In brackets, as in a URI, the zone follows `%25` (RFC 6874) or `%`.
    ///   - zoneIndex: finds an interface's number by name; a zone that is a number needs no help.
    public init?(literal: String, zoneIndex: (String) -> UInt32? = { _ in nil }) {
        var text = Substring(literal)
        let isBracketed = text.hasPrefix("[")
        if isBracketed {
            guard text.hasSuffix("]"), text.utf8.count > 2 else { return nil }
            text = text.dropFirst().dropLast()
        }
        if !isBracketed, let four = AddressText.ipv4(text.utf8.span) {
            self = .v4(four)
            return
        }
        var scope: UInt32 = 0
        if let percent = text.utf8.firstIndex(of: 0x25) {
            var zone = text[text.index(after: percent)...]
            if isBracketed, zone.hasPrefix("25"), zone.utf8.count > 2 { zone = zone.dropFirst(2) }
            guard let index = parseZone(zone, zoneIndex) else { return nil }
            scope = index
            text = text[..<percent]
        }
        guard let groups = AddressText.ipv6(text.utf8.span) else { return nil }
        self = .v6(high: groups.high, low: groups.low, scope: scope)
    }
}

private func parseZone(_ zone: Substring, _ zoneIndex: (String) -> UInt32?) -> UInt32? {
    if let number = UInt32(zone), zone.utf8.allSatisfy(ASCII.isDigit) { return number }
    return zone.isEmpty ? nil : zoneIndex(String(zone))
}
