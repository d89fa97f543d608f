import Settings

/// What is read from the admin server, by GET or HEAD.
enum AdminPage: String, CaseIterable {
    case page = "/"
    case script = "/page.js"
    case style = "/page.css"
    case health = "/healthz"
    case metrics = "/metrics"
    case status = "/status"
    case leaks = "/leaks"
    case overview = "/overview"
    case history = "/history"
}

/// What the admin server is told to do, by POST. There is nothing else that changes anything.
enum AdminOrder: Equatable {
    /// Send the clients away, serving all of them.
    case drain
    /// No longer send them away.
    case resume
    /// Write other lines to the log, until the settings are read again.
    case logLevel(Settings.LogLevel)
    /// Close the idle connections to a host and port.
    case closeIdle(host: String, port: UInt16)
}

/// A path of the admin server.
enum AdminRoute: Equatable {
    case page(AdminPage)
    case order(OrderPath)

    /// Where an order is sent to.
    enum OrderPath: String, CaseIterable {
        case drain = "/drain"
        case resume = "/resume"
        case logLevel = "/log-level"
        case closeIdle = "/origins/close-idle"
    }

    /// The route of a path without query. Paths are case-sensitive (RFC 9110 §4.2.3).
    init?(_ path: String) {
        if let page = AdminPage(rawValue: path) {
            self = .page(page)
        } else if let order = OrderPath(rawValue: path) {
            self = .order(order)
        } else {
            return nil
        }
    }

    /// Every path, for who asks for another.
    static var list: String {
        let pages = AdminPage.allCases.map(\.rawValue).joined(separator: " ")
        return pages + ", and for POST " + OrderPath.allCases.map(\.rawValue).joined(separator: " ")
    }

    /// What Allow says.
    var methods: String {
        switch self {
        case .page: "GET, HEAD"
        case .order: "POST"
        }
    }
}

/// Why an order was not understood; one line.
struct OrderProblem: Error, Equatable {
    let reason: String
}

extension AdminOrder {
    /// Reads the parameters that an order takes, and no others.
    init(_ path: AdminRoute.OrderPath, query: AdminQuery) throws(OrderProblem) {
        switch path {
        case .drain:
            try query.expect([])
            self = .drain
        case .resume:
            try query.expect([])
            self = .resume
        case .logLevel:
            let text = try query.only("level", such: "debug, info, warning or error")
            guard let level = Settings.LogLevel(rawValue: text) else {
                throw OrderProblem(reason: "level is debug, info, warning or error")
            }
            self = .logLevel(level)
        case .closeIdle:
            let text = try query.only("origin", such: "api.example:443")
            guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
                port > 0
            else { throw OrderProblem(reason: "origin is host:port, such as api.example:443") }
            var host = text[..<colon]
            if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
            self = .closeIdle(host: String(host), port: port)
        }
    }
}

/// The parameters of a query, `a=b&c=d`, percent-decoded.
struct AdminQuery: Equatable {
    private(set) var pairs: [(name: String, value: String)] = []

    init(_ text: String) {
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            pairs.append((Self.decode(parts[0]), parts.count > 1 ? Self.decode(parts[1]) : ""))
        }
    }

    static func == (left: AdminQuery, right: AdminQuery) -> Bool {
        left.pairs.elementsEqual(right.pairs) { $0 == $1 }
    }

    /// The value of the one parameter that there has to be.
    func only(_ name: String, such example: String) throws(OrderProblem) -> String {
        try expect([name])
        guard pairs.count == 1, !pairs[0].value.isEmpty else {
            throw OrderProblem(reason: "give one \(name), such as ?\(name)=\(example)")
        }
        return pairs[0].value
    }

    /// Refuses what an order would not heed.
    func expect(_ names: Set<String>) throws(OrderProblem) {
        if let other = pairs.first(where: { !names.contains($0.name) }) {
            throw OrderProblem(reason: "there is no parameter \(other.name.prefix(40))")
        }
    }

    private static func decode(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(code)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
