public import Basics

/// Writes the fields of a parsed head into the head that is forwarded. Kept lines pass byte for byte, but
/// for white space before the colon.
public enum HeadWriter {
    /// Appends all lines that are not dropped, in order, without the final CRLF.
    ///
    /// - Parameter line: What comes before them as it was received: a start line, or the rest of one.
    public static func appendFields(
        _ bytes: Span<UInt8>,
        _ fields: FieldTable,
        behind line: ByteRange = .empty,
        to out: inout ByteBuffer
    ) {
        append(bytes, fields, behind: line, without: FieldNameSet(rawValue: 0), to: &out)
    }

    /// Appends the trailers that may be forwarded, then the CRLF that ends the chunked body.
    ///
    /// Besides dropped ones, framing, routing, authentication and hop-by-hop fields never pass as
    /// trailers (RFC 9110 §6.5.1).
    public static func appendTrailers(_ bytes: Span<UInt8>, _ fields: FieldTable, to out: inout ByteBuffer) {
        append(bytes, fields, behind: .empty, without: .neverTrailer, to: &out)
        out.append("\r\n")
    }

    /// Appends a request's head as it was received but for fields that hold secrets: what a TRACE is
    /// answered with (RFC 9110 §9.3.8).
    public static func appendReceived(
        _ bytes: Span<UInt8>,
        _ head: RequestHead,
        _ fields: FieldTable,
        to out: inout ByteBuffer
    ) {
        out.append(bytes.extracting(Int(head.methodName.start)..<Int(head.target.end)))
        out.append(head.version == .http11 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n")
        for index in 0..<fields.count where !FieldNameSet.secret.contains(fields[index].known) {
            out.append(bytes.extracting(fields[index].line.range))
        }
        out.append("\r\n")
    }

    /// Copies runs of neighbouring lines as one block each: most heads lose a line or two, so this is two
    /// or three copies instead of twenty.
    private static func append(
        _ bytes: Span<UInt8>,
        _ fields: FieldTable,
        behind line: ByteRange,
        without refused: FieldNameSet,
        to out: inout ByteBuffer
    ) {
        if fields.needsRepair {
            out.append(bytes.extracting(line.range))
            return appendRepaired(bytes, fields, without: refused, to: &out)
        }
        var blockStart = Int(line.start)
        var blockEnd = Int(line.end)
        for index in 0..<fields.count {
            let field = fields[index]
            if field.isDropped || refused.contains(field.known) { continue }
            if Int(field.line.start) != blockEnd {
                if blockEnd > blockStart { out.append(bytes.extracting(blockStart..<blockEnd)) }
                blockStart = Int(field.line.start)
            }
            blockEnd = Int(field.line.end)
        }
        if blockEnd > blockStart { out.append(bytes.extracting(blockStart..<blockEnd)) }
    }

    /// RFC 9112 §5.1: a proxy removes white space between a response's field name and its colon.
    private static func appendRepaired(
        _ bytes: Span<UInt8>,
        _ fields: FieldTable,
        without refused: FieldNameSet,
        to out: inout ByteBuffer
    ) {
        for index in 0..<fields.count {
            let field = fields[index]
            if field.isDropped || refused.contains(field.known) { continue }
            guard field.hasSpaceBeforeColon else {
                out.append(bytes.extracting(field.line.range))
                continue
            }
            out.append(bytes.extracting(field.name.range))
            out.append(": ")
            out.append(bytes.extracting(field.value.range))
            out.append("\r\n")
        }
    }
}
