import Basics
import HTTPWire
import UpstreamPool

/// What a client connection is doing. Membership in the policy's parked list equals `.parked`.
enum ClientPhase: UInt8 {
    /// Accepted, no byte yet.
    case fresh
    /// Part of a head has come.
    case head
    /// An exchange is in flight.
    case exchange
    /// Between exchanges.
    case parked
    /// Between exchanges, but the app has not read its answer yet: stalled, not parked.
    case unread
    /// A byte relay.
    case tunnel
    /// We have sent our FIN; what still comes is discarded until the peer's FIN or the deadline.
    case ending
}

/// How far an exchange has come towards its upstream connection.
enum LeaseStage: UInt8 {
    /// In the pool's queue, or behind a dial.
    case waiting
    /// A reused connection is being looked at before a request that must not be sent twice.
    case checking
    /// The head was sent.
    case sent
    /// The response is complete, but the client has not taken all of it yet.
    case flushing
}

/// Why an ending client connection waits, which decides for how long.
enum EndingKind: UInt8 {
    /// It was idle: the grace, then RST.
    case idle
    /// A response that announced the close may still be unread: the write timeout, then RST.
    case afterResponse
}

/// One client connection. Kept small: tens of thousands may be parked. Its exchange lies in the `ExchangeTable`.
struct ClientSession {
    var phase = ClientPhase.fresh
    var endingKind = EndingKind.idle
    /// The peer's FIN was seen; reading is over.
    var peerFinished = false
    /// The engine told the shell not to read.
    var isPaused = false
    /// Output is pending in the shell.
    var isStalled = false
    /// The client (or its version) lets the connection live on after this exchange.
    var isPersistent = false
    /// The request asked for the close, or was HTTP/1.0.
    var askedClose = false
    /// Whether the client knows of the proxy, and what is known of it if it does not.
    var interception = InterceptionStage.none
    /// The client may not use the proxy: every request is answered with that.
    var isDenied = false
    /// What is known of the user and password of the present request.
    var logIn = LogInState.none
    /// Bytes that are to go before all others lie with the shell, which was asked for them.
    var awaitsOffer = false
    /// What lies idle is to be ended, unless the kernel says that it is unread; or what was unread is to be cut,
    /// unless the kernel says that it was read.
    var isReaping = false
    /// Exchanges begun on this connection.
    var requests: UInt32 = 0
    /// How far the end of an unfinished head was searched.
    var scanned: UInt32 = 0
    /// Bytes that the app had not read when the stalled connection was last looked at.
    var unreadSeen: UInt32 = 0
    /// The destination of the present or last exchange; see `UpstreamPool.destinationHash`.
    var destination: UInt64 = 0
    /// Since when the connection has been ending or unread.
    var waitsSince = MonotonicTime.zero
}

/// One request and its responses, or the tunnel it turned into.
struct Exchange {
    /// Between its beginning and its one outcome.
    var isOpen = false
    var upstream: UpstreamID?
    var stage = LeaseStage.waiting
    var method = Method.get
    var isHTTP10 = false
    var need = ReuseNeed.any
    /// Idempotent and without content: may be sent again.
    var isReplayable = false
    var isReused = false
    /// It was given an upstream connection at some time.
    var hasUpstream = false
    var isRetried = false
    /// CONNECT: the upstream connection becomes a tunnel once it stands.
    var isConnect = false
    /// It leads through the parent proxy.
    var isThroughParent = false
    /// Counted in `tunnels`.
    var isCountedAsTunnel = false
    /// The client waits for 100 before it sends its content.
    var expectsContinue = false
    /// The response's head has come.
    var hasResponse = false
    /// The response announced that the client connection ends.
    var announcedClose = false
    /// Errors are to be written as JSON.
    var prefersJSON = false
    var status: UInt16 = 0
    /// Content that came since `client.write_timeout` began anew.
    var windowBytes: UInt32 = 0
    var request = BodyProgress()
    var response = BodyProgress()
    /// The rewritten head, in the head store; -1: none.
    var head: Int32 = -1
    /// "METHOD target" for the access record, in the head store; -1: none.
    var text: Int32 = -1
    /// Names that the Connection fields of request and response nominated, for the trailers, in the head
    /// store; -1: none.
    var requestNominations: Int32 = -1
    var responseNominations: Int32 = -1
    /// The protocols to which the client would switch and that weir relays, in the head store; -1: none.
    var offer: Int32 = -1
    /// First bytes of an intercepted tunnel that does not stand yet, in the head store; -1: none.
    var opening: Int32 = -1
    /// What Via says of a CONNECT that goes through the parent proxy, in the head store; -1: nothing.
    var via: Int32 = -1
    /// Where the destination's host stands in the head buffer.
    var hostOffset: UInt32 = 0
    var hostCount: UInt32 = 0
    var port: UInt16 = 0
    var startedAt = MonotonicTime.zero
    var sentAt = MonotonicTime.zero
    var waited = Interval.zero
    var firstByte = Interval.zero
    var bytesUp: UInt64 = 0
    var bytesDown: UInt64 = 0
    var tunnel = TunnelState()

