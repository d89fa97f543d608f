import Basics

/// Fits settings to each other and to the host: limits left open are worked out, defaults give way, and
/// what an operator asked for but cannot work is refused.
///
/// Only a default gives way, and only downwards: to raise one would weaken a bound that nobody gave up.
struct Fitting {
    /// Descriptors that are not connections: standard streams, epoll, listeners, resolver, log, files being
    /// read.
    static let descriptorSlack = 64
    /// Those of each further worker.
    static let slackOfWorker = 16
    static let mostWorkers = 64
    /// What `auto` is for `redirect.mark`. It shares no bit with the marks of kube-proxy (0x4000, 0x8000),
    /// Calico (0xffff0000), Cilium (0x0f00) and the AWS CNI (0x80).
    static let usualMark = 0x3077
    /// What `auto` never exceeds for `upstream.max_connections`.
    static let mostAutomaticUpstream = 4096

    var settings: Settings
    var origins: [String: Provenance]
    let facts: HostFacts
    /// Settings whose own value was refused; what they would be compared with is not known.
    private var refused: Set<String>
    private(set) var complaints: [SettingComplaint] = []

    init(settings: Settings, origins: [String: Provenance], facts: HostFacts, refused: Set<String> = []) {
        self.settings = settings
        self.origins = origins
        self.facts = facts
        self.refused = refused
    }

    /// Does all of it. Larger settings come before the smaller ones that have to fit into them.
    mutating func fit() {
        fitDescriptors()
        fitPorts()
        fitCounts()
        fitDurations()
        fitAddresses()
        refusePasswordsInTheClear()
    }

    // MARK: The host

    private mutating func fitDescriptors() {
        let slack = Self.descriptorSlack + Self.slackOfWorker * (settings.workers - 1)
        let usable = facts.descriptorLimit - slack
        let keys = ["client.max_connections", "upstream.max_connections"]
        guard refused.isDisjoint(with: keys) else {
            // Neither can be worked out without the other, and nothing can be compared with them.
            refused.formUnion(keys)
            return
        }
        guard usable >= 2 else {
            let problem =
                "the descriptor limit (RLIMIT_NOFILE, hard) is \(facts.descriptorLimit);"
                + " weir needs at least \(slack + 2): raise it with LimitNOFILE= or ulimit -Hn"
            complaints.append(SettingComplaint(at: nil, problem))
            refused.formUnion(keys)
            return
        }
        let client = settings.client.maxConnections
        let upstream = settings.upstream.maxConnections
        if upstream.isAutomatic {
            // Each exchange and each tunnel takes one descriptor on either side, so the two get equal shares.
            let share = client.isAutomatic ? usable / 2 : usable - min(client.count, usable)
            settings.upstream.maxConnections.count = min(Self.mostAutomaticUpstream, max(1, share))
        }
        if client.isAutomatic {
            let share = usable - min(settings.upstream.maxConnections.count, usable)
            settings.client.maxConnections.count = min(clientPortShare, max(1, share))
        }
        let need = settings.client.maxConnections.count + settings.upstream.maxConnections.count
        guard need > usable else { return }
        let culprits = keys.filter {
            origins[$0]?.isExplicit == true && settings.connectionLimit($0)?.isAutomatic == false
        }
        let sum = "\(settings.client.maxConnections.count) + \(settings.upstream.maxConnections.count)"
        let problem =
            "client.max_connections and upstream.max_connections (\(sum)) and \(slack) more"
            + " descriptors exceed the descriptor limit of \(facts.descriptorLimit) (RLIMIT_NOFILE, hard);"
            + " write at most \(usable) for both together, or raise it with LimitNOFILE= or ulimit -Hn"
        complaints.append(
            SettingComplaint(at: culprits.last.flatMap { origins[$0] }, key: culprits.last, problem)
        )
    }

    /// Half of the ports from which this host's apps can reach the listeners: above it parked connections
    /// would be evicted for want of ports anyway, and the other half is what closing connections still
    /// hold. Clients of Unix sockets take none, but count: an app chooses its listener as it likes.
    private var clientPortShare: Int {
        let listeners = networkListeners
        return listeners == 0 ? .max : max(1, facts.ephemeralPorts.count / 2) * listeners
    }

    /// Listeners whose clients take ports.
    private var networkListeners: Int { settings.listen.count { $0.network != nil } }

