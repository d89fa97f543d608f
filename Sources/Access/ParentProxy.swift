import Basics
import Dialling

/// Another proxy, through which weir goes to all destinations but those that are exempt.
public struct ParentProxy: Hashable, Sendable {
    /// Its name or address, without brackets.
    public var host: String
    /// Its port.
    public var port: UInt16
    /// What Proxy-Authorization says to it; empty for nothing. A secret.
    public var authorization: String
    /// Destinations to which weir goes by itself.
    public var exempt: DestinationList

    /// Puts these together.
    public init(
        host: String,
        port: UInt16,
        authorization: String = "",
        exempt: DestinationList = DestinationList()
    ) {
        self.host = host
        self.port = port
        self.authorization = authorization
        self.exempt = exempt
    }

    /// Reads `http://user:password@host:port`; the port is 80 unless given.
    public init(_ text: String) throws(ParentProxyError) {
        guard text.lowercased().hasPrefix("http://") else {
            let isOther = text.contains("://")
            throw ParentProxyError(
                isOther
                    ? "weir speaks to a parent proxy by http:// only"
                    : "it has no scheme; write http://host:port"
            )
        }
        var rest = text.dropFirst(7)
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        var authorization = ""
        if let at = rest.lastIndex(of: "@") {
            authorization = try ParentProxy.authorization(rest[..<at])
            rest = rest[rest.index(after: at)...]
        }
        let (host, port) = try ParentProxy.authority(rest)
        self.init(host: host, port: port, authorization: authorization)
    }

    /// `Basic` and what RFC 7617 makes of a user and a password, which are percent-encoded in a URI.
    private static func authorization(_ userInfo: Substring) throws(ParentProxyError) -> String {
        let parts = userInfo.utf8.split(
            separator: UInt8(ascii: ":"),
            maxSplits: 1,
            omittingEmptySubsequences: false
        )
        guard let user = decoded(parts[0]), let password = parts.count == 2 ? decoded(parts[1]) : [],
            !user.isEmpty,
            !user.contains(UInt8(ascii: ":"))
        else { throw ParentProxyError("user or password is not as in a URI: write '@' as %40, '%' as %25") }
        return "Basic " + Base64.encode(user + [UInt8(ascii: ":")] + password)
    }

    private static func decoded(_ text: Substring.UTF8View) -> [UInt8]? {
        var bytes: [UInt8] = []
        var rest = text[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(ASCII.hexValue),
                let low = rest.popFirst().flatMap(ASCII.hexValue)
            else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func authority(_ text: Substring) throws(ParentProxyError) -> (String, UInt16) {
        var host = text
        var port: UInt16 = 80
        if let colon = text.lastIndex(of: ":"), !text.hasSuffix("]") {
            guard let number = UInt16(text[text.index(after: colon)...]), number > 0 else {
                throw ParentProxyError("its port is not from 1 to 65535; write http://host:port")
            }
            port = number
            host = text[..<colon]
        }
        if host.hasPrefix("["), let address = Endpoint.Address(literal: String(host)) {
            return ("\(address)", port)
        }
        guard !host.contains(":"),
            Endpoint.Address(literal: String(host)) != nil || HostName.normalised(String(host)) != nil
        else { throw ParentProxyError("its host is no name or address; write http://host:port") }
        return (host.lowercased(), port)
    }

    /// Whether weir goes to a destination through it.
    ///
    /// - Parameter host: a name or an address without brackets; the latter as it is written, as names are not
    ///   looked up for this.
    public func leads(to host: String, _ port: UInt16) -> Bool {
        if exempt.isEmpty { return true }
        if exempt.containsAll(at: port) { return false }
        if let address = Endpoint.Address(literal: host) {
            return !([address] + address.embedded).contains { exempt.covers($0, at: port) }
        }
        guard let name = HostName.normalised(host) else { return true }
        return !exempt.names(name.hasSuffix(".") ? String(name.dropLast()) : name, at: port)
    }

    /// `host:port`, an IPv6 address in brackets; without any secret.
    public var text: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// What is no parent proxy: one line that holds no secret.
public struct ParentProxyError: Error, Hashable, Sendable, CustomStringConvertible {
    /// For people.
    public let description: String

    init(_ description: String) { self.description = description }
}
