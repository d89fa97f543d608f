import Basics
import ProxyCore

// What clients ask for, and how it ends.
extension PrometheusText {
    static func writeIntercepted(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        let name = "weir_intercepted_connections_total"
        buffer.family(name, .counter, "Redirected client connections, by what their first bytes were.")
        for kind in InterceptedKind.allCases {
            let count = snapshot.engine.intercepted.count(at: Int(kind.rawValue))
            buffer.sample(name, "kind", kind.name, count)
        }
        buffer.sample(name, "kind", "refused", snapshot.redirect.refused)
    }

    static func writeExchanges(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        let statistics = snapshot.engine
        buffer.metric(
            "weir_requests_total",
            .counter,
            "Requests whose head was read, and redirected tunnels.",
            statistics.requests
        )
        var name = "weir_responses_total"
        buffer.family(name, .counter, "Final responses sent, by class of the status.")
        for hundreds in 2...5 {
            buffer.sample(name, "class", "\(hundreds)xx", statistics.responses.count(at: hundreds))
        }
        buffer.metric(
            "weir_own_responses_total",
            .counter,
            "Responses that weir made itself.",
            statistics.ownResponses
        )
        name = "weir_exchanges_total"
        buffer.family(name, .counter, "Ended exchanges and tunnels, by who or what ended them.")
        for cause in Cause.allCases {
            buffer.sample(name, "outcome", cause.name, statistics.outcomes.count(at: Int(cause.rawValue)))
        }
        name = "weir_limits_reached_total"
        buffer.family(name, .counter, "Messages that reached a limit on one message, by limit.")
        for limit in Limit.allCases {
            buffer.sample(name, "limit", limit.name, statistics.limits.count(at: Int(limit.rawValue)))
        }
        buffer.metric(
            "weir_retries_total",
            .counter,
            "Requests sent again after a reused connection proved dead.",
            statistics.retries
        )
        name = "weir_bytes_total"
        buffer.family(name, .counter, "Bytes relayed, heads included.")
        buffer.sample(name, "direction", "up", Int(clamping: statistics.bytesUp))
        buffer.sample(name, "direction", "down", Int(clamping: statistics.bytesDown))
        writeLatencies(statistics, &buffer)
    }

    private static func writeLatencies(_ statistics: EngineStatistics, _ buffer: inout ByteBuffer) {
        buffer.histogram(
            "weir_exchange_duration_seconds",
            "From the head of a request to the end of its exchange.",
            statistics.durations
        )
        buffer.histogram(
            "weir_upstream_first_byte_seconds",
            "From sending the head of a request to the head of its final response.",
            statistics.firstBytes
        )
    }

    static func writeTunnels(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        buffer.metric("weir_tunnels", .gauge, "Tunnels, their dials included.", snapshot.tunnels)
        buffer.limit(
            "weir_tunnels_limit",
            "tunnel.max in force; absent where there is no bound.",
            snapshot.configuration.maxTunnels
        )
        buffer.metric(
            "weir_tunnels_opened_total",
            .counter,
            "Tunnels that came to stand.",
            snapshot.engine.tunnelsOpened
        )
        buffer.histogram(
            "weir_tunnel_duration_seconds",
            "Life of ended tunnels that had come to stand.",
            snapshot.engine.tunnelDurations
        )
    }
}
