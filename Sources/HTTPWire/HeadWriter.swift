public import Basics

/// Writes the fields of a parsed head into the head that is forwarded. Kept lines pass byte for byte.
public enum HeadWriter {
    /// Appends all lines that are not dropped, in order. Neither start line nor final CRLF.
    public static func appendFields(_ bytes: Span<UInt8>, _ fields: FieldTable, to out: inout ByteBuffer) {
        append(bytes, fields, without: FieldNameSet(rawValue: 0), to: &out)
    }

    /// Appends the trailers that may be forwarded, then the CRLF that ends the chunked body.
    ///
    /// Besides dropped ones, framing, routing, authentication and hop-by-hop fields never pass as
    /// trailers (RFC 9110 §6.5.1).
    public static func appendTrailers(_ bytes: Span<UInt8>, _ fields: FieldTable, to out: inout ByteBuffer) {
        append(bytes, fields, without: .neverTrailer, to: &out)
        out.append("\r\n")
    }

    /// Copies runs of neighbouring lines as one block each: most heads lose a line or two, so this is two
    /// or three copies instead of twenty.
    private static func append(
        _ bytes: Span<UInt8>,
        _ fields: FieldTable,
        without refused: FieldNameSet,
        to out: inout ByteBuffer
    ) {
        var blockStart = 0
        var blockEnd = 0
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
}
