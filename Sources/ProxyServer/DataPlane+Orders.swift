import ProxyCore
import Reactor

// What an operator may order.
extension DataPlane {
    /// Asks clients to go, or no longer, and serves all of them.
    func windDown(_ isWanted: Bool) {
        engine.windDown(isWanted, now: loop.now)
        perform()
        settle()
    }

    /// Closes an origin's idle connections; nil where there is no such origin.
    func closeIdle(host: String, port: UInt16) -> Int? {
        let closed = engine.closeIdle(host: host.utf8.span, port: port, now: loop.now)
        perform()
        settle()
        return closed
    }
}
