/// Where an admin server is: host and port as a person writes them.
struct AdminAddress: Equatable, CustomStringConvertible {
    /// A name or an IP address, without brackets.
    var host: String
    /// 1 to 65535.
    var port: UInt16

    /// Reads `127.0.0.1:9128`, `localhost:9128` or `[::1]:9128`; nil for anything else.
    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), let port = UInt16(digits),
            port > 0
        else { return nil }
        var host = text[..<colon]
        if host.first == "[" && host.last == "]" {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
        } else if host.contains(where: { $0 == ":" || $0 == "[" || $0 == "]" || $0 == "/" }) {
            return nil
        }
        if host.isEmpty { return nil }
        self.host = String(host)
        self.port = port
    }

    /// As it is written in a URI.
    var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
