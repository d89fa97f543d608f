public import Dialling

/// What is asked for: the variables differ.
public enum ProxiedScheme: String, Sendable, CaseIterable {
    case http, https

    /// Guesses it from the port; nil where that tells nothing.
    public init?(port: UInt16) {
        switch port {
        case 80, 8080: self = .http
        case 443, 8443: self = .https
        default: return nil
        }
    }
}

/// What a runtime makes of the variables that name a proxy.
public enum ProxyReading: Hashable, Sendable {
    /// No variable is set that would name one.
    case unset
    /// The runtime reads no such variables.
    case ignored(variable: String)
    /// One is set, but in a spelling that the runtime does not read; `read` is the one that it does.
    case misspelt(variable: String, read: String)
    /// Destinations like this one are exempt, whatever is set: by `NO_PROXY`, or by the runtime's own rule.
    case exempt(by: String)
    /// Requests go to this proxy.
    case proxy(variable: String, value: String)
}

/// The variables that a process was started with, read as its runtime reads them.
public struct ProxyEnvironment: Hashable, Sendable {
    /// Every name that any runtime looks for.
    public static let names: Set<String> = [
        "http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY",
        "NO_PROXY", "NODE_USE_ENV_PROXY", "NODE_OPTIONS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS",
        "_JAVA_OPTIONS", "REQUEST_METHOD", "GATEWAY_INTERFACE",
    ]

    private let variables: [String: String]
    private let arguments: [String]

    /// - Parameters:
    ///   - variables: those of ``names`` that are set.
    ///   - arguments: the command line, on which Java and Node are told of proxies.
    public init(_ variables: [String: String], arguments: [String] = []) {
        // An empty variable is as good as none, to every runtime.
        self.variables = variables.filter { !$0.value.isEmpty }
        self.arguments = arguments
    }

    /// Whether any variable names a proxy, read or not.
    public var namesProxy: Bool {
        variables.keys.contains { $0.lowercased().hasSuffix("_proxy") && $0.lowercased() != "no_proxy" }
    }

    /// What a request of that scheme to an address comes to.
    public func reading(
        by runtime: Runtime,
        _ scheme: ProxiedScheme,
        to destination: Endpoint
    ) -> ProxyReading {
        let names = ProxyEnvironment.names(runtime, scheme)
        let isCGI = variables["REQUEST_METHOD"] != nil || variables["GATEWAY_INTERFACE"] != nil
        if runtime == .java { return javaReading(scheme) }
        if runtime == .node && !nodeReadsVariables { return ignored(scheme) }
        for name in names {
            guard let value = variables[name] else { continue }
            // A client of a web server could set it by a field "Proxy", so it is not read in CGI programs.
            if isCGI && name == "HTTP_PROXY" { continue }
            if let rule = exemption(runtime, destination) { return .exempt(by: rule) }
            return .proxy(variable: name, value: value)
        }
        let spellings = ["\(scheme)_proxy", "\(scheme)_PROXY".uppercased(), "all_proxy", "ALL_PROXY"]
        if let set = spellings.first(where: { variables[$0] != nil }), let read = names.first {
            return .misspelt(variable: set, read: read)
        }
        return .unset
    }

    /// The names that a runtime looks for, the one that wins first.
    private static func names(_ runtime: Runtime, _ scheme: ProxiedScheme) -> [String] {
        let lower = "\(scheme)_proxy"
        let upper = lower.uppercased()
        switch runtime {
        case .go: return [upper, lower]
        case .curl, .php:
            // libcurl leaves HTTP_PROXY to CGI programs, in which a client of the web server can set it.
            return (scheme == .http ? [lower] : [lower, upper]) + ["all_proxy", "ALL_PROXY"]
        case .ruby: return [lower, upper]
        case .node: return [lower, upper]
        case .python, .dotnet, .other: return [lower, upper, "all_proxy", "ALL_PROXY"]
        case .java: return []
        }
    }

    private func ignored(_ scheme: ProxiedScheme) -> ProxyReading {
        let spellings = ["\(scheme)_proxy", "\(scheme)_PROXY".uppercased(), "all_proxy", "ALL_PROXY"]
        guard let set = spellings.first(where: { variables[$0] != nil }) else { return .unset }
        return .ignored(variable: set)
    }

    /// Node's own http and fetch read variables only where they are told to (version 24 and later).
    private var nodeReadsVariables: Bool {
        variables["NODE_USE_ENV_PROXY"] == "1" || arguments.contains("--use-env-proxy")
            || variables["NODE_OPTIONS"]?.contains("--use-env-proxy") ?? false
    }

    /// Java is told by properties, on the command line or in variables of its own.
    private func javaReading(_ scheme: ProxiedScheme) -> ProxyReading {
        let own = ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"].compactMap { variables[$0] }
        let options = arguments + own.flatMap { $0.split(separator: " ").map(String.init) }
        func property(_ name: String) -> String? {
            let prefix = "-D\(name)="
            return options.last { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
        }
        guard let host = property("\(scheme).proxyHost") else { return ignored(scheme) }
        let port = property("\(scheme).proxyPort") ?? (scheme == .http ? "80" : "443")
        return .proxy(variable: "-D\(scheme).proxyHost", value: "\(host):\(port)")
    }

    /// Why requests to an address do not go to the proxy that is set; nil where they do. What is exempt by
    /// name cannot be told from an address.
    private func exemption(_ runtime: Runtime, _ destination: Endpoint) -> String? {
        if destination.address.isLoopback && (runtime == .go || runtime == .ruby) {
            return "\(runtime.name)'s own rule for localhost and loopback addresses"
        }
        let order = runtime == .go ? ["NO_PROXY", "no_proxy"] : ["no_proxy", "NO_PROXY"]
        guard let name = order.first(where: { variables[$0] != nil }), let list = variables[name] else {
            return nil
        }
        for item in list.split(whereSeparator: { $0 == "," || $0 == " " }) {
            if NoProxyItem(item).matches(destination) { return "\(name)=\(item)" }
        }
        return nil
    }
}

/// One entry of a `NO_PROXY` list, as far as it is about addresses.
struct NoProxyItem {
    private let text: Substring

    init(_ text: Substring) { self.text = text }

    func matches(_ destination: Endpoint) -> Bool {
        if text == "*" { return true }
        if text.lowercased() == "localhost" { return destination.address.isLoopback }
        if let slash = text.firstIndex(of: "/"),
            let address = Endpoint.Address(literal: String(text[..<slash])),
            let length = Int(text[text.index(after: slash)...])
        {
            return address.hasPrefix(length, of: destination.address)
        }
        let bare = text.hasPrefix("[") && text.hasSuffix("]") ? text.dropFirst().dropLast() : text
        if let address = Endpoint.Address(literal: String(bare)) { return address == destination.address }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
            let address = Endpoint.Address(literal: String(text[..<colon]))
        else { return false }
        return address == destination.address && port == destination.port
    }
}
