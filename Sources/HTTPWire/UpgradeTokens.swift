public import Basics

/// The protocols of Upgrade fields (RFC 9110 §7.8).
public enum UpgradeTokens {
    /// Appends the protocols of a message's Upgrade fields that may be relayed as opaque bytes, separated by
    /// commas; nothing where there is none.
    ///
    /// Other versions of HTTP are left out: exchanges that weir cannot see would leave the pool, and `h2c` is a
    /// known way past a proxy's rules. So is TLS within the connection (RFC 2817), and so are malformed ones.
    public static func appendRelayed(_ bytes: Span<UInt8>, _ fields: FieldTable, to out: inout ByteBuffer) {
        for index in 0..<fields.count where fields[index].known == .upgrade {
            let value = fields[index].value
            var position = Int(value.start)
            while let member = FieldValue.nextMember(bytes, &position, end: Int(value.end)) {
                guard isRelayed(bytes, member) else { continue }
                if !out.isEmpty { out.append(",") }
                out.append(bytes.extracting(member.range))
            }
        }
    }

    /// Whether the Upgrade fields of a 101 name at least one protocol, and none but those in the list that
    /// `appendRelayed` wrote of the request's. Case is ignored: `WebSocket` is a common answer.
    public static func isOffered(_ bytes: Span<UInt8>, _ fields: FieldTable, in offer: Span<UInt8>) -> Bool {
        var count = 0
        for index in 0..<fields.count where fields[index].known == .upgrade {
            let value = fields[index].value
            var position = Int(value.start)
            while let member = FieldValue.nextMember(bytes, &position, end: Int(value.end)) {
                if !contains(offer, bytes.extracting(member.range)) { return false }
                count += 1
            }
        }
        return count > 0
    }

    private static func contains(_ offer: Span<UInt8>, _ token: Span<UInt8>) -> Bool {
        var position = 0
        while let member = FieldValue.nextMember(offer, &position, end: offer.count) {
            if ASCII.equalIgnoringCase(offer.extracting(member.range), token) { return true }
        }
        return false
    }

    /// Whether a protocol is `token ["/" token]` and not one that weir takes part in.
    private static func isRelayed(_ bytes: Span<UInt8>, _ member: ByteRange) -> Bool {
        let end = Int(member.end)
        let nameEnd = min(end, ByteScan.endOfToken(bytes, from: Int(member.start)))
        let name = bytes.extracting(Int(member.start)..<nameEnd)
        if name.isEmpty { return false }
        if nameEnd < end {
            guard bytes[nameEnd] == UInt8(ascii: "/"), nameEnd + 1 < end,
                ByteScan.endOfToken(bytes, from: nameEnd + 1) >= end
            else { return false }
        }
        for refused in ["h2c", "h2", "http", "tls"] where ASCII.equalsIgnoringCase(name, refused) {
            return false
        }
        return true
    }
}
