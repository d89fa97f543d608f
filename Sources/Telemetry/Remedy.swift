/// What an app's developers have to change, in the app's own language as far as it is recognisable.
public enum Remedy: String, Sendable, CaseIterable {
    case go, pythonRequests, pythonOther, node, java, dotnet, ruby, php, curl, other

    /// Recognises the software by its User-Agent, else by the name of its program.
    ///
    /// - Parameters:
    ///   - agent: What the app says of itself; may be empty.
    ///   - executable: The path or name of its program, where that is known.
    public static func recognise(agent: String, executable: String?) -> Remedy {
        let said = agent.lowercased()
        // Libraries before languages: a browser's name holds many others.
        let marks: [(String, Remedy)] = [
            ("go-http-client", .go), ("python-requests", .pythonRequests), ("python-httpx", .pythonOther),
            ("aiohttp", .pythonOther), ("python-urllib", .pythonOther), ("python", .pythonOther),
            ("axios", .node), ("undici", .node), ("node", .node), ("got ", .node),
            ("java-http-client", .java), ("okhttp", .java), ("apache-httpclient", .java), ("java/", .java),
            ("ruby", .ruby), ("faraday", .ruby), ("guzzle", .php), ("php", .php), (".net", .dotnet),
            ("curl/", .curl),
        ]
        if let found = marks.first(where: { said.contains($0.0) }) { return found.1 }
        let name = (executable?.split(separator: "/").last.map(String.init) ?? "").lowercased()
        let programs: [(String, Remedy)] = [
            ("java", .java), ("node", .node), ("python", .pythonOther), ("dotnet", .dotnet), ("ruby", .ruby),
            ("php", .php), ("curl", .curl),
        ]
        return programs.first { name.hasPrefix($0.0) }?.1 ?? .other
    }

    /// The remedy, in one sentence without a full stop.
    public var text: String {
        switch self {
        case .go:
            "share one http.Client and its Transport instead of a new Transport per request, read and close each "
                + "response's Body, and set Transport.IdleConnTimeout"
        case .pythonRequests:
            "share one requests.Session for all requests, or close each Session (with requests.Session() as s: …)"
        case .pythonOther: "share one client or session for all requests, or close each one after use"
        case .node:
            "share one keep-alive Agent (or dispatcher) for all requests instead of a new one per request"
        case .java:
            "share one HttpClient for all requests instead of building one per request, and close responses"
        case .dotnet:
            "share one HttpClient, or use IHttpClientFactory, instead of a new HttpClient per request"
        case .ruby: "share one persistent connection (Net::HTTP.start, or a pool), or finish each one"
        case .php: "reuse one client or curl handle, or close each handle after use"
        case .curl: "let the calling program end its transfers; curl itself closes its connections"
        case .other:
            "share one HTTP client for all requests, read and close each response, and give idle connections a "
                + "time-out"
        }
    }
}
