internal import Basics

/// Request line and status line (RFC 9112 §3 and §4): single spaces, nothing repaired.
enum StartLine {
    /// Parses the request line that begins at `line` of a whole head and moves `line` behind its CRLF. The
    /// length is left for whoever knows where the head ends.
    static func parseRequest(
        _ bytes: Span<UInt8>,
        line: inout Int,
        limits: HeadLimits
    ) throws(WireError) -> RequestHead {
        let methodEnd = ByteScan.endOfToken(bytes, from: line)
        guard bytes[methodEnd] == ASCII.space else {
            try refuseBrokenLine(bytes, at: methodEnd)
            throw ByteScan.error(for: bytes[methodEnd], otherwise: .invalidMethod)
        }
        if methodEnd == line { throw .invalidMethod }
        let methodName = ByteRange(inHead: line, methodEnd)
        let targetStart = methodEnd + 1
        let targetEnd = ByteScan.endOfTarget(bytes, from: targetStart)
        if targetEnd - targetStart > limits.uriSize { throw .targetTooLong }
        guard bytes[targetEnd] == ASCII.space else {
            try refuseBrokenLine(bytes, at: targetEnd)
            if bytes[targetEnd] == UInt8(ascii: "#") { throw .fragmentInTarget }
            throw ByteScan.error(for: bytes[targetEnd], otherwise: .malformedTarget)
        }
        if targetEnd == targetStart { throw .malformedRequestLine }
        line = targetEnd + 1
        let version = try parseVersion(bytes, at: &line, otherwise: .malformedRequestLine)
        let isCanonical = bytes[line - 1] == UInt8(ascii: "1")
        try ByteScan.expectLineEnd(bytes, at: line, otherwise: .malformedRequestLine)
        line += 2
        return RequestHead(
            method: Method.named(bytes, methodName),
            methodName: methodName,
            target: ByteRange(inHead: targetStart, targetEnd),
            version: version,
            lineEnd: UInt32(truncatingIfNeeded: line),
            isCanonical: isCanonical,
            length: 0
        )
    }

    /// Parses the status line at the start of a whole head and moves `line` behind its CRLF. The length is
    /// left for whoever knows where the head ends.
    ///
    /// The space before an absent reason phrase is not asked for: origins that leave it out are common
    /// and the line stays unambiguous.
    static func parseResponse(_ bytes: Span<UInt8>, line: inout Int) throws(WireError) -> ResponseHead {
        let version = try parseVersion(bytes, at: &line, otherwise: .malformedStatusLine)
        let isMinor1 = bytes[line - 1] == UInt8(ascii: "1")
        guard bytes[line] == ASCII.space else {
            throw ByteScan.error(for: bytes[line], otherwise: .malformedStatusLine)
        }
        var status: UInt16 = 0
        for index in line + 1...line + 3 {
            guard ASCII.isDigit(bytes[index]) else {
                throw ByteScan.error(for: bytes[index], otherwise: .malformedStatusLine)
            }
            status = status * 10 + UInt16(bytes[index] - 48)
        }
        if status < 100 { throw .malformedStatusLine }
        line += 4
        var reason = ByteRange(line, line)
        let hasReason = bytes[line] == ASCII.space
        if hasReason {
            let end = ByteScan.endOfText(bytes, from: line + 1)
            reason = ByteRange(line + 1, end)
            line = end
            try ByteScan.expectLineEnd(bytes, at: line, otherwise: .controlCharacter)
        } else {
            try ByteScan.expectLineEnd(bytes, at: line, otherwise: .malformedStatusLine)
        }
        line += 2
        return ResponseHead(
            version: version,
            status: status,
            reason: reason,
            isCanonical: isMinor1 && hasReason,
            lineEnd: line,
            length: 0
        )
    }

    /// Which limit a head without end inside the limit has broken: the target's if the target alone is
    /// too long or the request line does not even end.
    static func oversize(_ bytes: Span<UInt8>, from start: Int, limits: HeadLimits) -> WireError {
        let methodEnd = ByteScan.endOfToken(bytes, from: start)
        if methodEnd == bytes.count { return .headTooLarge }
        let targetEnd = ByteScan.endOfTarget(bytes, from: methodEnd + 1)
        let isTooLong = targetEnd - methodEnd - 1 > limits.uriSize || targetEnd == bytes.count
        return isTooLong ? .targetTooLong : .headTooLarge
    }

    /// Parses `HTTP/d.d` at `index` and moves behind it.
    private static func parseVersion(
        _ bytes: Span<UInt8>,
        at index: inout Int,
        otherwise other: WireError
    ) throws(WireError) -> HTTPVersion {
        guard bytes.count - index >= 8 else { throw other }
        guard bytes[index] == UInt8(ascii: "H"), bytes[index + 1] == UInt8(ascii: "T"),
            bytes[index + 2] == UInt8(ascii: "T"), bytes[index + 3] == UInt8(ascii: "P"),
            bytes[index + 4] == UInt8(ascii: "/")
        else {
            throw ByteScan.error(for: bytes[index], otherwise: other)
        }
        let major = bytes[index + 5]
        let minor = bytes[index + 7]
        guard ASCII.isDigit(major), bytes[index + 6] == UInt8(ascii: "."), ASCII.isDigit(minor) else {
            throw .malformedVersion
        }
        if major != UInt8(ascii: "1") { throw .unsupportedVersion }
        index += 8
        return minor == UInt8(ascii: "0") ? .http10 : .http11
    }

    /// A line end where the request line should go on: bare CR has its own name, CRLF is a short line.
    private static func refuseBrokenLine(_ bytes: Span<UInt8>, at index: Int) throws(WireError) {
        if bytes[index] != ASCII.carriageReturn { return }
        throw bytes[index + 1] == ASCII.lineFeed ? .malformedRequestLine : .bareCarriageReturn
    }
}
