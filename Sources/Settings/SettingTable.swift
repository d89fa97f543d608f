import Basics

/// The table of settings. File, environment, flags, help and the generated file all read it.
public enum SettingTable {
    /// What the environment variables of weir begin with.
    static let environmentPrefix = "WEIR_"

    /// The variable that names the settings file where `--config` does not.
    public static let configVariable = "WEIR_CONFIG"

    /// Every setting, in the order of the generated file.
    static let rows: [Setting] =
        general + client + access + redirect + tunnel + upstream + tcp + dns + limits + log

    /// Keys of `rows`.
    static let keys = rows.map(\.key)

    /// Names of the sections, in the order of `rows`.
    static let sections: [String] = rows.compactMap(\.section).reduce(into: []) { names, name in
        if names.last != name { names.append(name) }
    }

    /// Rows by key.
    static let byKey = Dictionary(uniqueKeysWithValues: rows.map { ($0.key, $0) })

    /// Every setting, for help and documentation.
    public static var descriptions: [SettingDescription] {
        rows.map { row in
            SettingDescription(
                key: row.key,
                environmentName: row.environmentName,
                form: row.form,
                defaultText: row.defaultText,
                help: row.help,
                reloadable: row.reloadable
            )
        }
    }

    /// The defaults as the table states them, not yet fitted to a host.
    static let statedDefaults: Settings = {
        var settings = Settings()
        for row in rows {
            do throws(ValueProblem) {
                try row.assign(RawValue(row.defaultText, at: .defaultValue), &settings)
            } catch {
                preconditionFailure("default of \(row.key): \(error.problem)")
            }
        }
        return settings
    }()

    // MARK: Rows

    // Rows are broken by hand, so that each reads as a row: swift format would give each cell a line.
    // swift-format-ignore
    static let general: [Setting] = [
        Setting(
            "listen", .listenAddresses, \.listen, default: "127.0.0.1:3128",
            """
            Addresses on which apps are served. Each address gives the apps of this host a range of ports \
            of its own, so a second one (127.0.0.2:3128) doubles what they can hold. Port 0 lets the \
            kernel choose. unix:/run/weir/proxy.sock is a Unix socket, whose clients hold no ports at all.
            """
        ),
        Setting(
            "listen_mode", .socketMode, \.listenMode, default: "0666",
            """
            Permissions of the files of Unix sockets in listen. Who may write may connect; 0666 leaves it to \
            the permissions of the directory.
            """
        ),
        Setting(
            "admin", .adminAddress, \.admin, default: "127.0.0.1:9128",
            """
            Where weir is looked at: the page, /healthz, /metrics, /status and a few orders. It needs no \
            password, so it is on loopback, or a Unix socket such as unix:/run/weir/admin.sock.
            """
        ),
        Setting(
            "admin_mode", .socketMode, \.adminMode, default: "0660",
            "Permissions of the file where admin is a Unix socket. Who may write may connect."
        ),
        Setting(
            "admin_exposed", .onOff, \.adminExposed, default: "off",
            """
            Whether admin may be an address that other hosts can reach. Whoever reaches it sees which apps \
            speak to whom, and may give orders unless admin_orders is off.
            """
        ),
        Setting(
            "admin_hosts", .hostNames, \.adminHosts, default: "none",
            """
            Names under which the admin server may be asked, beside localhost and IP addresses. Any other name \
            is refused, so that no web page reaches it through a name of its own (DNS rebinding).
            """
        ),
        Setting(
            "admin_orders", .onOff, \.adminOrders, default: "on",
            """
            Whether the admin server takes orders: to drain, to change the log level, to close an origin's idle \
            connections. Off makes it read-only.
            """
        ),
        Setting(
            "pseudonym", .pseudonym, \.pseudonym, default: "auto",
            """
            The name in Via, by which weir knows a request that comes back to it (508). auto makes one up at \
            start; give two weirs in a row different names.
            """
        ),
        Setting(
            "drain_timeout", .duration(unlimited: true), \.drainTimeout, default: "30s",
            "How long a stopping weir, or one that has handed over, waits for exchanges and tunnels to end."
        ),
        Setting(
            "workers", .count(from: 1, to: Fitting.mostWorkers), \.workers, default: "1", reloadable: false,
            """
            Threads that serve apps, each on a core of its own. One serves tens of thousands of requests a second; \
            more are for a host where that is not enough. All bounds are bounds of the whole process.
            """
        ),
    ]