    private mutating func fitPorts() {
        guard !refused.contains("upstream.source_addresses") else { return }
        let sources = max(1, settings.upstream.sourceAddresses.count)
        let ports = settings.upstream.sourcePorts.map { Int($0.lowerBound)...Int($0.upperBound) }
        let budget =
            HostFacts(descriptorLimit: 0, ephemeralPorts: ports ?? facts.ephemeralPorts).portBudget * sources
        settings.upstream.portBudget = budget
        let listeners = networkListeners
        settings.client.ports = listeners == 0 ? .max : facts.ephemeralPorts.count * listeners
        let range =
            "\((ports ?? facts.ephemeralPorts).lowerBound)-\((ports ?? facts.ephemeralPorts).upperBound)"
        let from = sources > 1 ? " and \(sources) source addresses" : ""
        bound(
            "upstream.max_per_destination",
            \.upstream.maxPerDestination,
            by: budget,
            named: "the port range \(range)\(from) less 10 %",
            isGiven: false,
            remedy:
                "widen net.ipv4.ip_local_port_range, or set upstream.source_ports or upstream.source_addresses"
        )
    }

    // MARK: Settings among themselves

    private mutating func fitCounts() {
        let clients: Operand<Int> = ("client.max_connections", \.client.maxConnections.count)
        let upstreams: Operand<Int> = ("upstream.max_connections", \.upstream.maxConnections.count)
        let perDestination: Operand<Int> = ("upstream.max_per_destination", \.upstream.maxPerDestination)
        let idle: Operand<Int> = ("upstream.max_idle", \.upstream.maxIdle)
        let idlePerDestination: Operand<Int> =
            ("upstream.max_idle_per_destination", \.upstream.maxIdlePerDestination)
        let dials: Operand<Int> = ("upstream.max_dials_per_destination", \.upstream.maxDialsPerDestination)
        let tunnels: Operand<Int> = ("tunnel.max", \.tunnel.max)
        let pairs: [(Operand<Int>, Operand<Int>)] = [
            (perDestination, upstreams), (idle, upstreams),
            (idlePerDestination, perDestination), (idlePerDestination, idle), (dials, perDestination),
            (tunnels, clients), (tunnels, upstreams),
            (("limits.uri_size", \.limits.uriSize), ("limits.head_size", \.limits.headSize)),
        ]
        for (smaller, larger) in pairs { order(smaller, larger) }
        // Each worker has a part of every bound.
        let shared: [Operand<Int>] = [
            clients, ("client.max_parked_per_owner", \.client.maxParkedPerOwner),
            ("client.max_stalled_per_owner", \.client.maxStalledPerOwner), tunnels,
            ("tunnel.max_quiet_per_destination", \.tunnel.maxQuietPerDestination), upstreams,
            perDestination, idle, idlePerDestination, dials, ("upstream.max_queue", \.upstream.maxQueue),
        ]
        for bound in shared { order(("workers", \.workers), bound) }
    }

    private mutating func fitDurations() {
        let longestTTL: Operand<Interval> = ("dns.max_ttl", \.dns.maxTTL)
        let pairs: [(Operand<Interval>, Operand<Interval>)] = [
            (
                ("client.header_timeout", \.client.headerTimeout),
                ("client.request_timeout", \.client.requestTimeout)
            ),
            (("dns.min_ttl", \.dns.minTTL), longestTTL),
            (("dns.negative_ttl", \.dns.negativeTTL), longestTTL),
        ]
        for (smaller, larger) in pairs { order(smaller, larger) }
    }

    private mutating func fitAddresses() {
        if settings.redirect.mark.isAutomatic {
            settings.redirect.mark.count = settings.redirect.listen.isEmpty ? 0 : Self.usualMark
        }
        if refused.isDisjoint(with: ["listen", "redirect.listen"]) {
            for endpoint in settings.redirect.listen where endpoint.port != 0 {
                if settings.listen.contains(.network(endpoint)) { refuseShared(endpoint, "listen") }
                if settings.admin == .network(endpoint) { refuseShared(endpoint, "admin") }
            }
        }
        guard refused.isDisjoint(with: ["listen", "admin"]), let admin = settings.admin else { return }
        if refused.isDisjoint(with: ["admin_exposed"]) && !settings.adminExposed && !admin.isOfThisHostAlone {
            let problem =
                "\(admin) can be reached from other hosts; write an address of the loopback or unix:/path, "
                + "or admin_exposed: on"
            complaints.append(SettingComplaint(at: origins["admin"], key: "admin", problem))
        }
        if admin.network?.port != 0 && settings.listen.contains(admin) {
            // Nobody gives way here: the operator has to say which of the two stays.
            let culprit = origins["admin"] == nil ? "listen" : "admin"
            let problem = "listen and admin are both \(admin); give them different ports, or write admin: off"
            complaints.append(SettingComplaint(at: origins[culprit], key: culprit, problem))
        }
    }

