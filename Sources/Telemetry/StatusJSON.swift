import Access
public import Basics
import ClientPolicy
import HTTPWire
import ProxyCore
import UpstreamPool

/// `/status`: everything at one instant, for a person or a script. Limits that are switched off are `null`,
/// durations are seconds.
public enum StatusJSON {
    /// What Content-Type says of it.
    public static let contentType = "application/json"
    /// Most rows of the pool by origin; those with most connections and waiters are shown.
    public static let maxOrigins = 1000

    /// Appends one JSON object and a line feed. The snapshot should have been taken with origins.
    ///
    /// - Parameter owners: Those that are not healthy are shown, as in `/leaks`, the worst first.
    public static func write(
        _ snapshot: ProxySnapshot,
        owners: [OwnerLine] = [],
        now: MonotonicTime = .zero,
        to buffer: inout ByteBuffer
    ) {
        buffer.beginObject()
        writeProcess(snapshot, &buffer)
        writeWorkers(snapshot.workers, &buffer)
        writeClients(snapshot, &buffer)
        writeTunnelsAndQueue(snapshot, &buffer)
        LeaksJSON.writeUnhealthy(owners, now, &buffer)
        writePorts(snapshot, &buffer)
        writePool(snapshot, &buffer)
        writeCounters(snapshot, &buffer)
        writeRedirect(snapshot, &buffer)
        writeLimits(snapshot.configuration, &buffer)
        buffer.endObject()
        buffer.append("\n")
    }

    /// Which process it is, and where it serves.
    static func writeIdentity(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        let process = snapshot.process
        buffer.member("version", process.version)
        buffer.member("pid", process.processID)
        buffer.member("state", snapshot.isDraining ? "draining" : "running")
        buffer.beginArray("listen")
        for place in process.places { buffer.element(place) }
        buffer.endArray()
        buffer.member("started_at", process.startedAt)
        buffer.member("uptime", process.uptime)
    }

    /// Members that say what it costs its host.
    static func writeResources(_ process: ProcessFigures, _ buffer: inout ByteBuffer) {
        if let open = process.openDescriptors { buffer.member("descriptors", open) }
        buffer.member("descriptor_limit", limit: process.descriptorLimit ?? .max)
        if let bytes = process.residentBytes { buffer.member("resident_bytes", bytes) }
        if let time = process.processorTime { buffer.member("processor_time", time) }
    }

    private static func writeProcess(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        let process = snapshot.process
        writeIdentity(snapshot, &buffer)
        buffer.beginObject("process")
        writeResources(process, &buffer)
        buffer.member("log_lines_dropped", process.logLinesDropped)
        buffer.member("reloads", process.reloads)
        buffer.member("reloads_refused", process.reloadsRefused)
        buffer.endObject()
        writeLifecycle(process.lifecycle, &buffer)
    }

    /// What `weirctl reload` and `upgrade` wait for.
    private static func writeLifecycle(_ lifecycle: LifecycleFigures, _ buffer: inout ByteBuffer) {
        buffer.beginObject("lifecycle")
        buffer.member("generation", lifecycle.generation)
        buffer.member("reload_error", optional: lifecycle.reloadError)
        buffer.member("settings_changed", lifecycle.settingsChanged)
        buffer.member("needs_restart", lifecycle.needsRestart)
        buffer.member("upgrading", lifecycle.isUpgrading)
        buffer.member("upgrades_failed", lifecycle.upgradesFailed)
        buffer.member("upgrade_error", optional: lifecycle.upgradeError)
        buffer.endObject()
    }

    /// How evenly the workers share what there is to do.
    private static func writeWorkers(_ workers: [WorkerLoad], _ buffer: inout ByteBuffer) {
        buffer.beginArray("workers")
        for worker in workers {
            buffer.beginObject()
            buffer.member("clients", worker.clients)
            buffer.member("upstreams", worker.upstreams)
            buffer.member("requests", worker.requests)
            buffer.endObject()
        }
        buffer.endArray()
    }

    static func writeClients(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        buffer.beginObject("clients")
        buffer.member("total", snapshot.clients.total)
        buffer.member("limit", limit: snapshot.configuration.clients.maxConnections)
        for (state, count) in snapshot.clients.states { buffer.member(state, count) }
        buffer.member("owners", snapshot.owners)
        for verdict in Verdict.allCases {
            buffer.member("owners_\(verdict.name)", snapshot.ownersByVerdict.count(at: Int(verdict.rawValue)))
        }
        buffer.member("stalled", snapshot.stalled)
        buffer.endObject()
    }

