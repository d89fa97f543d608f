import Basics
import ProxyCore

/// One connection, as its far end and the kernel see it: what came through, what is still pending in
/// the shell, how it ended.
final class HarnessPeer {
    let id: ConnectionID
    /// What the far end has been sent since it last looked.
    private var arrived: [UInt8] = []
    /// Sent by the engine, but not taken by the kernel: dropped by a close.
    private var pending: [UInt8] = []
    /// Sent by the far end, not consumed by the engine.
    var unconsumed: [UInt8] = []
    /// The engine asked not to be told what comes.
    var isPaused = false
    /// The kernel takes nothing that is sent to this peer.
    var takesNothing = false
    /// The engine was told that bytes are pending.
    var isStallReported = false
    /// The far end has sent its FIN, behind what it sent before.
    var hasFinished = false
    /// The engine was told of that FIN, or of a failure.
    var isEndReported = false
    /// The engine has finished sending; nothing may follow.
    private(set) var isFinishOrdered = false
    /// How the engine closed the connection; nil while it is open.
    private(set) var closed: CloseManner?

    init(_ id: ConnectionID) { self.id = id }

    /// Our FIN has arrived at the far end.
    var hasSeenFIN: Bool { isFinishOrdered && pending.isEmpty }
    var hasPending: Bool { !pending.isEmpty }
    var isOpen: Bool { closed == nil }

    /// Everything that arrived since the last call, as text.
    func take() -> String {
        defer { arrived.removeAll() }
        return String(decoding: arrived, as: UTF8.self)
    }

    func deliver(_ bytes: some Sequence<UInt8>) {
        if takesNothing { pending.append(contentsOf: bytes) } else { arrived.append(contentsOf: bytes) }
    }

    func orderFinish() { isFinishOrdered = true }

    func close(_ manner: CloseManner) {
        pending.removeAll()
        closed = manner
    }

    func flushPending() {
        arrived.append(contentsOf: pending)
        pending.removeAll()
    }
}

/// A head from its lines, with what follows it.
func message(_ lines: String..., content: String = "") -> String {
    lines.map { $0 + "\r\n" }.joined() + "\r\n" + content
}

/// A plain GET without further fields for an absolute URI.
func get(_ uri: String = "http://origin.test/") -> String {
    message("GET \(uri) HTTP/1.1", "Host: origin.test")
}

/// A POST with content of the length given for the usual origin.
func post(_ content: String) -> String {
    message(
        "POST http://origin.test/ HTTP/1.1",
        "Host: origin.test",
        "Content-Length: \(content.utf8.count)",
        content: content
    )
}

/// A CONNECT to the usual tunnel destination.
func connectRequest(_ authority: String = "tunnel.test:443") -> String {
    message("CONNECT \(authority) HTTP/1.1", "Host: \(authority)")
}

/// A complete response that keeps the origin's connection.
func ok(_ content: String = "") -> String {
    message("HTTP/1.1 200 OK", "Content-Length: \(content.utf8.count)", content: content)
}

/// What the client gets of `ok`, its connection being kept with the default time-outs.
func okAtClient(_ content: String = "") -> String {
    message(
        "HTTP/1.1 200 OK",
        "Content-Length: \(content.utf8.count)",
        "Via: 1.1 weir",
        "Connection: keep-alive",
        "Keep-Alive: timeout=59",
        content: content
    )
}
