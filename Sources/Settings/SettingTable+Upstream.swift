import Basics

/// The longest time and largest number that Linux takes for keepalive (MAX_TCP_KEEPIDLE, MAX_TCP_KEEPCNT).
private let longestKeepalive = Interval.seconds(32767)
private let mostKeepaliveProbes = 127

extension SettingTable {
    // Rows are broken by hand, so that each reads as a row: swift format would give each cell a line.
    // swift-format-ignore
    static let upstream: [Setting] = [
        Setting(
            "upstream.proxy", .parentProxy, \.upstream.proxy, default: "none",
            """
            Another proxy, through which weir goes: plain requests are sent to it as they are, all else by CONNECT. \
            With user:password@ (percent-encoded) it is told who weir is; an environment variable or a file that \
            others cannot read is the place for that.
            """
        ),
        Setting(
            "upstream.no_proxy", .destinations(none: true), \.upstream.noProxy,
            default: "localhost,127.0.0.0/8,::1",
            """
            Destinations to which weir goes by itself, as in NO_PROXY: example.org with all below it, .example.org \
            only those, addresses and blocks, any. Blocks are for addresses that are written out; no name is looked up.
            """
        ),
        Setting(
            "upstream.connect_timeout", .duration(), \.upstream.connectTimeout, default: "30s",
            "How long a dial may take, all addresses of the destination together."
        ),
        Setting(
            "upstream.response_timeout", .duration(unlimited: true), \.upstream.responseTimeout,
            default: "unlimited",
            """
            From the end of a request to the head of its response. Unlimited, because only the app knows \
            how long its origin may think; a dead one is found by upstream.ack_timeout and \
            tcp.keepalive_idle.
            """
        ),
        Setting(
            "upstream.expect_continue_timeout", .duration(unlimited: true), \.upstream.expectContinueTimeout,
            default: "1s",
            "How long content waits for 100 Continue before it is sent all the same."
        ),
        Setting(
            "upstream.max_connections", .automaticCount(), \.upstream.maxConnections, default: "auto",
            """
            Most connections that weir holds, tunnels and dials included. auto is half of the descriptors, \
            at most 4096.
            """
        ),
        Setting(
            "upstream.max_per_destination", .count(), \.upstream.maxPerDestination, default: "256",
            """
            Most connections to one destination: idle, leased, dialling and tunnels. It has to fit the \
            kernel's port range less 10 %, for each source address.
            """
        ),
        Setting(
            "upstream.max_idle", .count(), \.upstream.maxIdle, default: "1024",
            """
            Most idle connections. Surplus ends by idle_timeout, so this bounds a burst; a bound below the \
            usual concurrency makes every burst dial anew.
            """
        ),
        Setting(
            "upstream.max_idle_per_destination", .count(), \.upstream.maxIdlePerDestination, default: "256",
            "Most idle connections to one destination; the longest idle goes first."
        ),
        Setting(
            "upstream.max_dials_per_destination", .count(), \.upstream.maxDialsPerDestination, default: "16",
            """
            Most dials under way to one destination; further requests wait for one of them or for a freed \
            connection.
            """
        ),
        Setting(
            "upstream.dial_patience", .duration(from: .zero, to: .seconds(10)), \.upstream.dialPatience,
            default: "0s",
            """
            How long a request waits for a connection that is in use before another is dialled for it; 0s dials \
            at once. With a little patience a burst is served by the few connections that serve the rest.
            """
        ),
        Setting(
            "upstream.idle_timeout", .duration(unlimited: true), \.upstream.idleTimeout, default: "60s",
            """
            How long a connection may be idle. Less where the origin announces less, or was seen to close its \
            idle connections sooner.
            """
        ),
        Setting(
            "upstream.surplus_timeout", .duration(unlimited: true), \.upstream.surplusTimeout, default: "3s",
            """
            How long a connection may be idle for which the pace of recent requests has no use: they came in \
            shorter intervals, so that it lies there from a burst. Where they come at long intervals, it stays \
            four times as long as the longest.
            """
        ),
        Setting(
            "upstream.max_age", .duration(unlimited: true), \.upstream.maxAge, default: "10m",
            "Age from which a connection is not reused, so that changes of address are followed."
        ),
        Setting(
            "upstream.max_requests", .count(unlimited: true), \.upstream.maxRequests, default: "unlimited",
            "Most exchanges on one connection."
        ),
        Setting(
            "upstream.max_queue", .count(), \.upstream.maxQueue, default: "1024",
            "Most requests that wait for a connection; further ones are answered with 503."
        ),
        Setting(
            "upstream.queue_timeout", .duration(unlimited: true), \.upstream.queueTimeout, default: "10s",
            "How long a request waits for a connection before it is answered with 503."
        ),
        Setting(
            "upstream.unsafe_reuse_window", .duration(), \.upstream.unsafeReuseWindow, default: "1s",
            """
            How long a connection may have been idle and still carry a request that must not be repeated \
            (POST). Older ones may be dead unnoticed, and such a request cannot be retried.
            """
        ),
        Setting(
            "upstream.ack_timeout", .duration(unlimited: true), \.upstream.ackTimeout, default: "5s",
            """
            How long a request on a reused connection may go unacknowledged by the peer's kernel. It finds \
            flows that the network forgot; a slow origin acknowledges and is left alone.
            """
        ),
        Setting(
            "upstream.source_addresses", .sourceAddresses, \.upstream.sourceAddresses, default: "any",
            "Addresses to dial from; each one adds a port range. any leaves the choice to the kernel."
        ),
        Setting(
            "upstream.source_ports", .portRange, \.upstream.sourcePorts, default: "auto",
            """
            Ports to dial from (IP_LOCAL_PORT_RANGE, Linux 6.3), so that weir and the apps do not take each \
            other's. auto is net.ipv4.ip_local_port_range.
            """
        ),
    ]

