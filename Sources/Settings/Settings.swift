public import Access
public import Basics
public import Dialling

/// What the proxy runs with: every setting, typed, in range and fitted to the host.
///
/// `SettingTable` is the only place that names keys, defaults and ranges; a value of this type comes from
/// `LoadedSettings.load` or from `Settings.defaults(for:)`, never from an empty initializer, so no field here
/// repeats a default.
public struct Settings: Sendable, Equatable {
    /// Addresses on which apps are served; never empty. Port 0 lets the kernel choose.
    public var listen: [ListenAddress] = []
    /// Permissions of the files of Unix sockets.
    public var listenMode: UInt32 = 0
    /// Where the admin server listens, or nil where it is switched off.
    public var admin: ListenAddress?
    /// Permissions of the admin server's file, where it has one.
    public var adminMode: UInt32 = 0
    /// Whether other hosts may reach the admin server.
    public var adminExposed = false
    /// Names, in lower case, under which the admin server may be asked beside localhost and addresses.
    public var adminHosts: [String] = []
    /// Whether the admin server takes orders.
    public var adminOrders = false
    /// Connections that apps open to weir.
    public var client = Client()
    /// Who may use the proxy, and for what.
    public var access = Access()
    /// Connections that the kernel redirects to weir.
    public var redirect = Redirect()
    /// CONNECT tunnels and upgraded connections.
    public var tunnel = Tunnel()
    /// Connections that weir opens, and the pool that holds them.
    public var upstream = Upstream()
    /// How dead peers are found, on both sides.
    public var tcp = TCP()
    /// Look-up of names.
    public var dns = DNS()
    /// Bounds on the syntax of messages.
    public var limits = Limits()
    /// What is written to the log.
    public var log = Log()
    /// The name in Via; nil where weir makes one up at start.
    public var pseudonym: String?
    /// How long a stopping process waits for exchanges and tunnels to end. May be unlimited.
    public var drainTimeout = Interval.zero
    /// Threads that serve apps.
    public var workers = 0

    /// Only the loader starts from nothing.
    init() {}

    /// Settings of `client`.
    public struct Client: Sendable, Equatable {
        /// Whether a connection is kept after a response; false announces `Connection: close` on every one.
        public var keepAlive = false
        /// From accept to the first byte of a request. May be unlimited.
        public var requestTimeout = Interval.zero
        /// From the first byte of a request to the end of its head. May be unlimited.
        public var headerTimeout = Interval.zero
        /// How long a connection may stay parked. May be unlimited.
        public var idleTimeout = Interval.zero
        /// From weir's FIN to its RST.
        public var closeGrace = Interval.zero
        /// Most connections at once.
        public var maxConnections = AutomaticCount()
        /// Ports from which this host's apps can reach the listening addresses: worked out, not set. `Int.max`
        /// where all are Unix sockets, which take no ports.
        public var ports = 0
        /// Most parked connections of one owner; `Int.max` where unlimited.
        public var maxParkedPerOwner = 0
        /// Most requests on one connection; `Int.max` where unlimited.
        public var maxRequests = 0
        /// Age at which a connection is ended after the response under way. May be unlimited.
        public var maxAge = Interval.zero
        /// How long an app may leave a response unread. May be unlimited.
        public var writeTimeout = Interval.zero
        /// Whether apps found leaking are cured, or only told of.
        public var leakCure = false
        /// How long a connection of a leaking owner may stay parked.
        public var leakIdleTimeout = Interval.zero
        /// Connections that one owner may leave unread; `Int.max` where unlimited.
        public var maxStalledPerOwner = 0
        /// Fewest bytes of content that a request must bring within `writeTimeout`.
        public var minProgress = 0
    }

    /// Settings of `access`.
    public struct Access: Sendable, Equatable {
        /// Clients that are served; empty for all.
        public var allowClients: [AddressRange] = []
        /// Clients that are not served.
        public var denyClients: [AddressRange] = []
        /// Destinations that are served.
        public var allow: [DestinationPattern] = []
        /// Destinations that are not served.
        public var deny: [DestinationPattern] = []
        /// Whether addresses that are not of the Internet are denied.
        public var denyPrivate = false
        /// Whether the clouds' metadata services are denied.
        public var denyMetadata = false
        /// Ports to which plain requests may go.
        public var allowedPorts = PortSet.any
        /// The file of users; nil where nobody is asked for a password.
        public var usersFile: String?
        /// Hashes of passwords by user: read from the file, not set.
        public var users: [String: String] = [:]
        /// Whether passwords may come over the network.
        public var basicAuthWithoutTLS = false
    }

    /// Settings of `redirect`.
    public struct Redirect: Sendable, Equatable {
        /// Addresses to which the kernel redirects connections; empty where none are taken.
        public var listen: [NetworkEndpoint] = []
        /// The mark of the sockets that weir opens; 0 for none. Worked out from `listen` where automatic.
        public var mark = AutomaticCount()
        /// How long a tunnel may be quiet that is neither TLS nor HTTP/2. May be unlimited.
        public var rawIdleTimeout = Interval.zero
    }

