/// The field names that weir looks at. Every other name is `other` and is forwarded as it came.
///
/// There are at most 64, so that a set of names is one machine word (`FieldNameSet`).
public enum FieldName: UInt8, CaseIterable, Sendable, BitwiseCopyable {
    /// A name without meaning to weir.
    case other
    // Hop-by-hop and connection management (RFC 9110 §7.6.1)
    case connection, keepAlive, proxyConnection, te, trailer, transferEncoding, upgrade, http2Settings
    // Authentication (RFC 9110 §11)
    case proxyAuthenticate, proxyAuthenticationInfo, proxyAuthorization
    case authenticationInfo, authorization, wwwAuthenticate
    // Framing, routing, request context and control
    case contentLength, host, expect, via, maxForwards, forwarded, xForwardedFor, proxyStatus
    case date, retryAfter, age, cacheControl, expires, pragma, vary, location
    case cookie, setCookie, range, ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince, ifRange
    // Content
    case contentType, contentEncoding, contentRange
    // Read for error answers and reports
    case accept, userAgent, server

    /// The name in its usual spelling; empty for `other`.
    public var text: String {
        switch self {
        case .other: ""
        case .connection: "Connection"
        case .keepAlive: "Keep-Alive"
        case .proxyConnection: "Proxy-Connection"
        case .te: "TE"
        case .trailer: "Trailer"
        case .transferEncoding: "Transfer-Encoding"
        case .upgrade: "Upgrade"
        case .http2Settings: "HTTP2-Settings"
        case .proxyAuthenticate: "Proxy-Authenticate"
        case .proxyAuthenticationInfo: "Proxy-Authentication-Info"
        case .proxyAuthorization: "Proxy-Authorization"
        case .authenticationInfo: "Authentication-Info"
        case .authorization: "Authorization"
        case .wwwAuthenticate: "WWW-Authenticate"
        case .contentLength: "Content-Length"
        case .host: "Host"
        case .expect: "Expect"
        case .via: "Via"
        case .maxForwards: "Max-Forwards"
        case .forwarded: "Forwarded"
        case .xForwardedFor: "X-Forwarded-For"
        case .proxyStatus: "Proxy-Status"
        case .date: "Date"
        case .retryAfter: "Retry-After"
        case .age: "Age"
        case .cacheControl: "Cache-Control"
        case .expires: "Expires"
        case .pragma: "Pragma"
        case .vary: "Vary"
        case .location: "Location"
        case .cookie: "Cookie"
        case .setCookie: "Set-Cookie"
        case .range: "Range"
        case .ifMatch: "If-Match"
        case .ifNoneMatch: "If-None-Match"
        case .ifModifiedSince: "If-Modified-Since"
        case .ifUnmodifiedSince: "If-Unmodified-Since"
        case .ifRange: "If-Range"
        case .contentType: "Content-Type"
        case .contentEncoding: "Content-Encoding"
        case .contentRange: "Content-Range"
        case .accept: "Accept"
        case .userAgent: "User-Agent"
        case .server: "Server"
        }
    }
}

/// A set of known field names in one machine word.
public struct FieldNameSet: OptionSet, Hashable, Sendable, BitwiseCopyable {
    public let rawValue: UInt64

    @inlinable
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The set of one name.
    @inlinable
    public init(_ name: FieldName) { rawValue = 1 << UInt64(name.rawValue) }

    /// The set of the names listed.
    public init(_ names: FieldName...) {
        rawValue = names.reduce(0) { $0 | 1 << UInt64($1.rawValue) }
    }

    /// Whether the name is in the set.
    @inlinable
    public func contains(_ name: FieldName) -> Bool {
        rawValue >> UInt64(name.rawValue) & 1 == 1
    }

    /// Never forwarded as they came, whatever Connection says: RFC 9110 §7.6.1, and §11.7 for the
    /// proxy authentication fields, which are between a client and the proxy it speaks to.
    ///
    /// `Trailer` is not among them: it describes the trailers, which are forwarded.
    public static let hopByHop = FieldNameSet(
        .connection,
        .keepAlive,
        .proxyConnection,
        .te,
        .transferEncoding,
        .upgrade,
        .http2Settings,
        .proxyAuthenticate,
        .proxyAuthenticationInfo,
        .proxyAuthorization
    )

    /// Between a client and the proxy that it speaks to.
    static let proxyAuthentication = FieldNameSet(
        .proxyAuthenticate,
        .proxyAuthenticationInfo,
        .proxyAuthorization
    )

    /// Meant for every recipient, so naming one as a connection option is an attempt to have a proxy
    /// cut it out on the way (RFC 9110 §7.6.1); such a nomination is ignored.
    static let endToEnd = FieldNameSet(
        .contentLength,
        .host,
        .expect,
        .via,
        .maxForwards,
        .forwarded,
        .xForwardedFor,
        .date,
        .trailer,
        .authorization,
        .wwwAuthenticate,
        .authenticationInfo,
        .cookie,
        .setCookie,
        .cacheControl,
        .age,
        .expires,
        .pragma,
        .vary,
        .location,
        .range,
        .ifMatch,
        .ifNoneMatch,
        .ifModifiedSince,
        .ifUnmodifiedSince,
        .ifRange,
        .contentType,
        .contentEncoding,
        .contentRange,
        .retryAfter
    )

    /// What a TRACE must not reveal (RFC 9110 §9.3.8).
    static let secret = FieldNameSet(.authorization, .proxyAuthorization, .cookie)

    /// Never forwarded as trailers: framing, routing, request modifiers, authentication, response
    /// control and content format must be known before the content (RFC 9110 §6.5.1).
    /// Authentication-Info is made for them (RFC 9110 §11.6.3).
    static let neverTrailer = hopByHop.union(endToEnd).subtracting(FieldNameSet(.authenticationInfo))
}
