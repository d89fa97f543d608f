public import Basics
import ClientPolicy
import UpstreamPool

extension ProxyEngine {
    /// Asks clients to go, or no longer: parked connections are ended in good order and every response announces
    /// the close, while new connections and requests are served as ever.
    public mutating func windDown(_ isWanted: Bool, now: MonotonicTime) {
        begin(now)
        isWindingDown = isWanted
        continueDraining(limit: 32)
        applyPoolEffects()
    }

    /// Closes the idle connections to one host and port, by order of an operator.
    ///
    /// - Parameter host: Without brackets.
    /// - Returns: How many there were; nil where the pool has nothing there.
    public mutating func closeIdle(host: Span<UInt8>, port: UInt16, now: MonotonicTime) -> Int? {
        begin(now)
        let closed = pool.closeIdle(host: host, port: port, now: now)
        applyPoolEffects()
        return closed
    }

    /// The time for draining is up: everything is cut, and each exchange and tunnel gets its outcome.
    /// The only event whose work grows with the number of connections; the process ends with it.
    public mutating func stop(now: MonotonicTime) {
        begin(now)
        isDraining = true
        for slot in 0..<clients.capacity {
            guard let id = clients.occupant(of: slot) else { continue }
            switch clients[id].phase {
            case .exchange where clients[id].exchange.isOpen: abortExchange(id, .stopped, .reset)
            case .tunnel: closeTunnel(id, .stopped)
            case .fresh, .head, .parked, .unread, .ending, .exchange: closeClient(id, .normal)
            }
        }
        pool.drain(now: now)
        applyPoolEffects()
    }
}
