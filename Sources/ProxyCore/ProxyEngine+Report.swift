import Basics
import ClientPolicy
import UpstreamPool

// What admin pages and tests read.
extension ProxyEngine {
    /// Client connections by what they are doing.
    public struct ClientReport: Sendable, Equatable {
        public var fresh = 0
        public var readingHead = 0
        public var waiting = 0
        public var exchanging = 0
        public var parked = 0
        public var unread = 0
        public var tunnels = 0
        public var ending = 0

        /// Nobody.
        public init() {}
    }

    /// Counts the client connections by phase; walks them all.
    public func clientReport() -> ClientReport {
        var report = ClientReport()
        for slot in 0..<clients.capacity {
            guard let id = clients.occupant(of: slot) else { continue }
            switch clients[id].phase {
            case .fresh: report.fresh += 1
            case .head: report.readingHead += 1
            case .exchange:
                if exchanges[id].stage == .waiting {
                    report.waiting += 1
                } else {
                    report.exchanging += 1
                }
            case .parked: report.parked += 1
            case .unread: report.unread += 1
            case .tunnel: report.tunnels += 1
            case .ending: report.ending += 1
            }
        }
        return report
    }

    /// Walks everything and traps where an invariant is broken. For tests and the simulator.
    public func checkInvariants() {
        pool.checkInvariants()
        policy.checkInvariants()
        destinations.checkInvariants()
        var counted = 0
        var heldHeads = 0
        var held = 0
        for slot in 0..<clients.capacity {
            guard let id = clients.occupant(of: slot) else { continue }
            let session = clients[id]
            precondition((session.phase == .parked) == policy.isParked(id), "parked but unlisted")
            precondition(
                (session.phase == .ending) == endingLinks.isLinked(Int32(slot)),
                "ending but unlisted"
            )
            let exchange = exchanges[id]
            if exchange.isCountedAsTunnel { counted += 1 }
            let holdsExchange = session.phase == .exchange || session.phase == .tunnel
            precondition(holdsExchange == exchanges.isHeld(id), "an exchange in the wrong phase")
            held += holdsExchange ? 1 : 0
            for head in [
                exchange.head, exchange.text, exchange.requestNominations, exchange.responseNominations,
                exchange.offer, exchange.opening, exchange.via,
            ] {
                heldHeads += head >= 0 ? 1 : 0
            }
            checkExchange(id)
            if [.fresh, .head, .parked, .unread, .ending].contains(session.phase) {
                precondition(
                    clientDeadlines.lane(of: UInt32(slot)) != nil || hasUnlimitedPhase(session.phase),
                    "a connection without a deadline"
                )
            }
        }
        precondition(counted == tunnels, "tunnel count")
        precondition(held == exchanges.inUse, "an exchange is lost")
        precondition(heldHeads == heads.inUse, "a head buffer is lost")
        precondition(policy.held == clients.count, "held clients")
    }

    private func checkExchange(_ id: SlotID) {
        let session = clients[id]
        guard let upstream = exchanges[id].upstream else {
            if session.phase == .exchange && exchanges[id].isOpen {
                precondition(pool.isWaiting(id), "an exchange that nobody will ever serve")
            }
            return
        }
        precondition(session.phase == .exchange || session.phase == .tunnel, "lease without exchange")
        precondition(pool.isAlive(upstream), "lease of a dead connection")
        precondition(links[upstream.id.index].client == id, "lease not mutual")
        precondition(!pool.isIdle(upstream) && !pool.isDialling(upstream), "lease of an unleased connection")
    }

    private func hasUnlimitedPhase(_ phase: ClientPhase) -> Bool {
        switch phase {
        case .fresh: configuration.requestTimeout.isUnlimited
        case .head: configuration.headerTimeout.isUnlimited
        case .parked: configuration.clientIdleTimeout.isUnlimited
        case .unread: false
        case .ending: configuration.closeGrace.isUnlimited || configuration.writeTimeout.isUnlimited
        case .exchange, .tunnel: true
        }
    }

    /// Traps where a bound is exceeded. Separate from `checkInvariants`, because a reload may lower a
    /// bound below what is in use.
    public func checkBounds() {
        pool.checkBounds()
        precondition(clients.count <= policy.limits.maxConnections, "client.max_connections exceeded")
        precondition(tunnels <= configuration.maxTunnels, "tunnel.max exceeded")
    }

    /// Exchanges in flight, and heads held; both zero at rest.
    public var openExchanges: Int {
        (0..<clients.capacity).reduce(0) { sum, slot in
            guard let id = clients.occupant(of: slot) else { return sum }
            return sum + (exchanges[id].isOpen ? 1 : 0)
        }
    }
}
