/// A process and the connections that it dialled.
public struct ObservedProcess: Sendable {
    /// Its number; nil where nobody may look who holds the connections.
    public var pid: Int32?
    /// Its program's path, or else its name; nil where that is unknown.
    public var program: String?
    /// The user, by name or number.
    public var user: String
    /// The systemd unit, container or pod.
    public var unit: String?
    /// The path of its control group; nil where it is unknown.
    public var group: String?
    /// What it is made with.
    public var runtime = Runtime.other
    /// The variables that it was started with; nil where they may not be read.
    public var environment: ProxyEnvironment?
    /// What it dialled.
    public var connections: [ObservedConnection]
    /// Those of them that came to weir though they were meant for another destination.
    public var redirected: Set<UInt64> = []
    /// What redirect rules say of new connections: the selector that covers it, as its rule names it.
    public var rule: String?

    /// A process of which only the holder's name is known.
    public init(pid: Int32?, program: String?, user: String, unit: String?, connections: [ObservedConnection])
    {
        self.pid = pid
        self.program = program
        self.user = user
        self.unit = unit
        self.connections = connections
    }

    /// The program's name without its path.
    public var name: String {
        program.flatMap { $0.split(separator: "/").last.map(String.init) } ?? "?"
    }
}

/// How a process's connections reach weir.
public struct WayToProxy: Hashable, Sendable {
    /// Connections to weir itself.
    public var proxied = 0
    /// Connections that the kernel led to weir.
    public var redirected = 0
    /// The others.
    public var direct = 0
    /// New ones will be led to weir by rules.
    public var isCovered = false

    /// `direct`, `weir`, `redirect`, or how many of how many: `7/10 weir`.
    public var description: String {
        let total = proxied + redirected + direct
        if direct == total { return isCovered ? "direct, soon redirect" : "direct" }
        if proxied == total { return "weir" }
        if redirected == total { return "redirect" }
        return "\(proxied + redirected)/\(total) weir"
    }
}
