import Basics
import ProxyCore
import Reactor

// What an operator may order.
extension DataPlane {
    /// The process is stopping. Parked connections have `lastCall` for another request.
    func drain(lastCall: Interval, stillAccepts: Bool = false) {
        engine.drain(lastCall: lastCall, stillAccepts: stillAccepts, now: loop.now)
        perform()
        settle()
    }

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