    // swift-format-ignore
    static let tcp: [Setting] = [
        Setting(
            "tcp.keepalive_idle",
            .duration(from: .seconds(1), to: longestKeepalive, unlimited: true, wholeSeconds: true),
            \.tcp.keepaliveIdle, default: "30s",
            "Silence before the first keepalive probe, on both sides; unlimited sends none."
        ),
        Setting(
            "tcp.keepalive_interval",
            .duration(from: .seconds(1), to: longestKeepalive, wholeSeconds: true),
            \.tcp.keepaliveInterval, default: "8s",
            "Between two keepalive probes. With the defaults a dead peer is found within a minute."
        ),
        Setting(
            "tcp.keepalive_count", .count(to: mostKeepaliveProbes), \.tcp.keepaliveCount, default: "3",
            "Unanswered keepalive probes after which a peer is dead."
        ),
        Setting(
            "tcp.user_timeout", .duration(from: .seconds(1), to: .seconds(86_400), unlimited: true),
            \.tcp.userTimeout, default: "unlimited",
            """
            How long sent bytes may stay unacknowledged before a peer is dead; unlimited leaves it to the \
            kernel. It also cuts peers that acknowledge but do not read, such as a paused download, and it \
            replaces keepalive_count.
            """
        ),
    ]

    // swift-format-ignore
    static let dns: [Setting] = [
        Setting(
            "dns.servers", .nameServers, \.dns.servers, default: "system",
            "Name servers to ask; system reads /etc/resolv.conf."
        ),
        Setting(
            "dns.min_ttl", .duration(), \.dns.minTTL, default: "1s",
            "Shortest time an answer is kept, whatever it says itself."
        ),
        Setting(
            "dns.max_ttl", .duration(), \.dns.maxTTL, default: "300s",
            "Longest time an answer is kept."
        ),
        Setting(
            "dns.negative_ttl", .duration(), \.dns.negativeTTL, default: "1s",
            "How long a failed look-up is kept."
        ),
        Setting(
            "dns.timeout", .duration(), \.dns.timeout, default: "5s",
            "How long one look-up may take, retries included."
        ),
    ]

    // swift-format-ignore
    static let limits: [Setting] = [
        Setting(
            "limits.head_size", .size(from: 1024, to: 1 << 20), \.limits.headSize, default: "64KiB",
            "Longest head of a request or response; a longer request is answered with 431."
        ),
        Setting(
            "limits.fields", .count(to: 10_000), \.limits.fields, default: "128",
            "Most fields in a head; a request with more is answered with 431."
        ),
        Setting(
            "limits.uri_size", .size(from: 64, to: 1 << 20), \.limits.uriSize, default: "16KiB",
            "Longest request target; a longer one is answered with 414."
        ),
        Setting(
            "limits.chunk_extensions", .size(from: 1, to: 1 << 20), \.limits.chunkExtensions,
            default: "16KiB",
            """
            Most bytes of chunk extensions in one message. They are not passed on; a request with more is \
            answered with 400, a response is cut.
            """
        ),
    ]

    // swift-format-ignore
    static let log: [Setting] = [
        Setting(
            "log.level", .choice, \.log.level, default: "info",
            "Least severe level that is written to stderr."
        ),
        Setting(
            "log.format", .choice, \.log.format, default: "text",
            "How lines are written."
        ),
        Setting(
            "log.access", .onOff, \.log.access, default: "off",
            "Whether each exchange and each tunnel gets a line."
        ),
    ]
}
