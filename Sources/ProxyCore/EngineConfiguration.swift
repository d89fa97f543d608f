public import Access
public import Basics
public import ClientPolicy
public import HTTPWire
public import UpstreamPool

/// Everything about the proxy's behaviour that settings decide.
public struct EngineConfiguration: Sendable {
    /// Bounds of the upstream pool.
    public var pool = PoolLimits()
    /// Bounds of the client side.
    public var clients = ClientLimits()
    /// Bounds of a head.
    public var heads = HeadLimits(headSize: 64 * 1024, fields: 128, uriSize: 16 * 1024)

    /// Most bytes of chunk extensions in one message.
    public var chunkExtensions = 16 * 1024

    /// From accept to the first byte of a request.
    public var requestTimeout = Interval.seconds(30)
    /// From the first byte of a head to its end.
    public var headerTimeout = Interval.seconds(10)
    /// How long a client connection may be parked.
    public var clientIdleTimeout = Interval.seconds(60)
    /// How long a connection of a leaking owner may be parked, and a tunnel of its quiet that has carried one
    /// exchange.
    public var leakIdleTimeout = Interval.seconds(2)
    /// Connections that one owner may leave stalled.
    public var maxStalledPerOwner = 64
    /// From our FIN to our RST on a connection that we ended while it was parked.
    public var closeGrace = Interval.seconds(2)
    /// How long pending bytes may wait for a peer that does not read, and how long an answer that
    /// announced the close may stay unread before the RST. Also how long a request's content may pause.
    public var writeTimeout = Interval.seconds(300)
    /// Fewest bytes of content that a request must bring within `writeTimeout`, so that a trickle does not
    /// hold a connection for ever.
    public var minProgress = 256

    /// Who may use the proxy, and for what.
    public var access: AccessPolicy {
        get { keptAccess }
        // No observer, as initializers that delegate would not call it.
        set {
            keptAccess = newValue
            judgesDestinations = newValue.judgesDestinations
        }
    }
    private var keptAccess = AccessPolicy()
    /// Whether `access` can deny a destination: asked for each request, and the policy is large.
    private(set) var judgesDestinations = false

    /// Whether clients that know of the proxy are asked for a user and a password.
    public var authenticates = false
    /// Another proxy through which weir goes; nil for none.
    public var parent: ParentProxy? {
        get { keptParent }
        set {
            keptParent = newValue
            hasParent = newValue != nil
        }
    }
    private var keptParent: ParentProxy?
    /// Whether there is a parent: asked for each request, likewise.
    private(set) var hasParent = false

    /// Ports that CONNECT may name; empty means any.
    public var allowedTunnelPorts: [UInt16] = []
    /// How long a tunnel may be quiet.
    public var tunnelIdleTimeout = Interval.seconds(300)
    /// How long a half-closed tunnel may be silent, or an exchange whose client has sent its FIN.
    public var halfCloseTimeout = Interval.seconds(30)
    /// How long an intercepted tunnel may be quiet that is neither TLS nor HTTP/2.
    public var rawIdleTimeout = Interval.seconds(7200)
    /// Tunnels at once, their dials included.
    public var maxTunnels = 1024
    /// Quiet tunnels of one owner to one destination that are not proven live; beyond it the longest quiet goes.
    public var maxQuietPerDestination = 8
    /// How long a tunnel must have been quiet before it may go for the bound above: of an owner that leaks
    /// there, and of any other, where it may be an event stream with a long pause.
    public var minimumQuietOfLeak = Interval.milliseconds(500)
    public var minimumQuiet = Interval.seconds(60)

    /// A dial, name look-up included.
    public var connectTimeout = Interval.seconds(30)
    /// From the request's last byte to the head of the response.
    public var responseTimeout = Interval.unlimited
    /// How long the origin may take to answer `Expect: 100-continue` before weir does.
    public var expectContinueTimeout = Interval.seconds(1)
    /// How long a request waits for a connection.
    public var queueTimeout = Interval.seconds(10)
    /// How long a request on a reused connection may stay unacknowledged by the peer's kernel.
    public var ackTimeout = Interval.seconds(5)

    /// Whether exchanges and tunnels leave access records.
    public var accessLog = false
    /// The name in Proxy-Status and in what people read.
    public var name = "weir"
    /// The name in Via: this process's own, so that a request that comes back is known.
    public var pseudonym = "weir"

    /// The defaults.
    public init() {}
}
