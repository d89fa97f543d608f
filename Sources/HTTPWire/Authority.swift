internal import Basics

/// `host[:port]` taken apart and checked (RFC 3986 §3.2, RFC 9110 §4.2).
struct Authority {
    /// The host without brackets; not empty.
    let host: ByteRange
    /// Whether the host stood in brackets.
    let isIPv6Literal: Bool
    /// The port written, or nil where there is none or nothing behind the colon.
    let port: UInt16?

    init(_ bytes: Span<UInt8>, _ range: ByteRange) throws(WireError) {
        do throws(WireError) {
            try self.init(withoutUserInfo: bytes, range)
        } catch {
            // Nothing with it passes; but in user:password@host the password looks like a port.
            for index in range.range where bytes[index] == UInt8(ascii: "@") { throw .userInfoInAuthority }
            throw error
        }
    }

    private init(withoutUserInfo bytes: Span<UInt8>, _ range: ByteRange) throws(WireError) {
        let start = Int(range.start)
        let end = Int(range.end)
        if start == end { throw .emptyHost }
        let hostEnd: Int
        if bytes[start] == UInt8(ascii: "[") {
            let bracket = try Authority.endOfIPv6(bytes, start + 1, end)
            host = ByteRange(start + 1, bracket)
            isIPv6Literal = true
            hostEnd = bracket + 1
        } else {
            hostEnd = try Authority.endOfName(bytes, start, end)
            host = ByteRange(start, hostEnd)
            isIPv6Literal = false
            if host.isEmpty { throw .emptyHost }
        }
        if hostEnd == end {
            port = nil
        } else if bytes[hostEnd] == UInt8(ascii: ":") {
            port = try Authority.port(bytes, hostEnd + 1, end)
        } else {
            throw .invalidHost
        }
    }

    /// The index behind a registered name: of the colon, or `end`.
    private static func endOfName(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) throws(WireError) -> Int {
        var index = start
        while index < end {
            let byte = bytes[index]
            if ByteScan.isNameCharacter(byte) {
                index += 1
            } else if byte == UInt8(ascii: "%") {
                guard index + 2 < end, ASCII.hexValue(bytes[index + 1]) != nil,
                    ASCII.hexValue(bytes[index + 2]) != nil
                else { throw .invalidHost }
                index += 3
            } else if byte == UInt8(ascii: ":") {
                break
            } else {
                throw .invalidHost
            }
        }
        return index
    }

    /// The index of the closing bracket behind a valid IPv6 address. RFC 3986's IPvFuture has no use.
    private static func endOfIPv6(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) throws(WireError) -> Int {
        var index = start
        while index < end && bytes[index] != UInt8(ascii: "]") {
            // A zone means something on one host only, and RFC 6874 has it removed before a request is sent.
            if bytes[index] == UInt8(ascii: "%") { throw .zoneInAuthority }
            index += 1
        }
        if index == end || AddressText.ipv6(bytes.extracting(start..<index)) == nil { throw .invalidHost }
        return index
    }

    private static func port(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) throws(WireError) -> UInt16? {
        // RFC 9110 §4.2.1: an empty port stands for the default.
        if start == end { return nil }
        if end - start > 5 { throw .invalidPort }
        var value = 0
        for index in start..<end {
            guard ASCII.isDigit(bytes[index]) else { throw .invalidPort }
            value = value * 10 + Int(bytes[index] - 48)
        }
        guard value > 0, let port = UInt16(exactly: value) else { throw .invalidPort }
        return port
    }
}
