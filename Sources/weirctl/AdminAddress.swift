/// Where an admin server is, as a person writes it.
enum AdminPlace: Equatable, CustomStringConvertible {
    /// `127.0.0.1:9128`, `localhost:9128`, `[::1]:9128`.
    case network(AdminAddress)
    /// `unix:/run/weir/admin.sock`.
    case unix(path: String)

    init?(_ text: String) {
        if text.hasPrefix("unix:/") {
            self = .unix(path: String(text.dropFirst("unix:".count)))
        } else if let address = AdminAddress(text) {
            self = .network(address)
        } else {
            return nil
        }
    }

    var description: String {
        switch self {
        case .network(let address): address.description
        case .unix(let path): "unix:\(path)"
        }
    }

    /// What Host says; a path has no name.
    var host: String {
        switch self {
        case .network(let address): address.description
        case .unix: "localhost"
        }
    }
}

/// Host and port as a person writes them.
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
