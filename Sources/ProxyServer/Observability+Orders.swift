import Logging
import ProxyCore
import Settings

// What the admin server is told to do. Each order is logged: it changes what the proxy does.
extension Observability {
    func perform(_ order: AdminOrder, _ then: @escaping (_ status: UInt16, _ text: String) -> Void) {
        switch order {
        case .drain:
            workers.each { $0.dataPlane.windDown(true) }
            log.notice("draining by order: clients are asked to go, and served until they do")
            then(
                200,
                "draining: every response announces the close, /healthz says 503; POST /resume ends it"
            )
        case .resume:
            if workers.local.dataPlane.engine.isDraining { return then(409, "the process is stopping") }
            workers.each { $0.dataPlane.windDown(false) }
            log.notice("no longer draining, by order")
            then(200, "serving as before")
        case .logLevel(let level):
            logStyle.level = level.loggerLevel
            log.notice("log level changed by order", metadata: ["level": "\(level.rawValue)"])
            then(200, "the log level is \(level.rawValue) until the settings are read again")
        case .closeIdle(let host, let port): closeIdle(host, port, then)
        }
    }

    private func closeIdle(_ host: String, _ port: UInt16, _ then: @escaping (UInt16, String) -> Void) {
        let place = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
        workers.gather({ $0.dataPlane.closeIdle(host: host, port: port) }) { [log] counts in
            guard let counts else { return then(503, "not all workers answer") }
            let known = counts.compactMap(\.self)
            if known.isEmpty { return then(404, "no connection to \(place) is in the pool") }
            let closed = known.reduce(0, +)
            log.notice(
                "idle connections closed by order",
                metadata: ["origin": "\(place)", "closed": "\(closed)"]
            )
            then(200, "\(closed) idle \(closed == 1 ? "connection" : "connections") to \(place) closed")
        }
    }
}

extension AdminGuard {
    /// As the settings say.
    init(_ settings: Settings) {
        names = Set(settings.adminHosts)
        takesOrders = settings.adminOrders
        isUnixSocket = settings.admin.map { $0.network == nil } ?? false
    }
}
