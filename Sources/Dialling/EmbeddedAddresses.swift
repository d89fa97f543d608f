// IPv6 addresses that lead to an IPv4 host: whoever judges by address must not be fooled by the wrapping.
extension Endpoint.Address {
    /// The IPv4 addresses to which packets for this one are translated, tunnelled or simply sent; empty for an
    /// address that stands for itself alone.
    public var embedded: [Endpoint.Address] {
        guard case .v6(let high, let low, _) = self else { return [] }
        // RFC 4291 §2.5.5: IPv4-mapped, and the IPv4-compatible ones of old, of which :: and ::1 are none.
        if high == 0 && (low >> 32 == 0xffff || (low >> 32 == 0 && low > 0xffff)) { return [.v4(low, 0)] }
        // RFC 6052 §2.1: the well-known prefix of NAT64, 64:ff9b::/96.
        if high == 0x0064_ff9b_0000_0000 && low >> 32 == 0 { return [.v4(low, 0)] }
        // RFC 3056 §2: 6to4, 2002::/16, the address right behind it.
        if high >> 48 == 0x2002 { return [.v4(high, 16)] }
        // RFC 4380 §4: Teredo, 2001::/32, the server and, with all bits inverted, the client.
        if high >> 32 == 0x2001_0000 { return [.v4(high, 0), .v4(~low, 0)] }
        return []
    }

    /// 32 bits of a number, so many bits from its end.
    private static func v4(_ number: UInt64, _ offset: UInt64) -> Endpoint.Address {
        .v4(UInt32(truncatingIfNeeded: number >> offset))
    }
}
