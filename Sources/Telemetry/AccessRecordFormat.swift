public import Basics
public import ProxyCore

/// One line per ended exchange or tunnel, as text or as JSON. Whatever a client sent, a line is one line.
public enum AccessRecordFormat {
    /// Appends `time client=… request="…" status=…` and so on, with the line feed.
    ///
    /// - Parameters:
    ///   - text: "METHOD target" as the client sent it; any bytes.
    ///   - client: the client's address and port, or whatever names it.
    ///   - original: the address that an intercepted client dialled; empty, and left out, for all others.
    public static func appendText(
        _ record: AccessRecord,
        text: Span<UInt8>,
        client: String,
        original: Span<UInt8> = Span(),
        at time: WallTime,
        to buffer: inout ByteBuffer
    ) {
        time.appendTimestamp(to: &buffer)
        buffer.append(" client=")
        buffer.appendEscaped(client.utf8.span)
        buffer.append(" kind=")
        buffer.append(kind(of: record))
        buffer.append(" request=")
        buffer.appendQuoted(text)
        if !original.isEmpty {
            buffer.append(" original=")
            buffer.append(original)
        }
        buffer.append(" status=")
        buffer.append(decimal: UInt64(record.status))
        buffer.append(" up=")
        buffer.append(decimal: record.bytesUp)
        buffer.append(" down=")
        buffer.append(decimal: record.bytesDown)
        buffer.append(" total=")
        buffer.append(seconds: record.duration)
        buffer.append(" waited=")
        buffer.append(seconds: record.waited)
        buffer.append(" first_byte=")
        buffer.append(seconds: record.firstByte)
        buffer.append(" upstream=")
        buffer.append(upstream(of: record))
        buffer.append(record.isRetried ? " retried=yes" : " retried=no")
        buffer.append(" outcome=")
        appendOutcome(record, to: &buffer)
        buffer.append("\n")
    }

    /// Appends one JSON object with the line feed. Durations are seconds, `status` is 0 where none was sent.
    /// Parameters as for `appendText`; what is not UTF-8 becomes U+FFFD.
    public static func appendJSON(
        _ record: AccessRecord,
        text: Span<UInt8>,
        client: String,
        original: Span<UInt8> = Span(),
        at time: WallTime,
        to buffer: inout ByteBuffer
    ) {
        let method = text.prefix(before: ASCII.space)
        buffer.beginObject()
        buffer.member("time", time)
        buffer.member("client", client)
        buffer.member("kind", kind(of: record))
        buffer.member("method", method)
        buffer.member("target", text.extracting(min(method.count + 1, text.count)..<text.count))
        if !original.isEmpty { buffer.member("original", original) }
        buffer.member("status", Int(record.status))
        buffer.member("up", record.bytesUp)
        buffer.member("down", record.bytesDown)
        buffer.member("total", record.duration)
        buffer.member("waited", record.waited)
        buffer.member("first_byte", record.firstByte)
        buffer.member("upstream", upstream(of: record))
        buffer.member("retried", record.isRetried)
        buffer.member("cause", record.cause.name)
        buffer.member("phase", record.phase.name)
        buffer.endObject()
        buffer.append("\n")
    }

    /// Appends cause × phase as one token: `upstream_gone/content`.
    public static func appendOutcome(_ record: AccessRecord, to buffer: inout ByteBuffer) {
        buffer.append(record.cause.name)
        buffer.append("/")
        buffer.append(record.phase.name)
    }

    private static func kind(of record: AccessRecord) -> String {
        record.isTunnel ? "tunnel" : "exchange"
    }

    private static func upstream(of record: AccessRecord) -> String {
        if !record.hasUpstream { return "none" }
        return record.isReused ? "reused" : "dialled"
    }
}

extension Span<UInt8> {
    /// What stands before the first `byte`; everything where there is none.
    @_lifetime(copy self)
    fileprivate func prefix(before byte: UInt8) -> Span<UInt8> {
        var end = 0
        while end < count && self[end] != byte { end += 1 }
        return extracting(0..<end)
    }
}
