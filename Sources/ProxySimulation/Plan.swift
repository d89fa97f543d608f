import Basics
import ProxyCore

/// How fast somebody reads or writes.
struct Pace {
    /// Bytes at a time.
    var bytes = Int.max
    /// Between one time and the next.
    var pause = Interval.zero
    /// After so many bytes nothing more happens.
    var stopsAfter = Int.max
}

/// What a whole run will be like; drawn from the seed before anything happens.
struct Plan {
    enum Mood { case clean, ordinary, hostile }

    var mood = Mood.clean
    var configuration = EngineConfiguration()
    var origins: [OriginPlan] = []
    var clients: [ClientPlan] = []
    var exchanges: [ExchangePlan] = []
    /// Longest delay on the way.
    var latency = Interval.milliseconds(1)
    /// How many bytes the proxy reads at once.
    var readBlock = 65536
    /// How late timers fire at most.
    var timerLateness = Interval.zero
    /// When the flows of all upstream connections are forgotten by the network.
    var deathAt: MonotonicTime?
    var reloadAt: MonotonicTime?
    var reloaded = EngineConfiguration()
    /// Owners with a leak each, and owners of which it is known that they do not leak; both empty in most runs.
    var leakyOwners: Set<Int> = []
    var healthyOwners: Set<Int> = []
    var drainAt: MonotonicTime?
    var exhaustAt: MonotonicTime?

    /// Bounds may be below what is in use for a while after a reload.
    var lowersBounds: Bool { reloadAt != nil }
}

/// One origin server.
struct OriginPlan {
    var dialDelay = Interval.milliseconds(1)
    /// One dial in so many fails; 0: none.
    var dialFailureOdds = 0
    /// One dial in so many is never answered; 0: none.
    var dialSilenceOdds = 0
    /// Idle connections are closed after this.
    var idleLimit = Interval.unlimited
    /// Connections are closed after so many responses…
    var closesAfter = Int.max
    /// …with `Connection: close` in the last one, or silently.
    var announcesClose = true
    var capacity = 65536
    var reads = Pace()
    var writes = Pace()
}

/// One client connection.
struct ClientPlan {
    enum End { case close, leak, halfClose, reset }
    /// Whether the client knows of the proxy; if not, whether it speaks HTTP or something else.
    enum Interception { case none, http, relay }

    var startsAt = MonotonicTime.zero
    var owner = 0
    /// Indices of its exchanges.
    var exchanges: [Int] = []
    var isPipelining = false
    var interception = Interception.none
    var end = End.close
    /// It leaves, in whatever phase, at this instant.
    var abortsAt: MonotonicTime?
    var abortsByReset = false
    var think = Interval.zero
    var capacity = 65536
    var reads = Pace()
    var writes = Pace()
}

/// One request and its response, or a tunnel.
struct ExchangePlan {
    enum RequestFraming { case none, length, chunked }
    enum ResponseFraming { case none, length, chunked, untilClose }
    enum Fault: Equatable {
        case none
        /// The response stops after a part of its content; by FIN or by RST.
        case truncated(byReset: Bool)
        /// Bytes follow the response.
        case extra
        /// Not HTTP at all.
        case garbage
        case badChunk
        /// No answer.
        case silence
        /// The connection ends before the first byte.
        case gone(byReset: Bool)
        /// Answered before the request's content was read.
        case early
    }

    var id = 0
    var origin = 0
    var method = "GET"
    /// Its client does not know of the proxy.
    var isIntercepted = false
    var isHTTP10 = false
    var asksClose = false
    var expectsContinue = false
    var offersUpgrade = false
    /// The request's bytes, where they are not what an HTTP client would send.
    var malformed: String?
    var requestFraming = RequestFraming.none
    var requestContent = 0
    /// The client sends only so much of the content and then nothing more.
    var requestStopsAfter = Int.max

    var responseFraming = ResponseFraming.length
    var responseContent = 0
    var status = 200
    var interims = 0
    var isOriginHTTP10 = false
    var originCloses = false
    var delay = Interval.zero
    var fault = Fault.none
    /// The origin accepts the upgrade.
    var upgrades = false

    /// Tunnel: bytes in each direction, and who finishes first.
    var tunnelUp = 0
    var tunnelDown = 0
    var originFinishesFirst = false
    /// The client does not wait for the answer to CONNECT before it sends.
    var isEager = false

    var isConnect: Bool { method == "CONNECT" }
    /// It becomes a tunnel, or asks for that.
    var isTunnel: Bool { isConnect || offersUpgrade }
    var isHead: Bool { method == "HEAD" }
    var isIdempotent: Bool { method != "POST" && method != "PATCH" }
    /// The tunnel's port names the exchange, as no bytes do.
    var tunnelPort: Int { 10_000 + id }
}
