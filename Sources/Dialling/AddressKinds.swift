// What an address is, by its bits.
extension Endpoint.Address {
    /// Whether the address is of the IPv6 family; the families take turns in a race.
    public var isIPv6: Bool {
        switch self {
        case .v4: false
        case .v6: true
        }
    }

    /// Whether it never leaves the host: 127.0.0.0/8 or ::1.
    public var isLoopback: Bool {
        switch self {
        case .v4(let bits): bits >> 24 == 127
        case .v6(let high, let low, _): high == 0 && low == 1
        }
    }

    /// Whether it is 0.0.0.0 or ::, at which a socket listens everywhere.
    public var isUnspecified: Bool {
        switch self {
        case .v4(let bits): bits == 0
        case .v6(let high, let low, _): high == 0 && low == 0
        }
    }

    /// Where a listener at this address is reached from this host: what listens everywhere does so on the
    /// loopback, too.
    public var reachedLocally: Endpoint.Address {
        if !isUnspecified { return self }
        return isIPv6 ? .v6(high: 0, low: 1, scope: 0) : .v4(0x7f00_0001)
    }

    /// The IPv4 address where this is an IPv4-mapped one (RFC 4291 §2.5.5.2), otherwise itself.
    public var unmapped: Endpoint.Address {
        guard case .v6(0, let low, _) = self, low >> 32 == 0xffff else { return self }
        return .v4(UInt32(truncatingIfNeeded: low))
    }

    /// The address with all bits behind the first `length` cleared, and without its interface.
    ///
    /// - Parameter length: 0 to 32, or to 128 for IPv6.
    public func masked(to length: Int) -> Endpoint.Address {
        // Shifting by the whole width leaves nothing, as it should.
        switch self {
        case .v4(let bits): .v4(bits & ~(UInt32.max >> UInt32(length)))
        case .v6(let high, let low, _):
            .v6(
                high: high & ~(UInt64.max >> UInt64(min(length, 64))),
                low: low & ~(UInt64.max >> UInt64(max(length - 64, 0))),
                scope: 0
            )
        }
    }

    /// Whether so many leading bits of another address are those of this one; never for another family, or for
    /// more bits than there are.
    public func hasPrefix(_ length: Int, of other: Endpoint.Address) -> Bool {
        (0...(isIPv6 ? 128 : 32)).contains(length) && isIPv6 == other.isIPv6
            && masked(to: length) == other.masked(to: length)
    }
}
