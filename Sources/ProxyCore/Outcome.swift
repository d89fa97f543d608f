public import Basics

/// Who or what ended an exchange or tunnel.
public enum Cause: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    case completed
    /// The client closed or reset its connection before the end.
    case clientGone
    /// The request broke a rule of the protocol or a limit.
    case badRequest
    /// The request is not in absolute-form: it was meant for an origin, not for a proxy.
    case notAbsolute
    /// The request has been here before.
    case loopDetected
    /// The target's scheme is not one that can be forwarded without a tunnel.
    case schemeUnsupported
    /// The client did not send or read in time.
    case clientTimeout
    /// The request asks for something that is not allowed here.
    case denied
    /// The client may not use the proxy.
    case clientDenied
    /// The destination's name is not allowed.
    case hostDenied
    /// No address of the destination is allowed.
    case addressDenied
    /// No user and password came, or the wrong ones.
    case unauthenticated
    /// Too many passwords are being looked at.
    case logInsBusy
    /// No name, or no answer of the name servers.
    case nameNotFound
    case nameTimeout
    case nameError
    case connectRefused
    case connectUnreachable
    case connectTimeout
    /// No source port was left within `queue_timeout`.
    case portsExhausted
    /// No descriptor was left within `queue_timeout`.
    case descriptorsExhausted
    case connectFailed
    /// `max_queue` reached.
    case queueFull
    /// No connection became free within `queue_timeout`.
    case queueTimeout
    /// `tunnel.max` reached.
    case tooManyTunnels
    /// The upstream closed or reset its connection before the response began, or in its content.
    case upstreamGone
    /// The upstream closed or reset its connection in the middle of the response's head.
    case responseIncomplete
    /// Nobody acknowledged the request.
    case upstreamSilent
    /// `response_timeout` or a stalled upload.
    case upstreamTimeout
    /// The response broke a rule of the protocol or a limit.
    case badResponse
    /// The parent proxy would not open a tunnel.
    case parentRefused
    /// The parent proxy wants to know who weir is, or does not believe it.
    case parentUnauthorized
    /// A tunnel was quiet for `tunnel.idle_timeout`, or longest when there were too many.
    case tunnelQuiet
    /// The same, where the tunnel's owner leaks: one exchange, then quiet for good.
    case tunnelLeaked
    /// The client left what it was sent unread, and its owner had too many such.
    case tooManyStalled
    /// One side had finished and the other stayed silent.
    case halfClosed
    /// The process stopped before the end.
    case stopped
}

extension Cause {
    /// The settings do not allow it.
    var isDenial: Bool {
        self == .denied || self == .clientDenied || self == .hostDenied || self == .addressDenied
    }
}

/// How far an exchange or tunnel had come.
public enum Phase: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    /// Reading the request's head.
    case requestHead
    /// Waiting for an upstream connection: in the queue or behind a dial.
    case connect
    /// Sending the request, or waiting for the response's head.
    case response
    /// Sending the response's content.
    case content
    /// Relaying.
    case tunnel
}

/// One ended exchange or tunnel. `text` ranges lie in the engine's outbox until the next event.
public struct AccessRecord: Sendable, BitwiseCopyable {
    /// The client connection; the shell knows its address.
    public var client: SlotID
    public var isTunnel: Bool
    /// Status sent to the client; 0 if none was.
    public var status: UInt16
    public var cause: Cause
    public var phase: Phase
    /// Whether it was given an upstream connection at all.
    public var hasUpstream: Bool
    /// Whether that was a pooled connection, the last one where it was retried.
    public var isReused: Bool
    public var isRetried: Bool
    /// Content and framing bytes from the client and to the client, heads included.
    public var bytesUp: UInt64
    public var bytesDown: UInt64
    /// From the request's head (for a tunnel: its CONNECT) to the end.
    public var duration: Interval
    /// Of that, waiting for a connection.
    public var waited: Interval
    /// Of that, from sending the head to the response's head; zero if none came.
    public var firstByte: Interval
    /// "METHOD target" in the outbox; empty where the request could not be read. An intercepted tunnel has
    /// TLS, HTTP2 or RAW for its method.
    public var textOffset: Int
    public var textCount: Int
    /// The address that an intercepted client dialled, in the outbox behind the text; empty for all others.
    public var originalCount: Int
}
