internal import Basics

/// The start line of a request, by offsets into the bytes it was parsed from.
public struct RequestHead: Sendable, BitwiseCopyable {
    /// The method, or `other`.
    public var method: Method
    /// The method's name as written.
    public var methodName: ByteRange
    /// The request target as written: visible ASCII without `#`, not empty.
    public var target: ByteRange
    /// The version; majors other than 1 are refused.
    public var version: HTTPVersion
    /// Offset behind the CRLF of the request line.
    public var lineEnd: UInt32
    /// Whether the version was written as `HTTP/1.1`, and not with a higher minor (RFC 9110 §2.5).
    public var isCanonical: Bool
    /// Bytes of the whole head, from skipped empty lines to the CRLF that ends it.
    public var length: Int
}

/// The status line of a response, by offsets into the bytes it was parsed from.
public struct ResponseHead: Sendable, BitwiseCopyable {
    /// The version; majors other than 1 are refused.
    public var version: HTTPVersion
    /// 100…999. RFC 9110 §15 knows no class above 5xx, but such codes are in use and frame like 5xx.
    public var status: UInt16
    /// The reason phrase; may be empty and may hold bytes above 127.
    public var reason: ByteRange
    /// Whether the line was written as weir would: `HTTP/1.1`, and the space before the reason is there.
    public var isCanonical: Bool
    /// Length of the status line with its CRLF.
    public var lineEnd: Int
    /// Bytes of the whole head, to the CRLF that ends it.
    public var length: Int

    /// Whether another response to the same request follows (1xx but 101; RFC 9110 §15.2).
    @inlinable public var isInterim: Bool { status < 200 && status != 101 }
}

/// Parses heads and trailer sections (RFC 9112 §2–5).
///
/// Each call gets all bytes of the head received so far, from the same first byte. Offsets in the results
/// count from that byte. Ambiguous syntax is an error, never repaired.
public enum HeadParser {
    /// How many empty lines before a request line are skipped (RFC 9112 §2.2 asks for at least one).
    static let emptyLinesSkipped = 2

    /// Parses a request head; nil while incomplete.
    ///
    /// - Parameters:
    ///   - bytes: What has arrived of the head, and whatever follows it.
    ///   - scanned: How far the head's end was searched; in and out. Zero for a new head.
    ///   - limits: Upper bounds; a head of exactly `headSize` bytes is accepted.
    ///   - fields: Overwritten with the field lines; meaningless unless a head is returned.
    public static func parseRequest(
        _ bytes: Span<UInt8>,
        scanned: inout Int,
        limits: HeadLimits,
        fields: inout FieldTable
    ) throws(WireError) -> RequestHead? {
        let window = bytes.extracting(first: limits.window)
        // The limit may have been lowered since the last call.
        scanned = min(scanned, window.count)
        guard let start = try skipEmptyLines(window) else {
            if window.count == limits.headSize { throw .headTooLarge }
            return nil
        }
        guard let end = HeadEnd.bound(window, from: max(start, scanned - 3)) else {
            try HeadEnd.checkIncomplete(window, from: start, scanned: scanned)
            if window.count == limits.headSize {
                throw StartLine.oversize(window, from: start, limits: limits)
            }
            scanned = window.count
            return nil
        }
        let head = window.extracting(first: end)
        var line = start
        var request = try StartLine.parseRequest(head, line: &line, limits: limits)
        request.length = try parseFields(head, from: line, limit: limits.fields, .strict, into: &fields)
        return request
    }

    /// Parses a response head; nil while incomplete. Parameters as for `parseRequest`.
    public static func parseResponse(
        _ bytes: Span<UInt8>,
        scanned: inout Int,
        limits: HeadLimits,
        fields: inout FieldTable
    ) throws(WireError) -> ResponseHead? {
        let window = bytes.extracting(first: limits.window)
        // The limit may have been lowered since the last call.
        scanned = min(scanned, window.count)
        guard let end = HeadEnd.bound(window, from: max(0, scanned - 3)) else {
            try HeadEnd.checkIncomplete(window, from: 0, scanned: scanned)
            if window.count == limits.headSize { throw .headTooLarge }
            scanned = window.count
            return nil
        }
        let head = window.extracting(first: end)
        var line = 0
        var response = try StartLine.parseResponse(head, line: &line)
        response.length = try parseFields(head, from: line, limit: limits.fields, .ofResponse, into: &fields)
        return response
    }

