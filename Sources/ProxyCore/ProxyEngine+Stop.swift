public import Basics
import ClientPolicy
import UpstreamPool

extension ProxyEngine {
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
