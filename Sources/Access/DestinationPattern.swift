public import Dialling

/// One item of a list of destinations: any, a name with what is below it, or a block of addresses; and a port
/// where one is named. Written as in `NO_PROXY` of curl and Go.
public struct DestinationPattern: Hashable, Sendable {
    /// Which hosts.
    public enum Hosts: Hashable, Sendable {
        /// All of them.
        case any
        /// A name in lower case, and all names below it; `itself` is false for `.example.org`.
        case name(String, itself: Bool)
        /// A block of addresses.
        case addresses(AddressRange)
    }

    /// Which hosts.
    public let hosts: Hosts
    /// The one port; nil for all.
    public let port: UInt16?

    /// Puts both together.
    public init(_ hosts: Hosts, port: UInt16? = nil) {
        self.hosts = hosts
        self.port = port
    }

    /// Reads `any` (or `*`), `example.org`, `.example.org`, `*.example.org`, `192.0.2.1`, `10.0.0.0/8`,
    /// `2001:db8::/32`; behind a name, an address or `any` a port may stand: `example.org:8443`, `[::1]:80`.
    public init(_ text: String) throws(DestinationPatternError) {
        if text.contains("/") {
            if text.contains("://") {
                throw DestinationPatternError("'\(text)' is a URI; write the host, or host:port")
            }
            self.init(.addresses(try DestinationPattern.range(text)))
            return
        }
        // An IPv6 address has colons of its own, so a port stands only behind brackets.
        if Endpoint.Address(literal: text) != nil {
            let isBracketed = text.hasPrefix("[")
            self.init(
                .addresses(
                    try DestinationPattern.range(isBracketed ? String(text.dropFirst().dropLast()) : text)
                )
            )
            return
        }
        var host = text[...]
        var port: UInt16?
        if let colon = text.lastIndex(of: ":") {
            let digits = text[text.index(after: colon)...]
            guard let number = UInt16(digits), number > 0, digits.utf8.allSatisfy({ (48...57).contains($0) })
            else { throw DestinationPatternError("'\(text)' has no port from 1 to 65535 behind its colon") }
            port = number
            host = text[..<colon]
        }
        self.init(try DestinationPattern.hosts(String(host), in: text), port: port)
    }

    private static func hosts(_ host: String, in text: String) throws(DestinationPatternError) -> Hosts {
        if host == "any" || host == "*" { return .any }
        if Endpoint.Address(literal: host) != nil {
            let bare = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
            return .addresses(try range(bare))
        }
        var name = host.lowercased()[...]
        var itself = true
        if name.hasPrefix("*.") { name = name.dropFirst() }
        if name.hasPrefix(".") {
            name = name.dropFirst()
            itself = false
        }
        if name.hasSuffix(".") { name = name.dropLast() }
        guard let name = HostName.normalised(String(name)) else {
            throw DestinationPatternError(
                "'\(text)' is no host, address or block; write example.org, .example.org, 192.0.2.1, "
                    + "10.0.0.0/8 or any, with :port behind it if need be"
            )
        }
        return .name(name, itself: itself)
    }

    private static func range(_ text: String) throws(DestinationPatternError) -> AddressRange {
        do throws(AddressRangeError) {
            return try AddressRange(text)
        } catch {
            throw DestinationPatternError(error.description)
        }
    }
}

extension DestinationPattern: CustomStringConvertible {
    /// As it is written.
    public var description: String {
        guard let port else { return bare }
        if case .addresses(let range) = hosts, !range.isIPv4 { return "[\(bare)]:\(port)" }
        return "\(bare):\(port)"
    }

    private var bare: String {
        switch hosts {
        case .any: "any"
        case .name(let name, let itself): itself ? name : ".\(name)"
        case .addresses(let range): "\(range)"
        }
    }
}

/// What is no destination: one line that says what is wrong and what would be right.
public struct DestinationPatternError: Error, Hashable, Sendable, CustomStringConvertible {
    /// For people.
    public let description: String

    init(_ description: String) { self.description = description }
}