    /// Parses the trailer section of a chunked body (RFC 9112 §7.1.2), from behind the last-chunk line;
    /// nil while incomplete. Parameters as for `parseRequest`, and whose content it is.
    ///
    /// - Returns: The length of the section in bytes including the final CRLF; 2 when there are no trailers.
    public static func parseTrailers(
        _ bytes: Span<UInt8>,
        ofResponse isResponse: Bool,
        scanned: inout Int,
        limits: HeadLimits,
        fields: inout FieldTable
    ) throws(WireError) -> Int? {
        let window = bytes.extracting(first: limits.window)
        // The limit may have been lowered since the last call.
        scanned = min(scanned, window.count)
        if window.count >= 2 && window[0] == ASCII.carriageReturn && window[1] == ASCII.lineFeed {
            fields.removeAll()
            return 2
        }
        guard let end = HeadEnd.bound(window, from: max(0, scanned - 3)) else {
            try HeadEnd.checkIncomplete(window, from: 0, scanned: scanned)
            if window.count == limits.headSize { throw .trailersTooLarge }
            scanned = window.count
            return nil
        }
        let section = window.extracting(first: end)
        let rule = isResponse ? ColonRule.ofResponse : .strict
        return try parseFields(section, from: 0, limit: limits.fields, rule, into: &fields)
    }

    /// Where the request line begins; nil while only empty lines have come.
    private static func skipEmptyLines(_ bytes: Span<UInt8>) throws(WireError) -> Int? {
        var start = 0
        while start < bytes.count && bytes[start] == ASCII.carriageReturn {
            if start == 2 * emptyLinesSkipped { throw .tooManyEmptyLines }
            if start + 1 == bytes.count { return nil }
            if bytes[start + 1] != ASCII.lineFeed { throw .bareCarriageReturn }
            start += 2
        }
        return start < bytes.count ? start : nil
    }

    /// What is done about white space between a field name and its colon (RFC 9112 §5.1): a request with it
    /// is refused, from a response it is removed.
    private enum ColonRule { case strict, ofResponse }

    /// Parses the field lines from offset `start` up to the first empty line; `bytes` end with one, so no
    /// index below runs past them.
    ///
    /// - Returns: The offset behind the empty line.
    private static func parseFields(
        _ bytes: Span<UInt8>,
        from start: Int,
        limit: Int,
        _ rule: ColonRule,
        into fields: inout FieldTable
    ) throws(WireError) -> Int {
        fields.removeAll()
        let names = FieldNameIndex.shared
        var line = start
        while bytes[line] != ASCII.carriageReturn {
            if fields.count == limit { throw .tooManyFields }
            let nameEnd = ByteScan.endOfToken(bytes, from: line)
            var colon = nameEnd
            if nameEnd == line || bytes[nameEnd] != UInt8(ascii: ":") {
                if rule == .ofResponse && nameEnd > line { colon = colonBehindSpace(bytes, nameEnd) }
                guard colon > nameEnd else {
                    throw nameError(bytes, line: line, nameEnd: nameEnd, isFirst: fields.count == 0)
                }
            }
            var valueStart = colon &+ 1
            while isSpace(bytes[valueStart]) { valueStart &+= 1 }
            let textEnd = ByteScan.endOfText(bytes, from: valueStart)
            try ByteScan.expectLineEnd(bytes, at: textEnd, otherwise: .controlCharacter)
            var valueEnd = textEnd
            while valueEnd > valueStart && isSpace(bytes[valueEnd &- 1]) { valueEnd &-= 1 }
            fields.append(
                Field(
                    name: ByteRange(inHead: line, nameEnd),
                    value: ByteRange(inHead: valueStart, valueEnd),
                    line: ByteRange(inHead: line, textEnd &+ 2),
                    known: names.name(bytes, from: line, to: nameEnd)
                )
            )
            if colon > nameEnd { fields.noteSpaceBeforeColon() }
            line = textEnd &+ 2
        }
        try ByteScan.expectLineEnd(bytes, at: line, otherwise: .missingColon)
        return line + 2
    }

    /// Where the colon stands behind white space from `start` on; `start` if none does.
    private static func colonBehindSpace(_ bytes: Span<UInt8>, _ start: Int) -> Int {
        var index = start
        while isSpace(bytes[index]) { index &+= 1 }
        return bytes[index] == UInt8(ascii: ":") ? index : start
    }

    @inline(__always)
    private static func isSpace(_ byte: UInt8) -> Bool { byte == ASCII.space || byte == ASCII.tab }

    /// Why there is no field name with a colon behind it at `line`.
    private static func nameError(
        _ bytes: Span<UInt8>,
        line: Int,
        nameEnd: Int,
        isFirst: Bool
    ) -> WireError {
        let byte = bytes[nameEnd]
        if isSpace(byte) {
            if nameEnd > line { return .spaceBeforeColon }
            return isFirst ? .whitespaceBeforeFirstField : .obsoleteFolding
        }
        if byte == UInt8(ascii: ":") { return .emptyFieldName }
        if byte == ASCII.carriageReturn {
            return bytes[nameEnd + 1] == ASCII.lineFeed ? .missingColon : .bareCarriageReturn
        }
        return ByteScan.error(for: byte, otherwise: .invalidFieldName)
    }
}