    /// What `weirctl redirect` reads before it installs rules.
    private static func writeRedirect(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        let redirect = snapshot.redirect
        buffer.beginObject("redirect")
        buffer.member("listen", redirect.listen)
        buffer.member("mark", Int(redirect.mark))
        buffer.member("uid", Int(redirect.user))
        buffer.member("cgroup", optional: redirect.controlGroup)
        buffer.member("pid", snapshot.process.processID)
        buffer.endObject()
    }

    static func writeTunnelsAndQueue(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        buffer.beginObject("tunnels")
        buffer.member("open", snapshot.tunnels)
        buffer.member("limit", limit: snapshot.configuration.maxTunnels)
        buffer.endObject()
        buffer.beginObject("queue")
        buffer.member("waiting", snapshot.poolCounts.waiting)
        buffer.member("limit", limit: snapshot.configuration.pool.maxQueue)
        buffer.endObject()
    }

    static func writePorts(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        buffer.beginObject("ports")
        for (hop, use) in [("client", snapshot.clientPorts), ("upstream", snapshot.upstreamPorts)] {
            buffer.beginObject(hop)
            buffer.member("used", use.used)
            buffer.member("limit", limit: use.limit)
            buffer.member("growth_per_second", milli: Int(use.growth * 1000))
            buffer.member(
                "seconds_to_exhaustion",
                limit: use.secondsToExhaustion.map { Int(min($0, 1e9)) } ?? .max
            )
            buffer.member("time_waits", use.timeWaits)
            buffer.endObject()
        }
        buffer.endObject()
    }

    private static func writePool(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        buffer.beginObject("pool")
        writePoolCounts(snapshot, most: maxOrigins, &buffer)
        buffer.endObject()
    }

    /// Members that say what is in the pool, and the largest origins.
    static func writePoolCounts(_ snapshot: ProxySnapshot, most: Int, _ buffer: inout ByteBuffer) {
        let counts = snapshot.poolCounts
        buffer.member("connections", counts.dialling + counts.leased + counts.idle)
        buffer.member("limit", limit: snapshot.configuration.pool.maxConnections)
        for (state, count) in counts.states { buffer.member(state, count) }
        buffer.member("peak", snapshot.pool.peakConnections)
        buffer.member("origins", snapshot.origins.count)
        buffer.member("origins_left_out", max(0, snapshot.origins.count - most))
        writeOrigins(snapshot.origins, most: most, &buffer)
    }

    /// Adds the member `by_origin`, the largest first.
    private static func writeOrigins(
        _ origins: [UpstreamPool.OriginReport],
        most: Int,
        _ buffer: inout ByteBuffer
    ) {
        buffer.beginArray("by_origin")
        for origin in largestFirst(origins).prefix(most) {
            buffer.beginObject()
            buffer.member("origin", origin.authority)
            buffer.member("kind", origin.kind.name)
            if origin.kind == .intercepted { buffer.member("host", origin.name) }
            buffer.member("dialling", origin.dialling)
            buffer.member("leased", origin.leased)
            buffer.member("idle", origin.idle)
            buffer.member("waiting", origin.waiting)
            buffer.endObject()
        }
        buffer.endArray()
    }

    /// By connections and waiters; equal ones by name, so that two readings can be compared.
    static func largestFirst(_ origins: [UpstreamPool.OriginReport]) -> [UpstreamPool.OriginReport] {
        origins.sorted { left, right in
            if left.size != right.size { return left.size > right.size }
            if left.host != right.host { return left.host < right.host }
            if left.port != right.port { return left.port < right.port }
            return left.kind.rawValue < right.kind.rawValue
        }
    }

    private static func writeCounters(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        let engine = snapshot.engine
        let pool = snapshot.pool
        buffer.beginObject("counters")
        writeTraffic(snapshot, &buffer)
        buffer.member("own_responses", engine.ownResponses)
        buffer.member("dials_started", pool.dialsStarted)
        buffer.member("closed_in_grace", engine.gracefulCloses)
        buffer.member("reset_after_grace", engine.resetAfterGrace)
        buffer.beginObject("intercepted")
        for kind in InterceptedKind.allCases {
            buffer.member(kind.name, engine.intercepted.count(at: Int(kind.rawValue)))
        }
        buffer.member("refused", snapshot.redirect.refused)
        buffer.endObject()
        buffer.beginObject("limits_reached")
        for limit in Limit.allCases {
            buffer.member(limit.name, engine.limits.count(at: Int(limit.rawValue)))
        }
        buffer.endObject()
        buffer.beginObject("client_ends")
        for end in ClientEnd.allCases {
            buffer.member(end.name, snapshot.clientEnds.count(at: Int(end.rawValue)))
        }
        buffer.endObject()
        buffer.beginObject("pool_refusals")
        for refusal in Refusal.allCases {
            buffer.member(refusal.name, pool.refusals.count(at: Int(refusal.rawValue)))
        }
        buffer.endObject()
        buffer.endObject()
    }

