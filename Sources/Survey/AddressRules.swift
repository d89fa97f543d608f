import Dialling

extension Endpoint.Address {
    /// Whether it never leaves the host: 127.0.0.0/8 or ::1.
    var isLoopback: Bool {
        switch self {
        case .v4(let bits): bits >> 24 == 127
        case .v6(let high, let low, _): high == 0 && low == 1
        }
    }

    /// Whether so many leading bits of another address are those of this one; never for another family.
    func hasPrefix(_ length: Int, of other: Endpoint.Address) -> Bool {
        func isSame(_ one: UInt64, _ other: UInt64, _ bits: Int, of width: Int) -> Bool {
            bits <= 0 || (one ^ other) >> UInt64(width - min(bits, width)) == 0
        }
        switch (self, other) {
        case (.v4(let one), .v4(let other)):
            return (0...32).contains(length) && isSame(UInt64(one), UInt64(other), length, of: 32)
        case (.v6(let high, let low, _), .v6(let otherHigh, let otherLow, _)):
            return (0...128).contains(length) && isSame(high, otherHigh, length, of: 64)
                && isSame(low, otherLow, length - 64, of: 64)
        default: return false
        }
    }
}