    // swift-format-ignore
    static let client: [Setting] = [
        Setting(
            "client.keep_alive", .onOff, \.client.keepAlive, default: "on",
            """
            Whether an app's connection is kept after a response. Off answers every request with \
            Connection: close, which stops the leak of an app that never reuses.
            """
        ),
        Setting(
            "client.request_timeout", .duration(unlimited: true), \.client.requestTimeout, default: "30s",
            "From accept to the first byte of a request."
        ),
        Setting(
            "client.header_timeout", .duration(unlimited: true), \.client.headerTimeout, default: "10s",
            "From the first byte of a request to the end of its head; later is answered with 408."
        ),
        Setting(
            "client.idle_timeout", .duration(unlimited: true), \.client.idleTimeout, default: "60s",
            """
            How long an app's connection may stay parked between exchanges; it is kept for a quarter more, and \
            four times as long for an app that was seen to come back late, so that the close meets no request.
            """
        ),
        Setting(
            "client.leak_cure", .onOff, \.client.leakCure, default: "on",
            """
            Whether an app that is found leaking is cured: its responses announce the close, and what it leaves \
            lying is ended early. Off only tells of it (weir leaks, log, metrics).
            """
        ),
        Setting(
            "client.leak_idle_timeout", .duration(), \.client.leakIdleTimeout, default: "2s",
            """
            How long a connection of an app that leaks may stay parked, and a tunnel of it quiet that has \
            carried one exchange.
            """
        ),
        Setting(
            "client.close_grace", .duration(to: .seconds(60)), \.client.closeGrace, default: "2s",
            """
            From weir's FIN to its RST when it closes an idle connection. An app that never reads its \
            socket (CLOSE_WAIT) holds its port until the RST.
            """
        ),
        Setting(
            "client.max_connections", .automaticCount(), \.client.maxConnections, default: "auto",
            """
            Most connections that apps may hold. auto is what upstream.max_connections leaves of the \
            descriptors, and at most half of the port range for each listening address.
            """
        ),
        Setting(
            "client.max_parked_per_owner", .count(unlimited: true), \.client.maxParkedPerOwner,
            default: "128",
            """
            Most parked connections of one owner; beyond it the longest parked is closed. Where that one was \
            in use within five seconds, the app goes round its connections: then a response announces the \
            close of the one that is too many.
            """
        ),
        Setting(
            "client.max_stalled_per_owner", .count(unlimited: true), \.client.maxStalledPerOwner,
            default: "64",
            """
            Most connections of one owner whose answers it does not read; beyond it the longest unread is cut, \
            of the destination where it has most.
            """
        ),
        Setting(
            "client.max_requests", .count(unlimited: true), \.client.maxRequests, default: "unlimited",
            "Most requests on one connection; the last response announces the close."
        ),
        Setting(
            "client.max_age", .duration(unlimited: true), \.client.maxAge, default: "unlimited",
            "Age from which a connection is closed, announced on its next response."
        ),
        Setting(
            "client.write_timeout", .duration(unlimited: true), \.client.writeTimeout, default: "300s",
            """
            How long an app may leave a response unread, or pause in the content of a request, before its \
            connection is cut.
            """
        ),
        Setting(
            "client.min_progress", .size(from: 1, to: 1 << 20), \.client.minProgress, default: "256B",
            """
            Fewest bytes of content that a request must bring within client.write_timeout while its response \
            has not come; a slower trickle is answered with 408.
            """
        ),
    ]

    // swift-format-ignore
    static let tunnel: [Setting] = [
        Setting(
            "tunnel.allowed_ports", .ports, \.tunnel.allowedPorts, default: "any",
            """
            Ports to which CONNECT is allowed. any, because a sidecar serves one trusted app and must not \
            break what it did before; write 443 where others can reach weir.
            """
        ),
        Setting(
            "tunnel.idle_timeout", .duration(unlimited: true), \.tunnel.idleTimeout, default: "300s",
            "How long a tunnel may be quiet, with no byte in either direction."
        ),
        Setting(
            "tunnel.half_close_timeout", .duration(unlimited: true), \.tunnel.halfCloseTimeout,
            default: "30s",
            """
            How long a tunnel may be silent after one of its directions has ended, and how long an answer is \
            awaited for a client that has finished sending and may have left.
            """
        ),
        Setting(
            "tunnel.max", .count(), \.tunnel.max, default: "1024",
            "Most tunnels at once; each is also one of client.max_connections and upstream.max_connections."
        ),
        Setting(
            "tunnel.max_quiet_per_destination", .count(unlimited: true), \.tunnel.maxQuietPerDestination,
            default: "8",
            """
            Most quiet tunnels of one owner to one destination that have carried one exchange and were not \
            used again; beyond it the longest quiet is closed. Those seen in use are not counted.
            """
        ),
    ]
}
