import Dialling

// Why a process's connections do not reach weir though somebody meant them to.
extension Advisor {
    /// Findings on what goes past weir; none where nobody meant it to go there.
    func findings(onProxyFor direct: [Holding]) -> [Finding] {
        guard let environment = process.environment, environment.namesProxy, !way.isCovered else { return [] }
        var found: [Finding] = []
        for holding in direct {
            let guessed = ProxiedScheme(port: holding.destination.port)
            let scheme = guessed ?? .http
            let reading = environment.reading(by: process.runtime, scheme, to: holding.destination)
            // A port that tells no scheme may not even be HTTP's: only who reads no variable reads none for it.
            if guessed == nil, case .ignored = reading {} else if guessed == nil { continue }
            guard let finding = finding(reading, scheme, holding) else { continue }
            // One for all destinations with the same trouble.
            if !found.contains(where: { $0.kind == finding.kind }) { found.append(finding) }
        }
        return found
            + (direct.isEmpty
                ? []
                : findingsOnTarget(environment, direct).filter { new in
                    !found.contains { $0.kind == new.kind }
                })
    }

    private func finding(_ reading: ProxyReading, _ scheme: ProxiedScheme, _ holding: Holding) -> Finding? {
        let to = holding.destination
        switch reading {
        case .unset: return nil
        case .ignored(let variable):
            return Finding(
                .ignoredVariable,
                "\(variable) is set, but \(process.runtime.name) does not read it: connections to \(to) go past it",
                advice: [ignoredAdvice(scheme), "or: weir redirect up \(selector)"]
            )
        case .misspelt(let variable, let read):
            return Finding(
                .misspeltVariable,
                "\(variable) is set, but for \(scheme) \(process.runtime.name) reads \(read): connections to \(to) "
                    + "go past it",
                advice: ["set \(read) too; best all of http_proxy, https_proxy, HTTP_PROXY, HTTPS_PROXY"]
            )
        case .exempt(let rule):
            return Finding(
                .exempt,
                "connections to \(to) go past the proxy by \(rule)",
                advice: [
                    rule.hasPrefix("NO_PROXY") || rule.hasPrefix("no_proxy")
                        ? "take that entry out if weir is to take them in"
                        : "use another address of the host, or: weir redirect up \(selector)"
                ]
            )
        case .proxy(let variable, let value):
            // What points elsewhere is told apart.
            guard weir.isMeant(by: value) else { return nil }
            return Finding(
                .bypass,
                "\(variable) leads to weir, but connections to \(to) do not",
                advice: [bypassAdvice, "or: weir redirect up \(selector)"]
            )
        }
    }

    /// Variables that are read, but name another proxy than weir, or weir where it is not.
    private func findingsOnTarget(_ environment: ProxyEnvironment, _ direct: [Holding]) -> [Finding] {
        guard let to = direct.first?.destination else { return [] }
        for scheme in ProxiedScheme.allCases {
            guard
                case .proxy(let variable, let value) = environment.reading(
                    by: process.runtime,
                    scheme,
                    to: to
                )
            else { continue }
            let isMeant = weir.isMeant(by: value)
            if isMeant && weir.isListening { continue }
            let place = weir.endpoints.first.map { "\($0)" } ?? "weir"
            if isMeant {
                return [
                    Finding(
                        .noProxy,
                        "\(variable) leads to weir, but nobody listens at \(value)",
                        advice: ["start it: systemctl enable --now weir"]
                    )
                ]
            }
            return [
                Finding(
                    .otherProxy,
                    "\(variable)=\(withoutPassword(value)) is not weir",
                    advice: ["if weir is to take it in: \(variable)=http://\(place)"]
                )
            ]
        }
        return []
    }

    private func ignoredAdvice(_ scheme: ProxiedScheme) -> String {
        let place = weir.endpoints.first.map { "\($0)" } ?? "127.0.0.1:3128"
        let host = place.split(separator: ":").dropLast().joined(separator: ":")
        let port = place.split(separator: ":").last ?? "3128"
        switch process.runtime {
        case .java: return "start it with -D\(scheme).proxyHost=\(host) -D\(scheme).proxyPort=\(port)"
        case .node: return "Node 24 and later: NODE_USE_ENV_PROXY=1; before: a proxy agent in the code"
        default: return "name the proxy in its own settings"
        }
    }

    private var bypassAdvice: String {
        switch process.runtime {
        case .go:
            "in the code: http.Transport{Proxy: http.ProxyFromEnvironment}; a Transport without Proxy reads none"
        case .python: "in the code: aiohttp needs trust_env=True; requests needs Session.trust_env"
        default: "the client in the code has to be told to read the variables"
        }
    }

    /// A proxy's URI without what stands before the host.
    private func withoutPassword(_ value: String) -> String {
        guard let at = value.lastIndex(of: "@") else { return value }
        let rest = value[value.index(after: at)...]
        guard let scheme = value.firstIndex(of: ":"), value[scheme...].hasPrefix("://") else {
            return String(rest)
        }
        return "\(value[..<scheme])://…@\(rest)"
    }
}
