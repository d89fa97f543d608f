import Basics
import ClientPolicy
import ProxyCore
import UpstreamPool

/// What the oracles remember of every exchange, by its number.
struct Ledger {
    /// How often the request's head reached an origin.
    var arrivals: [Int]
    /// The client sends the whole request, if nothing hinders it.
    var isSentWhole: [Bool]
    /// Access records.
    var records: [Int]
    /// Exchanges whose clients saw the origin's whole answer.
    var served = 0
    var ownAnswers = 0

    init(exchanges: Int) {
        arrivals = Array(repeating: 0, count: exchanges)
        isSentWhole = Array(repeating: false, count: exchanges)
        records = Array(repeating: 0, count: exchanges)
    }
}

// What is judged when nothing happens any more.
extension World {
    /// The clients are still there: everybody who waits for something must have a reason.
    func checkNobodyHangs() {
        let report = engine.clientReport()
        if report.parked > 0 && !engine.configuration.clientIdleTimeout.isUnlimited {
            violate(.progress, "\(report.parked) parked for ever")
        }
        if report.fresh + report.readingHead + report.ending + report.waiting > 0 {
            violate(.progress, "somebody waits without a deadline: \(report)")
        }
        let hasReason = clients.contains { $0.mayHang }
        if report.exchanging + report.tunnels > 0 && !hasReason {
            violate(.progress, "an exchange without end: \(report)")
        }
        for client in clients where !client.mayHang && !backlog.contains(where: { $0 === client }) {
            violate(.progress, "client \(client.number) waits for ever: \(client.state)")
        }
        if plan.mood == .clean { checkService() }
        checkVerdicts()
    }

    /// Whether both the settings and the origin allow that this exchange never ends.
    func mayWaitForever(_ exchange: ExchangePlan) -> Bool {
        let origin = plan.origins[exchange.origin]
        if origin.reads.stopsAfter < .max || origin.writes.stopsAfter < .max { return true }
        return exchange.fault == .silence
            && (plan.configuration.responseTimeout.isUnlimited || plan.reloaded.responseTimeout.isUnlimited)
    }

    /// Nobody made a mistake, so everybody has been served by the origin.
    private func checkService() {
        let wanted = plan.exchanges.count
        if ledger.served != wanted {
            violate(.service, "\(ledger.served) of \(wanted) exchanges were served")
        }
    }

    /// Nobody who does not leak is called leaking, or has lost a connection to a leak.
    private func checkVerdicts() {
        for report in engine.policy.ownerReports() where plan.healthyOwners.contains(Int(report.key.low)) {
            if report.verdict == .leaking || report.tally.reaped > 0 {
                violate(
                    .collateral,
                    "owner \(report.key.low) is \(report.verdict), \(report.tally.reaped) reaped"
                )
            }
        }
    }

    /// Everybody has left and every timeout has passed.
    func checkRest() {
        engine.checkInvariants()
        let counts = [
            ("client connections", engine.clientCount), ("upstream connections", engine.pool.connectionCount),
            ("origins", engine.pool.originCount), ("waiters", engine.pool.waiting),
            ("tunnels", engine.tunnels),
            ("open exchanges", engine.openExchanges), ("the shell's connections", connections.count),
            ("the shell's dials", dials.count),
        ]
        for (what, count) in counts where count > 0 { violate(.rest, "\(what): \(count)") }
        let ended = engine.statistics.outcomes.reduce(0, +)
        if ended != engine.statistics.requests {
            violate(.outcome, "\(engine.statistics.requests) vs \(ended)")
        }
        guard plan.configuration.accessLog, plan.reloadAt == nil else { return }
        for exchange in plan.exchanges where ledger.arrivals[exchange.id] > 0 {
            let count = ledger.records[exchange.id]
            if count != 1 { violate(.outcome, "\(count) records of exchange \(exchange.id)") }
        }
    }
}