    private mutating func refusePasswordsInTheClear() {
        guard settings.access.usersFile != nil, !settings.access.basicAuthWithoutTLS,
            refused.isDisjoint(with: ["listen", "access.basic_auth_without_tls"]),
            let endpoint = settings.listen.lazy.compactMap(\.network).first(where: { !$0.address.isLoopback })
        else { return }
        let problem =
            "passwords would come to \(endpoint) over the network in the clear; listen on loopback or a Unix socket,"
            + " or write access.basic_auth_without_tls: on"
        let key = "access.users_file"
        complaints.append(SettingComplaint(at: origins[key], key: key, problem))
    }

    /// Who knows of the proxy says other things than who does not.
    private mutating func refuseShared(_ endpoint: NetworkEndpoint, _ key: String) {
        let problem = "redirect.listen and \(key) are both \(endpoint); give them different ports"
        complaints.append(
            SettingComplaint(at: origins["redirect.listen"], key: "redirect.listen", problem)
        )
    }

    private typealias Operand<Value> = (key: String, field: WritableKeyPath<Settings, Value>)

    /// Sees to it that one setting is not above another.
    private mutating func order<Value: Comparable>(_ smaller: Operand<Value>, _ larger: Operand<Value>) {
        guard refused.isDisjoint(with: [smaller.key, larger.key]) else { return }
        let source = origins[larger.key] ?? .defaultValue
        bound(
            smaller.key,
            smaller.field,
            by: settings[keyPath: larger.field],
            named: "\(larger.key) \(shown(larger)) (\(source))",
            adaptedTo: larger.key,
            isGiven: source.isExplicit && settings.connectionLimit(larger.key)?.isAutomatic != true,
            remedy: "raise \(larger.key)"
        )
    }

    /// Lowers a default that is above `limit`; refuses any other value that is.
    ///
    /// A default that somebody wrote out gives way too, unless it contradicts what somebody wrote (`isGiven`):
    /// the file that lists every setting has to work on each host on which no file at all does.
    private mutating func bound<Value: Comparable>(
        _ key: String,
        _ field: WritableKeyPath<Settings, Value>,
        by limit: Value,
        named name: String,
        adaptedTo reason: String? = nil,
        isGiven: Bool,
        remedy: String
    ) {
        guard !refused.contains(key), settings[keyPath: field] > limit else { return }
        let value = shown((key, field))
        let origin = origins[key] ?? .defaultValue
        var lowered = self
        lowered.settings[keyPath: field] = limit
        if origin.isExplicit && (isGiven || value != SettingTable.byKey[key]?.defaultText) {
            // The value stays, so that a second bound that it breaks is told with the same number.
            let most = lowered.shown((key, field))
            let problem = "\(value) is more than \(name); write at most \(most), or \(remedy)"
            complaints.append(SettingComplaint(at: origin, key: key, problem))
            return
        }
        settings = lowered.settings
        if case .adapted(let original, _) = origin {
            origins[key] = .adapted(default: original, to: reason ?? name)
        } else {
            origins[key] = .adapted(default: value, to: reason ?? name)
        }
    }

    /// A value as messages show it: an automatic one by what it came to, which is what it is compared by.
    private func shown<Value>(_ operand: Operand<Value>) -> String {
        if let count = settings[keyPath: operand.field] as? Int, settings.connectionLimit(operand.key) != nil
        {
            return String(count)
        }
        return SettingTable.byKey[operand.key]?.text(settings) ?? ""
    }
}

extension Settings {
    /// The two limits that may be `auto`, by key.
    fileprivate func connectionLimit(_ key: String) -> AutomaticCount? {
        switch key {
        case "client.max_connections": client.maxConnections
        case "upstream.max_connections": upstream.maxConnections
        default: nil
        }
    }
}
