public import Dialling

/// Where weir takes in the traffic of apps.
public struct ProxyPlace: Hashable, Sendable {
    /// Addresses that it is reached at, the one to name in variables first.
    public var endpoints: [Endpoint]
    /// Whether somebody listens at any of them.
    public var isListening: Bool

    /// Puts both together.
    public init(endpoints: [Endpoint], isListening: Bool) {
        self.endpoints = endpoints
        self.isListening = isListening
    }

    /// Whether a connection to there goes to weir.
    public func isReached(by endpoint: Endpoint) -> Bool { endpoints.contains(endpoint) }

    /// Whether the value of a proxy variable means weir: `http://localhost:3128/`, `127.0.0.1:3128`.
    public func isMeant(by value: String) -> Bool {
        guard let (host, port) = ProxyPlace.parts(of: value) else { return false }
        return endpoints.contains { endpoint in
            if endpoint.port != port { return false }
            if host.lowercased() == "localhost" { return endpoint.address.isLoopback }
            return Endpoint.Address(literal: host) == endpoint.address
        }
    }

    /// Host and port of a proxy's URI, or of `host:port`; without a port it is that of the scheme.
    static func parts(of value: String) -> (host: String, port: UInt16)? {
        var rest = Substring(value)
        var standard: UInt16 = 80
        if let colon = rest.range(of: "://") {
            standard = rest[..<colon.lowerBound].lowercased() == "https" ? 443 : 80
            rest = rest[colon.upperBound...]
        }
        rest = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        if let at = rest.lastIndex(of: "@") { rest = rest[rest.index(after: at)...] }
        if rest.hasPrefix("["), let end = rest.firstIndex(of: "]") {
            let host = String(rest[rest.index(after: rest.startIndex)..<end])
            let tail = rest[rest.index(after: end)...]
            if tail.isEmpty { return (host, standard) }
            guard tail.hasPrefix(":"), let port = UInt16(tail.dropFirst()) else { return nil }
            return (host, port)
        }
        guard let colon = rest.lastIndex(of: ":") else {
            return rest.isEmpty ? nil : (String(rest), standard)
        }
        guard let port = UInt16(rest[rest.index(after: colon)...]) else { return nil }
        return (String(rest[..<colon]), port)
    }
}

extension Substring {
    /// The first place of a text in it.
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
