import Basics
import HTTPWire

/// The field lines that weir adds to the heads it passes on. They are the same for every message, so they are
/// written once for each configuration.
struct OwnLines {
    /// Via, by the version received (RFC 9110 §7.6.3).
    struct ByVersion {
        private let http10: ByteBuffer
        private let http11: ByteBuffer

        init(_ pseudonym: String, behind: Span<UInt8> = Span()) {
            http10 = ByVersion.lines("Via: 1.0 ", pseudonym, behind)
            http11 = ByVersion.lines("Via: 1.1 ", pseudonym, behind)
        }

        private static func lines(_ via: String, _ pseudonym: String, _ behind: Span<UInt8>) -> ByteBuffer {
            var text = ByteBuffer()
            text.append(via)
            text.append(pseudonym)
            text.append("\r\n")
            text.append(behind)
            return text
        }

        @inline(__always)
        func append(_ version: HTTPVersion, to out: inout ByteBuffer) {
            if version == .http11 { out.append(http11.span) } else { out.append(http10.span) }
        }
    }

    /// Via alone.
    let via: ByVersion
    /// Via and the end of a request's head.
    let requestEnd: ByVersion
    /// Via, what is said of the client's connection, and the end of a response's head.
    let keptEnd: ByVersion
    let closedEnd: ByVersion
    /// What is said of a client's connection that is kept, and of one that is not.
    let kept: ByteBuffer
    let closed: ByteBuffer

    init(_ configuration: EngineConfiguration) {
        var kept = ByteBuffer()
        let idle = configuration.clientIdleTimeout
        // The hint is a little below what is enforced, so that a client that honours it closes first.
        if !idle.isUnlimited && idle >= .seconds(2) {
            kept.append("Connection: keep-alive\r\nKeep-Alive: timeout=")
            kept.append(decimal: UInt64(idle.nanoseconds / 1_000_000_000 - 1))
            kept.append("\r\n")
        }
        var closed = ByteBuffer()
        closed.append("Connection: close\r\n")
        self.kept = kept
        self.closed = closed
        via = ByVersion(configuration.pseudonym)
        var end = ByteBuffer()
        end.append("\r\n")
        requestEnd = ByVersion(configuration.pseudonym, behind: end.span)
        kept.append("\r\n")
        keptEnd = ByVersion(configuration.pseudonym, behind: kept.span)
        closed.append("\r\n")
        closedEnd = ByVersion(configuration.pseudonym, behind: closed.span)
    }
}
