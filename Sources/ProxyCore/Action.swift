public import Basics
public import UpstreamPool

/// How a connection is closed. Whatever is still unsent is dropped in both cases.
public enum CloseManner: UInt8, Sendable {
    /// close(2): used where the peer has finished and nothing is pending.
    case normal
    /// RST (`SO_LINGER` 0): frees the port on both sides at once, whatever the peer does.
    case reset
}

/// One thing the shell has to do. Imperative, small, one effect each, in order.
public enum Action: Equatable, Sendable {
    /// Connect to `ProxyEngine.destination(of:)`; answer with `dialSucceeded` or `dialFailed`.
    case dial(UpstreamID)
    /// The dial is not wanted any more; nothing will be accepted from it.
    case cancelDial(UpstreamID)
    /// Look whether the socket is silent (`MSG_PEEK`); answer with `checked`.
    case check(UpstreamID)
    /// Ask the kernel how long the peer has acknowledged nothing; answer with `inspected`.
    case inspect(UpstreamID)
    /// Acknowledge at once what the upstream has sent.
    case acknowledge(UpstreamID)
    /// Ask the kernel how many bytes lie unread in the receive queue of the client's own socket; answer with
    /// `unreadInspected`.
    case inspectUnread(SlotID)
    /// Find out how many processes this owner of client connections has, and which of `suspects(of:)` are
    /// unread; answer with `inquired`.
    case inquire(SlotID)
    /// Look whether user and password, which lie in the engine's `outbox` with a colon between them, are right;
    /// answer with `authenticated`.
    case authenticate(SlotID, offset: Int, count: Int)
    /// Send bytes of the engine's `outbox`.
    case send(ConnectionID, offset: Int, count: Int)
    /// Send bytes of the span that came with the event.
    case forward(ConnectionID, offset: Int, count: Int)
    /// Do not read from this connection until `resumeReading`.
    case pauseReading(ConnectionID)
    /// Read again; bytes that were not consumed are offered again first.
    case resumeReading(ConnectionID)
    /// shutdown(SHUT_WR), behind all that was sent before.
    case finish(ConnectionID)
    /// The connection is over; its id is dead.
    case close(ConnectionID, CloseManner)
    /// An exchange or tunnel ended: `ProxyEngine.records[index]`.
    case record(index: Int)
    /// A verdict changed: `ProxyEngine.verdicts[index]`.
    case verdict(index: Int)
}
