public import Basics
import ClientPolicy
import ProxyCore
import UpstreamPool

/// `/metrics`: the Prometheus text format 0.0.4. The number of lines is fixed; nothing that a client chooses
/// (a host, an address) ever becomes a label.
public enum PrometheusText {
    /// What Content-Type says of it.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// Appends every metric.
    public static func write(_ snapshot: ProxySnapshot, to buffer: inout ByteBuffer) {
        writeProcess(snapshot, &buffer)
        writeClients(snapshot, &buffer)
        writeIntercepted(snapshot, &buffer)
        writeExchanges(snapshot, &buffer)
        writeTunnels(snapshot, &buffer)
        writeLeaks(snapshot, &buffer)
        writePorts(snapshot, &buffer)
        writeUpstreams(snapshot, &buffer)
        writePool(snapshot, &buffer)
        writeDials(snapshot.pool, snapshot.process, &buffer)
    }

    private static func writeProcess(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        let process = snapshot.process
        buffer.family("weir_build_info", .gauge, "The version that runs; always 1.")
        buffer.sample("weir_build_info", "version", process.version, 1)
        buffer.metric(
            "weir_draining",
            .gauge,
            "1 while the process is stopping.",
            snapshot.isDraining ? 1 : 0
        )
        buffer.metric(
            "weir_generation",
            .gauge,
            "How many processes handed over to each other until this one, itself included.",
            process.lifecycle.generation
        )
        let started = Int(process.startedAt.seconds)
        buffer.metric(
            "process_start_time_seconds",
            .gauge,
            "When serving began, in seconds since 1970.",
            started
        )
        if let time = process.processorTime {
            buffer.metric(
                "process_cpu_seconds_total",
                .counter,
                "Processor time, user and system.",
                seconds: time
            )
        }
        if let bytes = process.residentBytes {
            buffer.metric("process_resident_memory_bytes", .gauge, "Resident memory.", bytes)
        }
        if let open = process.openDescriptors {
            buffer.metric("process_open_fds", .gauge, "Open descriptors.", open)
        }
        if let limit = process.descriptorLimit {
            buffer.metric("process_max_fds", .gauge, "Limit of open descriptors.", limit)
        }
        buffer.family("weir_reloads_total", .counter, "Reloads of the settings.")
        buffer.sample("weir_reloads_total", "result", "applied", process.reloads)
        buffer.sample("weir_reloads_total", "result", "refused", process.reloadsRefused)
        buffer.metric(
            "weir_log_lines_dropped_total",
            .counter,
            "Log lines dropped because nobody took them in time.",
            process.logLinesDropped
        )
        buffer.metric(
            "weir_stale_events_total",
            .counter,
            "Events for connections that were already gone.",
            snapshot.engine.staleEvents
        )
    }

    private static func writeClients(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        let clients = snapshot.clients
        let statistics = snapshot.engine
        var name = "weir_client_connections"
        buffer.family(name, .gauge, "Client connections by what they are doing.")
        for (state, count) in clients.states { buffer.sample(name, "state", state, count) }
        buffer.metric(
            "weir_client_connections_limit",
            .gauge,
            "client.max_connections in force.",
            snapshot.configuration.clients.maxConnections
        )
        buffer.metric("weir_client_owners", .gauge, "Owners of client connections.", snapshot.owners)
        buffer.metric(
            "weir_client_connections_accepted_total",
            .counter,
            "Client connections accepted.",
            statistics.clientsAccepted
        )
        buffer.metric(
            "weir_client_connections_refused_total",
            .counter,
            "Client connections refused at the limit with nothing parked.",
            snapshot.clientRefusals
        )
        buffer.metric(
            "weir_client_accept_pauses_total",
            .counter,
            "Pauses of accepting for want of descriptors or memory.",
            snapshot.process.acceptPauses
        )
        name = "weir_client_connections_ended_total"
        buffer.family(name, .counter, "Client connections that weir ended, by reason.")
        for end in ClientEnd.allCases {
            buffer.sample(name, "reason", end.name, snapshot.clientEnds.count(at: Int(end.rawValue)))
        }
        name = "weir_client_closes_total"
        buffer.family(name, .counter, "Client connections that weir ended while they were parked.")
        buffer.sample(name, "answer", "closed_in_grace", statistics.gracefulCloses)
        buffer.sample(name, "answer", "reset_after_grace", statistics.resetAfterGrace)
        buffer.metric(
            "weir_client_late_requests_total",
            .counter,
            "Requests that arrived in the grace of an idle close.",
            statistics.lateRequests
        )
    }

