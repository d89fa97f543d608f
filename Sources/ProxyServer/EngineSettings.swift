import Access
import Basics
import ClientPolicy
import Dialling
import HTTPWire
import ProxyCore
import Reactor
import Settings
import UpstreamPool

// What the settings mean to each part.

extension EngineConfiguration {
    /// - Parameter pseudonym: The name in Via where the settings give none.
    init(_ settings: Settings, pseudonym: String) {
        self.init()
        self.pseudonym = settings.pseudonym ?? pseudonym
        pool = PoolLimits(settings.upstream)
        clients = ClientLimits(settings.client)
        heads = HeadLimits(
            headSize: settings.limits.headSize,
            fields: settings.limits.fields,
            uriSize: settings.limits.uriSize
        )
        requestTimeout = settings.client.requestTimeout
        headerTimeout = settings.client.headerTimeout
        clientIdleTimeout = settings.client.idleTimeout
        leakIdleTimeout = settings.client.leakIdleTimeout
        maxStalledPerOwner = settings.client.maxStalledPerOwner
        closeGrace = settings.client.closeGrace
        writeTimeout = settings.client.writeTimeout
        minProgress = settings.client.minProgress
        chunkExtensions = settings.limits.chunkExtensions
        access = AccessPolicy(settings.access)
        authenticates = settings.access.usersFile != nil
        parent = settings.upstream.proxy
        parent?.exempt = DestinationList(settings.upstream.noProxy)
        if case .only(let ports) = settings.tunnel.allowedPorts { allowedTunnelPorts = ports }
        tunnelIdleTimeout = settings.tunnel.idleTimeout
        halfCloseTimeout = settings.tunnel.halfCloseTimeout
        rawIdleTimeout = settings.redirect.rawIdleTimeout
        maxTunnels = settings.tunnel.max
        maxQuietPerDestination = settings.tunnel.maxQuietPerDestination
        connectTimeout = settings.upstream.connectTimeout
        responseTimeout = settings.upstream.responseTimeout
        expectContinueTimeout = settings.upstream.expectContinueTimeout
        queueTimeout = settings.upstream.queueTimeout
        ackTimeout = settings.upstream.ackTimeout
        accessLog = settings.log.access
    }
}

extension AccessPolicy {
    init(_ access: Settings.Access) {
        var rules = Rules()
        rules.allowedClients = access.allowClients
        rules.deniedClients = access.denyClients
        rules.allowed = DestinationList(access.allow)
        rules.denied = DestinationList(access.deny)
        if case .only(let ports) = access.allowedPorts { rules.ports = ports }
        rules.deniesPrivate = access.denyPrivate
        rules.deniesMetadata = access.denyMetadata
        self.init(rules)
    }
}

extension PoolLimits {
    init(_ upstream: Settings.Upstream) {
        self.init()
        maxConnections = upstream.maxConnections.count
        maxPerDestination = upstream.maxPerDestination
        ports = upstream.portBudget
        maxIdle = upstream.maxIdle
        maxIdlePerDestination = upstream.maxIdlePerDestination
        maxDialsPerDestination = upstream.maxDialsPerDestination
        maxQueue = upstream.maxQueue
        dialPatience = upstream.dialPatience
        idleTimeout = upstream.idleTimeout
        surplusTimeout = upstream.surplusTimeout
        maxAge = upstream.maxAge
        maxRequests = upstream.maxRequests
        unsafeReuseWindow = upstream.unsafeReuseWindow
    }
}

extension ClientLimits {
    init(_ client: Settings.Client) {
        self.init()
        keepAlive = client.keepAlive
        curesLeaks = client.leakCure
        maxConnections = client.maxConnections.count
        if client.ports > 0 { ports = client.ports }
        maxParkedPerOwner = client.maxParkedPerOwner
        maxRequests = client.maxRequests
        maxAge = client.maxAge
    }
}

extension Dialer.Options {
    /// - Parameter mark: the one in force, which is that of the start.
    init(_ settings: Settings, mark: UInt32) {
        self.init()
        self.mark = mark
        names.minTTL = settings.dns.minTTL
        names.maxTTL = settings.dns.maxTTL
        names.negativeTTL = settings.dns.negativeTTL
        deadPeers = DeadPeerDetection(settings.tcp)
        sources = settings.upstream.sourceAddresses.compactMap { Endpoint.Address($0) }
        sourcePorts = settings.upstream.sourcePorts
    }
}

extension Resolver.Options {
    /// - Parameter mark: the one in force, which is that of the start.
    init(_ settings: Settings, mark: UInt32) {
        self.init(servers: settings.dns.servers.map(\.description), timeout: settings.dns.timeout)
        self.mark = mark
    }
}

extension Endpoint {
    /// An address of the settings.
    init?(_ endpoint: NetworkEndpoint) {
        guard let address = Address(endpoint.address) else { return nil }
        self.init(address: address, port: endpoint.port)
    }
}

extension Endpoint.Address {
    init?(_ address: NumericAddress) { self.init(literal: address.description, zoneIndex: { _ in nil }) }
}
