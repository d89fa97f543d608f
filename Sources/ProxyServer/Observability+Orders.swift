import Logging
import ProxyCore
import Settings

// What the admin server is told to do. Each order is logged: it changes what the proxy does.
extension Observability {
    func perform(_ order: AdminOrder) -> (status: UInt16, text: String) {
        switch order {
        case .drain:
            dataPlane.windDown(true)
            log.notice("draining by order: clients are asked to go, and served until they do")
            return (
                200, "draining: every response announces the close, /healthz says 503; POST /resume ends it"
            )
        case .resume:
            if dataPlane.engine.isDraining { return (409, "the process is stopping") }
            dataPlane.windDown(false)
            log.notice("no longer draining, by order")
            return (200, "serving as before")
        case .logLevel(let level):
            logStyle.level = level.loggerLevel
            log.notice("log level changed by order", metadata: ["level": "\(level.rawValue)"])
            return (200, "the log level is \(level.rawValue) until the settings are read again")
        case .closeIdle(let host, let port):
            let place = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
            guard let closed = dataPlane.closeIdle(host: host, port: port) else {
                return (404, "no connection to \(place) is in the pool")
            }
            log.notice(
                "idle connections closed by order",
                metadata: ["origin": "\(place)", "closed": "\(closed)"]
            )
            return (200, "\(closed) idle \(closed == 1 ? "connection" : "connections") to \(place) closed")
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
