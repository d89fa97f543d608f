import Glibc

/// An IPv4 or IPv6 address, as bytes in network order.
public struct NumericAddress: Sendable, Hashable, CustomStringConvertible {
    /// Four bytes (IPv4) or sixteen (IPv6).
    public let bytes: [UInt8]

    /// Whether the address is IPv6.
    public var isIPv6: Bool { bytes.count == 16 }

    /// Whether it never leaves the host.
    var isLoopback: Bool {
        isIPv6 ? bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1 : bytes.first == 127
    }

    /// Parses `192.0.2.1` or `2001:db8::1`, without brackets; nil for anything else, names and zones
    /// included.
    public init?(_ text: String) {
        for (family, length) in [(AF_INET, 4), (AF_INET6, 16)] {
            var buffer = [UInt8](repeating: 0, count: length)
            if inet_pton(family, text, &buffer) == 1 {
                bytes = buffer
                return
            }
        }
        return nil
    }

    /// The usual text, IPv6 without brackets.
    public var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = isIPv6 ? AF_INET6 : AF_INET
        guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return "?" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// An address and a port.
public struct NetworkEndpoint: Sendable, Hashable, CustomStringConvertible {
    /// The address.
    public var address: NumericAddress
    /// The port; 0 only where the kernel may choose one.
    public var port: UInt16

    /// Joins the two.
    public init(address: NumericAddress, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// `192.0.2.1:3128` or `[2001:db8::1]:3128`.
    public var description: String {
        address.isIPv6 ? "[\(address)]:\(port)" : "\(address):\(port)"
    }
}