    /// The request offers an upgrade that weir relays.
    var offersUpgrade: Bool { offer >= 0 }
}

/// What a tunnel has seen; POLICY: the shape of traffic decides how long it may be quiet.
struct TunnelState {
    /// Nothing was asked yet: the client has not spoken, or is in the middle of its TLS handshake. Silence
    /// is then the peers' slowness and not a leak.
    var isInHandshake: Bool { clientBursts == 0 || (isTLS && clientBursts == 1) }
    /// The upstream side has sent its FIN, which was passed on.
    var upstreamFinished = false
    /// The client side has sent its FIN, which was passed on.
    var clientFinished = false
    /// Our FIN to the upstream went before its own: TIME_WAIT will be ours.
    var isFirstToFinish = false
    /// How often the client spoke after the upstream had; at most `mostBursts`.
    var clientBursts: UInt8 = 0
    /// So many bursts are more than a handshake and one exchange, in any version of TLS.
    static let mostBursts: UInt8 = 5
    /// The client's first byte opened a TLS handshake record (RFC 8446 §5.1).
    var isTLS = false
    /// Intercepted, and neither TLS nor HTTP/2: who knows what silence means there.
    var isRaw = false
    /// The last bytes were the client's.
    var clientSpokeLast = false
    /// The last bytes were the upstream's, unasked, and it was they that proved the tunnel live.
    var isProofRecent = false
}

/// The far end of a lease, by slot of the pool.
struct UpstreamLink {
    var id = SlotID.none
    /// Who leases the connection.
    var client = SlotID.none
    /// How far the end of an unfinished response head was searched.
    var scanned: UInt32 = 0
    var isPaused = false
    var isStalled = false
    /// It stands, but the parent proxy has not opened the tunnel through it yet.
    var isOpening = false
    /// The origin keeps the connection after this response.
    var isPersistent = false
    /// Bytes of the present response have come.
    var hasBytes = false
    /// How long the origin said it keeps the connection idle (`Keep-Alive: timeout=`), less a margin.
    var idleLimit = Interval.unlimited
    /// When the peer's kernel must have acknowledged the request; `never` where nobody waits for that.
    var acknowledgeBy = MonotonicTime.never
    var responseDeadline = MonotonicTime.never
}

/// Lanes of the client side's deadlines; one per length.
enum ClientLane: Int, CaseIterable {
    case request, header, queue, expect, stall, content
    /// Intercepted: the first bytes.
    case firstBytes
    /// Stalled, of an owner that leaks at that destination.
    case stallOfLeak
    /// Parked: asked for evidence; idle after one exchange, after several, of an owner that comes back late, of
    /// one that leaks.
    case evidence, parkedOnce, parked, parkedLong, leaked
    /// Parked while the process stops.
    case lastCall
    /// Unread: looked at again.
    case unread
    /// Ending: the grace, and that of a leaking owner; looked at again; the last resort.
    case grace, leakGrace, graceAgain, linger, flush
    case handshake, halfClose
    /// Quiet tunnels, by the time that has passed.
    case quietOfLeak, quietEvidence, quietReap, quietSurplus, tunnel, rawQuiet
}

/// Lanes of the upstream side's deadlines.
enum UpstreamLane: Int, CaseIterable {
    case dial, acknowledge, response, stall
}
