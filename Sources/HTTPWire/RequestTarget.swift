internal import Basics

/// The four forms of a request target (RFC 9112 §3.2).
public enum TargetForm: UInt8, Sendable, BitwiseCopyable {
    /// `/path?query`: the request was meant for an origin server.
    case origin
    /// `http://host/path`: the form for proxies.
    case absolute
    /// `host:port`: only and always with CONNECT.
    case authority
    /// `*`: only with OPTIONS.
    case asterisk
}

/// The scheme of an absolute target; `http` for the other forms.
public enum Scheme: UInt8, Sendable, BitwiseCopyable {
    case http, https
    /// Any other scheme; whether to serve it is not decided here.
    case other
}

/// A request target taken apart, by offsets into the bytes of its head.
public struct RequestTarget: Sendable, BitwiseCopyable {
    /// Which form it has.
    public var form: TargetForm
    /// The scheme in absolute form, else `http`; `ws` is `http` too.
    public var scheme: Scheme
    /// The host without brackets, in the case written. Empty in origin and asterisk form.
    public var host: ByteRange
    /// Whether the host stood in brackets.
    public var hostIsIPv6Literal: Bool
    /// `host[:port]` as written; empty in origin and asterisk form.
    public var authority: ByteRange
    /// 1…65535; without one the scheme's default. 0 for a scheme that is `other` and has none written.
    public var port: UInt16
    /// Path and query as written. In absolute form it may be empty or begin with `?`: what is sent to the
    /// origin is then preceded by `/` (for OPTIONS an empty one is sent as `*`, RFC 9112 §3.2.4).
    /// Empty in authority form, `*` in asterisk form.
    public var path: ByteRange

    /// Takes the target of a parsed head apart.
    ///
    /// - Throws: `malformedTarget` for a form that the method does not allow; user information, an empty
    ///   or invalid host and an invalid port have their own errors.
    public static func parse(_ bytes: Span<UInt8>, head: RequestHead) throws(WireError) -> RequestTarget {
        let target = head.target
        if head.method == .connect { return try parseConnect(bytes, target) }
        switch bytes[Int(target.start)] {
        case UInt8(ascii: "/"):
            return RequestTarget(form: .origin, path: target)
        case UInt8(ascii: "*") where target.count == 1:
            // RFC 9112 §3.2.4: only for a server-wide OPTIONS request.
            if head.method != .options { throw .malformedTarget }
            return RequestTarget(form: .asterisk, path: target)
        default:
            return try parseAbsolute(bytes, target)
        }
    }

    /// Checks the Host fields of a request (RFC 9112 §3.2): required in HTTP/1.1, never twice, and valid.
    ///
    /// - Parameter checked: An authority of the head that is valid, as it is likely that Host repeats it.
    /// - Returns: The value, for requests whose target names no host; nil without Host in HTTP/1.0. It may
    ///   be empty, which is valid where the target has no authority; `parseAuthority` refuses it.
    public static func checkHost(
        _ bytes: Span<UInt8>,
        _ head: RequestHead,
        _ fields: FieldTable,
        like checked: ByteRange = .empty
    ) throws(WireError) -> ByteRange? {
        guard let host = fields.first(.host) else {
            if head.version == .http11 { throw .missingHost }
            return nil
        }
        if fields.count(of: .host) > 1 { throw .repeatedHost }
        if !host.value.isEmpty && !host.value.hasSameBytes(as: checked, in: bytes) {
            _ = try parseAuthority(bytes, host.value, defaultPort: 80)
        }
        return host.value
    }

