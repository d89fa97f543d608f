import Basics
import ProxyCore
import UpstreamPool

// The way to the origins: pool, queue, dials, names.
extension PrometheusText {
    static func writeUpstreams(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        let statistics = snapshot.engine
        let name = "weir_upstream_connections"
        buffer.family(name, .gauge, "Upstream connections by state.")
        for (state, count) in snapshot.poolCounts.states { buffer.sample(name, "state", state, count) }
        buffer.limit(
            "weir_upstream_connections_limit",
            "upstream.max_connections in force; absent where there is no bound.",
            snapshot.configuration.pool.maxConnections
        )
        buffer.metric(
            "weir_upstream_connections_peak",
            .gauge,
            "Most upstream connections held at once since start.",
            snapshot.pool.peakConnections
        )
        buffer.metric(
            "weir_upstream_origins",
            .gauge,
            "Origins with a connection or a waiter.",
            snapshot.poolCounts.origins
        )
        buffer.metric(
            "weir_upstream_idle_closed_total",
            .counter,
            "Idle connections that the upstream closed.",
            statistics.idleClosedByUpstream
        )
        buffer.metric(
            "weir_upstream_unsolicited_total",
            .counter,
            "Idle connections closed because bytes came that nobody had asked for.",
            statistics.unsolicitedBytes
        )
    }

    static func writeOrigins(
        _ snapshot: ProxySnapshot,
        _ named: NamedConnections,
        _ buffer: inout ByteBuffer
    ) {
        var name = "weir_origin_connections"
        buffer.family(name, .gauge, "Upstream connections by origin, the largest by name.")
        for origin in named.origins {
            let states = [("dialling", origin.dialling), ("leased", origin.leased), ("idle", origin.idle)]
            for (state, count) in states {
                buffer.sample(name, labels(of: origin) + [("state", state)], count)
            }
        }
        buffer.limit(
            "weir_origin_connections_limit",
            "upstream.max_per_destination in force; absent where there is no bound.",
            snapshot.configuration.pool.maxPerDestination
        )
        name = "weir_origin_waiters"
        buffer.family(name, .gauge, "Requests that wait for a connection, by origin, the largest by name.")
        for origin in named.origins {
            buffer.sample(name, labels(of: origin), origin.waiting)
        }
    }

    private static func labels(of origin: NamedConnections.Origin) -> [(name: String, value: String)] {
        [("origin", origin.name.authority), ("kind", origin.name.kind.name)]
    }

    static func writePool(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        let pool = snapshot.pool
        var name = "weir_upstream_leases_total"
        buffer.family(name, .counter, "Leases of upstream connections.")
        buffer.sample(name, "kind", "reused", pool.leasesReused)
        buffer.sample(name, "kind", "fresh", pool.leasesFresh)
        name = "weir_pool_refusals_total"
        buffer.family(name, .counter, "Upstream connections that the pool closed or did not keep, by reason.")
        for refusal in Refusal.allCases {
            buffer.sample(name, "reason", refusal.name, pool.refusals.count(at: Int(refusal.rawValue)))
        }
        buffer.metric(
            "weir_pool_waiters",
            .gauge,
            "Requests that wait for a connection.",
            snapshot.poolCounts.waiting
        )
        buffer.limit(
            "weir_pool_waiters_limit",
            "upstream.max_queue in force; absent where there is no bound.",
            snapshot.configuration.pool.maxQueue
        )
        buffer.metric(
            "weir_pool_waits_total",
            .counter,
            "Requests that had to wait for a connection.",
            pool.waits
        )
        buffer.metric(
            "weir_pool_queue_refusals_total",
            .counter,
            "Requests refused because the queue was full.",
            pool.queueRefusals
        )
        buffer.histogram(
            "weir_upstream_wait_seconds",
            "Waiting for an upstream connection, of requests that had to wait.",
            snapshot.engine.waits
        )
    }

    static func writeDials(
        _ pool: PoolStatistics,
        _ process: ProcessFigures,
        _ buffer: inout ByteBuffer
    ) {
        let name = "weir_dials_total"
        buffer.family(name, .counter, "Ended dials by outcome.")
        buffer.sample(name, "outcome", "connected", process.dialsSucceeded)
        for cause in Cause.dialFailures {
            buffer.sample(name, "outcome", cause.name, process.dialFailures.count(at: Int(cause.rawValue)))
        }
        buffer.metric(
            "weir_dials_started_total",
            .counter,
            "Dials that the pool asked for.",
            pool.dialsStarted
        )
        buffer.metric(
            "weir_dial_backoffs_total",
            .counter,
            "Pauses of dialling for want of ports or descriptors.",
            pool.backoffs
        )
        buffer.histogram(
            "weir_dial_duration_seconds",
            "Dials that connected, their name look-ups included.",
            process.dialDurations
        )
        buffer.histogram(
            "weir_connect_duration_seconds",
            "TCP handshakes of dials that connected, from SYN to establishment.",
            process.connectDurations
        )
    }

    static func writeNames(_ process: ProcessFigures, _ buffer: inout ByteBuffer) {
        var name = "weir_names"
        buffer.family(name, .gauge, "Host names in the cache of name look-ups.")
        buffer.sample(name, "state", "known", process.namesKnown)
        buffer.sample(name, "state", "in_flight", process.namesInFlight)
        buffer.sample(name, "state", "queued", process.namesQueued)
        name = "weir_name_lookups_total"
        buffer.family(name, .counter, "Names that dials asked for, by what became of that.")
        buffer.sample(name, "result", "known", process.nameLookUps.known)
        buffer.sample(name, "result", "asked", process.nameLookUps.asked)
        buffer.sample(name, "result", "joined", process.nameLookUps.joined)
        buffer.sample(name, "result", "refused", process.nameLookUps.refused)
    }
}