    /// Counters since start that say how much there was to do, and how it ended.
    static func writeTraffic(_ snapshot: ProxySnapshot, _ buffer: inout ByteBuffer) {
        let engine = snapshot.engine
        let pool = snapshot.pool
        buffer.member("clients_accepted", engine.clientsAccepted)
        buffer.member("clients_refused", snapshot.clientRefusals)
        buffer.member("requests", engine.requests)
        buffer.member("tunnels_opened", engine.tunnelsOpened)
        buffer.member("retries", engine.retries)
        buffer.member("bytes_up", engine.bytesUp)
        buffer.member("bytes_down", engine.bytesDown)
        buffer.member("leases_reused", pool.leasesReused)
        buffer.member("leases_fresh", pool.leasesFresh)
        buffer.member("dials_failed", pool.dialsFailed)
        buffer.member("waits", pool.waits)
        buffer.member("queue_refusals", pool.queueRefusals)
        buffer.beginObject("outcomes")
        for cause in Cause.allCases {
            buffer.member(cause.name, engine.outcomes.count(at: Int(cause.rawValue)))
        }
        buffer.endObject()
    }

    /// Under the names of the settings.
    private static func writeLimits(_ configuration: EngineConfiguration, _ buffer: inout ByteBuffer) {
        let clients = configuration.clients
        let pool = configuration.pool
        buffer.beginObject("limits")
        buffer.member("client.keep_alive", clients.keepAlive)
        buffer.member("client.request_timeout", configuration.requestTimeout)
        buffer.member("client.header_timeout", configuration.headerTimeout)
        buffer.member("client.idle_timeout", configuration.clientIdleTimeout)
        buffer.member("client.leak_cure", clients.curesLeaks)
        buffer.member("client.leak_idle_timeout", configuration.leakIdleTimeout)
        buffer.member("client.max_stalled_per_owner", limit: configuration.maxStalledPerOwner)
        buffer.member("client.close_grace", configuration.closeGrace)
        buffer.member("client.max_connections", limit: clients.maxConnections)
        buffer.member("client.max_parked_per_owner", limit: clients.maxParkedPerOwner)
        buffer.member("client.max_requests", limit: clients.maxRequests)
        buffer.member("client.max_age", clients.maxAge)
        buffer.member("client.write_timeout", configuration.writeTimeout)
        buffer.member("client.min_progress", configuration.minProgress)
        buffer.member("redirect.raw_idle_timeout", configuration.rawIdleTimeout)
        buffer.member("tunnel.idle_timeout", configuration.tunnelIdleTimeout)
        buffer.member("tunnel.half_close_timeout", configuration.halfCloseTimeout)
        buffer.member("tunnel.max", limit: configuration.maxTunnels)
        buffer.member("tunnel.max_quiet_per_destination", limit: configuration.maxQuietPerDestination)
        buffer.member("upstream.proxy", configuration.parent?.text ?? "none")
        buffer.member("upstream.connect_timeout", configuration.connectTimeout)
        buffer.member("upstream.response_timeout", configuration.responseTimeout)
        buffer.member("upstream.expect_continue_timeout", configuration.expectContinueTimeout)
        buffer.member("upstream.ack_timeout", configuration.ackTimeout)
        buffer.member("upstream.max_connections", limit: pool.maxConnections)
        buffer.member("upstream.max_per_destination", limit: pool.maxPerDestination)
        buffer.member("upstream.max_idle", limit: pool.maxIdle)
        buffer.member("upstream.max_idle_per_destination", limit: pool.maxIdlePerDestination)
        buffer.member("upstream.max_dials_per_destination", limit: pool.maxDialsPerDestination)
        buffer.member("upstream.idle_timeout", pool.idleTimeout)
        buffer.member("upstream.surplus_timeout", pool.surplusTimeout)
        buffer.member("upstream.max_age", pool.maxAge)
        buffer.member("upstream.max_requests", limit: pool.maxRequests)
        buffer.member("upstream.unsafe_reuse_window", pool.unsafeReuseWindow)
        buffer.member("upstream.max_queue", limit: pool.maxQueue)
        buffer.member("upstream.queue_timeout", configuration.queueTimeout)
        buffer.member("limits.head_size", configuration.heads.headSize)
        buffer.member("limits.fields", configuration.heads.fields)
        buffer.member("limits.uri_size", configuration.heads.uriSize)
        buffer.member("limits.chunk_extensions", configuration.chunkExtensions)
        buffer.endObject()
    }
}

extension UpstreamPool.OriginReport {
    fileprivate var size: Int { dialling + idle + leased + waiting }

    /// `host:port`, an IPv6 address in brackets.
    var authority: String {
        host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