    /// Settings of `tunnel`.
    public struct Tunnel: Sendable, Equatable {
        /// Ports to which CONNECT is allowed.
        public var allowedPorts = PortSet.any
        /// How long a tunnel may be quiet. May be unlimited.
        public var idleTimeout = Interval.zero
        /// How long a tunnel outlives the end of one direction. May be unlimited.
        public var halfCloseTimeout = Interval.zero
        /// Most tunnels at once.
        public var max = 0
        /// Most quiet tunnels of one owner to one destination that carried one exchange; `Int.max` where
        /// unlimited.
        public var maxQuietPerDestination = 0
    }

    /// Settings of `upstream`.
    public struct Upstream: Sendable, Equatable {
        /// Another proxy through which weir goes; nil for none. Its exemptions are in `noProxy`.
        public var proxy: ParentProxy?
        /// Destinations to which weir goes by itself.
        public var noProxy: [DestinationPattern] = []
        /// From the start of a dial to its success, all addresses together.
        public var connectTimeout = Interval.zero
        /// From the end of a request to the first byte of its response. May be unlimited.
        public var responseTimeout = Interval.zero
        /// How long a request's content waits for `100 Continue`. May be unlimited.
        public var expectContinueTimeout = Interval.zero
        /// Most connections at once, tunnels included.
        public var maxConnections = AutomaticCount()
        /// Most connections to one destination, tunnels and dials included.
        public var maxPerDestination = 0
        /// Most idle connections.
        public var maxIdle = 0
        /// Most idle connections to one destination.
        public var maxIdlePerDestination = 0
        /// Most dials under way to one destination.
        public var maxDialsPerDestination = 0
        /// How long a request waits for a connection in use before another is dialled; zero for not at all.
        public var dialPatience = Interval.zero
        /// How long a connection may be idle. May be unlimited.
        public var idleTimeout = Interval.zero
        /// How long one may be idle for which recent requests had no use. May be unlimited.
        public var surplusTimeout = Interval.zero
        /// Age from which a connection is not reused. May be unlimited.
        public var maxAge = Interval.zero
        /// Most exchanges on one connection; `Int.max` where unlimited.
        public var maxRequests = 0
        /// Most waiters.
        public var maxQueue = 0
        /// How long a waiter waits. May be unlimited.
        public var queueTimeout = Interval.zero
        /// How long a connection may have been idle and still carry a request that cannot be repeated.
        public var unsafeReuseWindow = Interval.zero
        /// How long a request on a reused connection may stay unacknowledged. May be unlimited.
        public var ackTimeout = Interval.zero
        /// Addresses to dial from; empty where the kernel chooses.
        public var sourceAddresses: [NumericAddress] = []
        /// Ports to dial from; nil where the kernel's own range holds.
        public var sourcePorts: ClosedRange<UInt16>?
        /// Ports towards one destination, over all source addresses and less 10 %: worked out, not set.
        public var portBudget = 0
    }

    /// Settings of `tcp`.
    public struct TCP: Sendable, Equatable {
        /// Silence before the first keepalive probe, in whole seconds; unlimited where there are none.
        public var keepaliveIdle = Interval.zero
        /// Between two keepalive probes, in whole seconds.
        public var keepaliveInterval = Interval.zero
        /// Unanswered probes after which the peer is dead.
        public var keepaliveCount = 0
        /// TCP_USER_TIMEOUT; where unlimited, the kernel's own retransmission limit holds.
        public var userTimeout = Interval.zero
    }

    /// Settings of `dns`.
    public struct DNS: Sendable, Equatable {
        /// Servers to ask; empty where the system's are used.
        public var servers: [NetworkEndpoint] = []
        /// Shortest time an answer is kept.
        public var minTTL = Interval.zero
        /// Longest time an answer is kept.
        public var maxTTL = Interval.zero
        /// How long a failed look-up is kept.
        public var negativeTTL = Interval.zero
        /// How long one look-up may take.
        public var timeout = Interval.zero
    }

    /// Settings of `limits`.
    public struct Limits: Sendable, Equatable {
        /// Longest head of a message, in bytes.
        public var headSize = 0
        /// Most fields in a head.
        public var fields = 0
        /// Longest request target, in bytes.
        public var uriSize = 0
        /// Most bytes of chunk extensions in a message.
        public var chunkExtensions = 0
    }

    /// Settings of `log`.
    public struct Log: Sendable, Equatable {
        /// Least severe level that is written.
        public var level = LogLevel.info
        /// How lines are written.
        public var format = LogFormat.text
        /// Whether each exchange and tunnel gets a line.
        public var access = false
    }

    /// Severity of a line in the operational log.
    public enum LogLevel: String, Sendable, Equatable, CaseIterable {
        case debug, info, warning, error
    }

    /// How a log line is written.
    public enum LogFormat: String, Sendable, Equatable, CaseIterable {
        case text, json
    }

    /// Which ports are allowed.
    public enum PortSet: Sendable, Equatable {
        /// Every port.
        case any
        /// These ports, 1 to 65535, in the order given.
        case only([UInt16])

        /// Whether `port` is in the set.
        public func contains(_ port: UInt16) -> Bool {
            switch self {
            case .any: true
            case .only(let ports): ports.contains(port)
            }
        }
    }

    /// A limit that is worked out at start unless the operator gives it.
    public struct AutomaticCount: Sendable, Equatable {
        /// The limit in force, whoever chose it.
        public var count = 0
        /// Whether weir chose it.
        public var isAutomatic = true
    }
}