    private static func writeIntercepted(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        let name = "weir_intercepted_connections_total"
        buffer.family(name, .counter, "Redirected client connections, by what their first bytes were.")
        for kind in InterceptedKind.allCases {
            let count = snapshot.engine.intercepted.count(at: Int(kind.rawValue))
            buffer.sample(name, "kind", kind.name, count)
        }
        buffer.sample(name, "kind", "refused", snapshot.redirect.refused)
    }

    private static func writeExchanges(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
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
        buffer.histogram(
            "weir_exchange_duration_seconds",
            "From the head of a request to the end of its exchange.",
            statistics.durations,
            sum: statistics.durationSum
        )
    }

    private static func writeTunnels(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        buffer.metric("weir_tunnels", .gauge, "Tunnels, their dials included.", snapshot.tunnels)
        buffer.metric("weir_tunnels_limit", .gauge, "tunnel.max in force.", snapshot.configuration.maxTunnels)
        buffer.metric(
            "weir_tunnels_opened_total",
            .counter,
            "Tunnels that came to stand.",
            snapshot.engine.tunnelsOpened
        )
    }

    private static func writeLeaks(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        let name = "weir_owners"
        buffer.family(name, .gauge, "Owners of client connections that are remembered, by verdict.")
        for verdict in Verdict.allCases {
            let count = snapshot.ownersByVerdict.count(at: Int(verdict.rawValue))
            buffer.sample(name, "verdict", verdict.name, count)
        }
        buffer.metric(
            "weir_owners_forgotten_total",
            .counter,
            "Owners without connections that were forgotten because too many were remembered.",
            snapshot.ownersForgotten
        )
        buffer.metric(
            "weir_leaks_found_total",
            .counter,
            "Verdicts of leaking, on owners and on their tunnels to one destination.",
            snapshot.engine.leaksFound
        )
        buffer.metric("weir_quiet_tunnels", .gauge, "Tunnels that lie quiet.", snapshot.quietTunnels)
        buffer.metric(
            "weir_stalled_connections",
            .gauge,
            "Client connections whose apps do not read what they were sent.",
            snapshot.stalled
        )
        buffer.metric(
            "weir_stalled_connections_cut_total",
            .counter,
            "Stalled connections that were cut because their owner had too many.",
            snapshot.engine.stallsCut
        )
    }

    private static func writePorts(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        let hops = [("client", snapshot.clientPorts), ("upstream", snapshot.upstreamPorts)]
        var name = "weir_ports_used"
        buffer.family(
            name,
            .gauge,
            "Ports taken: by the apps towards weir, by weir towards the origin with most."
        )
        for (hop, use) in hops { buffer.sample(name, "hop", hop, use.used) }
        name = "weir_ports_limit"
        buffer.family(name, .gauge, "Ports that there are on that hop; absent where not known.")
        for (hop, use) in hops where use.limit != .max { buffer.sample(name, "hop", hop, use.limit) }
        name = "weir_ports_seconds_to_exhaustion"
        buffer.family(name, .gauge, "When ports run out if it goes on like this; absent where it does not.")
        for (hop, use) in hops {
            if let seconds = use.secondsToExhaustion {
                buffer.sample(name, "hop", hop, Int(min(seconds, 1e9)))
            }
        }
        buffer.metric(
            "weir_time_waits",
            .gauge,
            "Ports that are in TIME_WAIT because weir closed first, towards all origins.",
            snapshot.upstreamPorts.timeWaits
        )
    }

    private static func writeUpstreams(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        let statistics = snapshot.engine
        let name = "weir_upstream_connections"
        buffer.family(name, .gauge, "Upstream connections by state.")
        for (state, count) in snapshot.poolCounts.states { buffer.sample(name, "state", state, count) }
        buffer.metric(
            "weir_upstream_connections_limit",
            .gauge,
            "upstream.max_connections in force.",
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

    private static func writePool(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
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
        buffer.metric(
            "weir_pool_waiters_limit",
            .gauge,
            "upstream.max_queue in force.",
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
            snapshot.engine.waits,
            sum: snapshot.engine.waitSum
        )
    }

    private static func writeDials(
        _ pool: PoolStatistics,
        _ process: ProcessFigures,
        _ buffer: inout ByteBuffer
    ) {
        var name = "weir_dials_total"
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
        name = "weir_names"
        buffer.family(name, .gauge, "Host names in the cache of name look-ups.")
        buffer.sample(name, "state", "known", process.namesKnown)
        buffer.sample(name, "state", "in_flight", process.namesInFlight)
        buffer.sample(name, "state", "queued", process.namesQueued)
    }
}
