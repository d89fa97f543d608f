/// An IP address and a TCP or UDP port: where a socket is bound or connected to.
public struct Endpoint: Hashable, Sendable {
    /// An IP address, held as numbers so that comparing and hashing touch no memory.
    public enum Address: Hashable, Sendable {
        /// An IPv4 address in host byte order: 127.0.0.1 is `0x7f00_0001`.
        case v4(UInt32)
        /// An IPv6 address: its first and last eight bytes in host byte order, and the index of the
        /// interface that a link-local address belongs to (0: none).
        case v6(high: UInt64, low: UInt64, scope: UInt32)
    }

    /// The IP address.
    public var address: Address
    /// The port in host byte order; 0 lets the kernel choose.
    public var port: UInt16

    /// Puts address and port together.
    public init(address: Address, port: UInt16) {
        self.address = address
        self.port = port
    }
}

extension Endpoint: CustomStringConvertible {
    /// `192.0.2.1:80` or `[2001:db8::1]:80`, as in a URI's authority.
    public var description: String {
        switch address {
        case .v4: "\(address):\(port)"
        case .v6: "[\(address)]:\(port)"
        }
    }
}

extension Endpoint.Address: CustomStringConvertible {
    /// The canonical text: dotted decimal, or RFC 5952 with `%scope` where there is one.
    public var description: String {
        switch self {
        case .v4(let bits):
            return "\(bits >> 24).\(bits >> 16 & 255).\(bits >> 8 & 255).\(bits & 255)"
        case .v6(let high, let low, let scope):
            let text = Self.compressed(high: high, low: low)
            return scope == 0 ? text : text + "%\(scope)"
        }
    }

    /// RFC 5952 §4: lower case, no leading zeros, the first longest run of two or more zero groups
    /// becomes `::`; §5: an IPv4-mapped address ends in dotted decimal.
    private static func compressed(high: UInt64, low: UInt64) -> String {
        if high == 0 && low >> 32 == 0xffff {
            return "::ffff:" + Endpoint.Address.v4(UInt32(truncatingIfNeeded: low)).description
        }
        func group(_ index: Int) -> UInt64 {
            (index < 4 ? high : low) >> UInt64(48 - 16 * (index & 3)) & 0xffff
        }
        var gap = 0..<0
        var index = 0
        while index < 8 {
            let start = index
            while index < 8 && group(index) == 0 { index += 1 }
            if index - start >= 2 && index - start > gap.count { gap = start..<index }
            index += 1
        }
        func text(_ range: Range<Int>) -> String {
            range.map { String(group($0), radix: 16) }.joined(separator: ":")
        }
        return gap.isEmpty ? text(0..<8) : text(0..<gap.lowerBound) + "::" + text(gap.upperBound..<8)
    }
}
