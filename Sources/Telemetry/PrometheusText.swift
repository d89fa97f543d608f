public import Basics
import ClientPolicy
import ProxyCore
import UpstreamPool

/// `/metrics`: the Prometheus text format 0.0.4. docs/metrics.md has every metric, and a test that it has. The number
/// of lines is bounded: what clients choose (origins, owners) comes from `NamedConnections` alone.
public enum PrometheusText {
    /// What Content-Type says of it.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// Appends every metric.
    public static func write(
        _ snapshot: ProxySnapshot,
        named: NamedConnections = NamedConnections(),
        to buffer: inout ByteBuffer
    ) {
        writeProcess(snapshot.process, &buffer)
        writeState(snapshot, &buffer)
        writeWorkers(snapshot.workers, &buffer)
        writeClients(snapshot, &buffer)
        writeIntercepted(snapshot, &buffer)
        writeExchanges(snapshot, &buffer)
        writeTunnels(snapshot, &buffer)
        writeLeaks(snapshot, &buffer)
        writeOwners(named, &buffer)
        writePorts(snapshot, &buffer)
        writeUpstreams(snapshot, &buffer)
        writeOrigins(snapshot, named, &buffer)
        writePool(snapshot, &buffer)
        writeDials(snapshot.pool, snapshot.process, &buffer)
        writeNames(snapshot.process, &buffer)
    }

    private static func writeProcess(_ process: ProcessFigures, _ buffer: inout ByteBuffer) {
        var name = "weir_build_info"
        buffer.family(name, .gauge, "What runs: version and libraries; always 1.")
        buffer.sample(name, [("version", process.version)] + process.libraries, 1)
        name = "process_start_time_seconds"
        buffer.metric(
            name,
            .gauge,
            "When serving began, in seconds since 1970.",
            Int(process.startedAt.seconds)
        )
        if let time = process.processorTime {
            name = "process_cpu_seconds_total"
            buffer.metric(name, .counter, "Processor time, user and system.", seconds: time)
        }
        if let bytes = process.residentBytes {
            buffer.metric("process_resident_memory_bytes", .gauge, "Resident memory.", bytes)
        }
        if let bytes = process.virtualBytes {
            buffer.metric("process_virtual_memory_bytes", .gauge, "Address space in use.", bytes)
        }
        if let open = process.openDescriptors {
            buffer.metric("process_open_fds", .gauge, "Open descriptors.", open)
        }
        buffer.limit(
            "process_max_fds",
            "Limit of open descriptors; absent where there is none.",
            process.descriptorLimit
        )
        buffer.histogram(
            "weir_loop_delay_seconds",
            "How late deadlines were met, as the loop was busy.",
            process.loopDelays
        )
    }

    private static func writeState(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        let process = snapshot.process
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
        buffer.family("weir_reloads_total", .counter, "Reloads of the settings.")
        buffer.sample("weir_reloads_total", "result", "applied", process.reloads)
        buffer.sample("weir_reloads_total", "result", "refused", process.reloadsRefused)
        buffer.metric(
            "weir_settings_last_reload_successful",
            .gauge,
            "0 after a reload that was refused, until one is applied; 1 otherwise.",
            process.isLastReloadRefused ? 0 : 1
        )
        buffer.metric(
            "weir_settings_applied_timestamp_seconds",
            .gauge,
            "When the settings in force were applied, in seconds since 1970.",
            Int(process.settingsAppliedAt.seconds)
        )
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

    private static func writeWorkers(_ workers: [WorkerLoad], _ buffer: inout ByteBuffer) {
        var name = "weir_worker_client_connections"
        buffer.family(name, .gauge, "Client connections by worker.")
        for (index, worker) in workers.enumerated() {
            buffer.sample(name, "worker", "\(index)", worker.clients)
        }
        name = "weir_worker_requests_total"
        buffer.family(name, .counter, "Requests whose head was read, by worker.")
        for (index, worker) in workers.enumerated() {
            buffer.sample(name, "worker", "\(index)", worker.requests)
        }
    }

    private static func writeClients(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        let clients = snapshot.clients
        let statistics = snapshot.engine
        var name = "weir_client_connections"
        buffer.family(name, .gauge, "Client connections by what they are doing.")
        for (state, count) in clients.states { buffer.sample(name, "state", state, count) }
        buffer.limit(
            "weir_client_connections_limit",
            "client.max_connections in force; absent where there is no bound.",
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

    private static func writeOwners(_ named: NamedConnections, _ buffer: inout ByteBuffer) {
        let name = "weir_owner_connections"
        buffer.family(name, .gauge, "Client connections by owner, the worst by name, with its verdict.")
        for owner in named.owners {
            buffer.sample(name, [("owner", owner.name), ("verdict", owner.verdict.name)], owner.held)
        }
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
}