    /// Takes `host[:port]` apart; also what a Host field's value is validated with.
    ///
    /// The host is a registered name or IPv4 address (RFC 3986 `reg-name`: unreserved, sub-delims, valid
    /// percent-encoding), or an IPv6 address in brackets; zone ids mean nothing beyond one machine and are
    /// refused.
    ///
    /// - Parameters:
    ///   - range: Where in `bytes` the authority stands.
    ///   - defaultPort: For an authority without port or with an empty one; nil if a port is required.
    /// - Throws: `userInfoInAuthority`, `emptyHost`, `invalidHost`, `zoneInAuthority`, `invalidPort`,
    ///   `missingPort`.
    public static func parseAuthority(
        _ bytes: Span<UInt8>,
        _ range: ByteRange,
        defaultPort: UInt16?
    ) throws(WireError) -> (host: ByteRange, isIPv6Literal: Bool, port: UInt16) {
        let authority = try Authority(bytes, range)
        guard let port = authority.port ?? defaultPort else { throw .missingPort }
        return (authority.host, authority.isIPv6Literal, port)
    }

    private init(form: TargetForm, path: ByteRange) {
        self.form = form
        scheme = .http
        host = .empty
        hostIsIPv6Literal = false
        authority = .empty
        port = 80
        self.path = path
    }

    private static func parseConnect(
        _ bytes: Span<UInt8>,
        _ target: ByteRange
    ) throws(WireError) -> RequestTarget {
        let (host, isIPv6Literal, port) = try parseAuthority(bytes, target, defaultPort: nil)
        var result = RequestTarget(form: .authority, path: .empty)
        result.host = host
        result.hostIsIPv6Literal = isIPv6Literal
        result.authority = target
        result.port = port
        return result
    }

    private static func parseAbsolute(
        _ bytes: Span<UInt8>,
        _ target: ByteRange
    ) throws(WireError) -> RequestTarget {
        let end = Int(target.end)
        let isHTTP = beginsWithHTTP(bytes, target)
        let schemeEnd = isHTTP ? Int(target.start) + 4 : try endOfScheme(bytes, target)
        let start = schemeEnd + 3
        var index = start
        while index < end && bytes[index] != UInt8(ascii: "/") && bytes[index] != UInt8(ascii: "?") {
            index += 1
        }
        var result = RequestTarget(form: .absolute, path: ByteRange(index, end))
        result.authority = ByteRange(start, index)
        let authority = try Authority(bytes, result.authority)
        result.host = authority.host
        result.hostIsIPv6Literal = authority.isIPv6Literal
        let scheme = bytes.extracting(Int(target.start)..<schemeEnd)
        // `ws` is what aiohttp writes for a WebSocket through a proxy; its handshake is plain HTTP (RFC 6455 §4.1).
        if isHTTP || ASCII.equalsIgnoringCase(scheme, "ws") {
            result.port = authority.port ?? 80
        } else {
            result.scheme = ASCII.equalsIgnoringCase(scheme, "https") ? .https : .other
            result.port = authority.port ?? (result.scheme == .https ? 443 : 0)
        }
        return result
    }

    /// Whether the target begins with `http://`, in any case: nearly all do.
    private static func beginsWithHTTP(_ bytes: Span<UInt8>, _ target: ByteRange) -> Bool {
        let start = Int(target.start)
        // What folding could confuse with `:` and `/` are control characters, which a target has none of.
        return target.count > 7 && start + 8 <= bytes.count
            && ByteWord(bytes, at: start).folded(first: 7) == 0x2F_2F3A_7074_7468
    }

    /// The index of the `://` behind a scheme.
    private static func endOfScheme(_ bytes: Span<UInt8>, _ target: ByteRange) throws(WireError) -> Int {
        let end = Int(target.end)
        var index = Int(target.start)
        guard ASCII.isLetter(bytes[index]) else { throw .malformedTarget }
        while index < end && isSchemeCharacter(bytes[index]) { index += 1 }
        guard end - index >= 3, bytes[index] == UInt8(ascii: ":"), bytes[index + 1] == UInt8(ascii: "/"),
            bytes[index + 2] == UInt8(ascii: "/")
        else { throw .malformedTarget }
        return index
    }

    private static func isSchemeCharacter(_ byte: UInt8) -> Bool {
        ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: ".")
    }
}
