internal import Basics
internal import Dialling
internal import Telemetry

/// What is found of one process.
public struct Diagnosis: Sendable {
    /// Whose.
    public let process: ObservedProcess
    /// What it has, by destination, the most first.
    public let holdings: [Holding]
    /// How its connections go.
    public let way: WayToProxy
    /// What is wrong, the worst first.
    public let findings: [Finding]

    /// Judges a process.
    public init(_ process: ObservedProcess, weir: ProxyPlace) {
        self.process = process
        let held = process.connections.filter { $0.phase != .timeWait }
        let holdings = Holding.gather(held)
        self.holdings = holdings
        var way = WayToProxy()
        way.isCovered = process.rule != nil
        for connection in held {
            if weir.isReached(by: connection.to) {
                way.proxied += 1
            } else if process.redirected.contains(connection.id) {
                way.redirected += 1
            } else {
                way.direct += 1
            }
        }
        self.way = way
        // weir's own connections are its pool, which it bounds itself.
        if process.name == "weir" {
            findings = []
            return
        }
        let advisor = Advisor(process: process, way: way, weir: weir)
        let direct = Holding.gather(
            held.filter { !weir.isReached(by: $0.to) && !process.redirected.contains($0.id) }
        )
        let found = holdings.flatMap { advisor.findings(on: $0) } + advisor.findings(onProxyFor: direct)
        findings = found.enumerated().sorted {
            ($0.element.kind.rank, $0.offset) < ($1.element.kind.rank, $1.offset)
        }.map(\.element)
    }

    /// Orders diagnoses: what is worse comes first, then who holds more.
    public static func isWorse(_ one: Diagnosis, _ other: Diagnosis) -> Bool {
        let worst = one.findings.first?.kind.rank ?? .max
        let otherWorst = other.findings.first?.kind.rank ?? .max
        if worst != otherWorst { return worst < otherWorst }
        let (held, otherHeld) = (one.process.connections.count, other.process.connections.count)
        if held != otherHeld { return held > otherHeld }
        return (one.process.pid ?? .max) < (other.process.pid ?? .max)
    }
}

/// Says what is wrong with a process, and what to do.
struct Advisor {
    let process: ObservedProcess
    let way: WayToProxy
    let weir: ProxyPlace

    // MARK: Connections

    func findings(on holding: Holding) -> [Finding] {
        var found: [Finding] = []
        let isProxied = weir.isReached(by: holding.destination)
        let whereto = isProxied ? "weir" : "\(holding.destination)"
        let cure =
            isProxied
            ? ["weir ends them by itself; who leaks: weir leaks"]
            : waysToWeir + ["or, without a proxy: weir reap \(selector) --enforce"]
        if holding.looksLeaky {
            found.append(
                Finding(
                    .leak,
                    "\(holding.idleAfterOne) of \(holding.established) connections to \(whereto) lie idle after "
                        + "one exchange, up to \(Advisor.duration(holding.longestIdle.inSeconds)): a leak's shape",
                    advice: ["in the code: \(process.runtime.remedy.text)"] + cure
                )
            )
        }
        if holding.looksUnclosed {
            found.append(
                Finding(
                    .unclosed,
                    "\(holding.peerClosed) connections to \(whereto) were closed by the far end and not by the app "
                        + "(CLOSE_WAIT): they hold their ports until it does",
                    advice: ["in the code: close each response and client; \(process.runtime.remedy.text)"]
                        + cure
                )
            )
        }
        return found
    }

    /// How it is brought to weir, in its runtime's terms.
    private var waysToWeir: [String] {
        if way.isCovered { return ["restart it: from now on weir redirect leads its connections to weir"] }
        let redirect = "through weir: weir redirect up \(selector)"
        let variables = "or by variables: \(variablesAdvice)"
        switch process.runtime {
        case .node, .java: return [redirect]
        case .go: return [redirect, variables + ", if its Transport has Proxy: http.ProxyFromEnvironment"]
        case .python, .curl, .ruby, .dotnet, .php, .other:
            return [
                "through weir: \(variablesAdvice)", "or, if it ignores them: weir redirect up \(selector)",
            ]
        }
    }

    /// Where the variables go.
    private var variablesAdvice: String {
        let proxy = weir.endpoints.first.map { "http://\($0)" } ?? "http://127.0.0.1:3128"
        let lines =
            "Environment=http_proxy=\(proxy) https_proxy=\(proxy) HTTP_PROXY=\(proxy) HTTPS_PROXY=\(proxy)"
        if let unit = process.unit, unit.hasSuffix(".service") {
            return "systemctl edit \(unit), in [Service]: \(lines)"
        }
        return "start it with \(lines.dropFirst("Environment=".count))"
    }

    /// How the commands that treat it name it.
    var selector: String {
        if let unit = process.unit, !unit.contains(":") { return "--unit \(unit)" }
        if let group = process.group, group != "/" { return "--cgroup \(group)" }
        return "--uid \(process.user)"
    }

    /// `42s`, `12m`, `3h`: the largest unit.
    static func duration(_ seconds: Double) -> String {
        let whole = Int(min(max(0, seconds), 1e15))
        if whole >= 7200 { return "\(whole / 3600)h" }
        return whole >= 120 ? "\(whole / 60)m" : "\(whole)s"
    }
}
