internal import Basics

/// What the first bytes of a connection are that was meant for an origin and not for a proxy. Only what is
/// certain to be HTTP/1 or TLS is called so; anything unusual is `raw`, and gets through as it came.
public enum FirstBytes: Sendable, BitwiseCopyable {
    /// A whole request line of HTTP/1, as the head parser takes it.
    case http1
    /// A TLS record with the beginning of a ClientHello (RFC 8446 §4.1.2).
    case tls
    /// The preface of HTTP/2 with prior knowledge (RFC 9113 §3.4).
    case http2
    /// Something else, CONNECT to another proxy included.
    case raw
    /// Any of these, as far as the bytes go.
    case undecided

    /// Bytes beyond which nothing that is undecided is waited for.
    public static let longest = 4096

    /// Says what the bytes are, from the first one of the connection on.
    ///
    /// What is decided stays decided when more bytes come.
    public static func classify(_ bytes: Span<UInt8>) -> FirstBytes {
        if bytes.isEmpty { return .undecided }
        if bytes[0] == 22 { return classifyRecord(bytes) }
        let methodEnd = ByteScan.endOfToken(bytes, from: 0)
        if methodEnd == bytes.count { return .undecided }
        if methodEnd == 0 || bytes[methodEnd] != ASCII.space { return .raw }
        let method = Method.named(bytes, ByteRange(0, methodEnd))
        if method == .connect { return .raw }
        let targetEnd = ByteScan.endOfTarget(bytes, from: methodEnd + 1)
        if targetEnd == bytes.count { return .undecided }
        if targetEnd == methodEnd + 1 || bytes[targetEnd] != ASCII.space { return .raw }
        return classifyVersion(bytes, from: targetEnd + 1)
    }

    /// Says what is to be made of undecided bytes when no more are waited for: HTTP/1 where they begin like
    /// nothing else does (a known method, a space, and the beginning of a path, of an http URI, or `*`), else
    /// `raw`.
    public static func settle(_ bytes: Span<UInt8>) -> FirstBytes {
        let decided = classify(bytes)
        guard case .undecided = decided else { return decided }
        let methodEnd = ByteScan.endOfToken(bytes, from: 0)
        if methodEnd == bytes.count || Method.named(bytes, ByteRange(0, methodEnd)) == .other { return .raw }
        let target = methodEnd + 1
        guard target < bytes.count else { return .raw }
        switch bytes[target] {
        case UInt8(ascii: "/"), UInt8(ascii: "*"): return .http1
        default:
            let scheme = bytes.extracting(target..<min(target + 4, bytes.count))
            return ASCII.equalsIgnoringCase(scheme, "http") ? .http1 : .raw
        }
    }

    /// A record of type handshake, of any version so far, whose first message is a ClientHello.
    private static func classifyRecord(_ bytes: Span<UInt8>) -> FirstBytes {
        if bytes.count > 1 && bytes[1] != 3 || bytes.count > 2 && bytes[2] > 4 { return .raw }
        if bytes.count > 4 && !ClientHello.isLength(bytes[3], bytes[4]) { return .raw }
        if bytes.count > 5 { return bytes[5] == 1 ? .tls : .raw }
        return .undecided
    }

    /// `HTTP/1.`, a digit and the end of the line; or the preface of HTTP/2, which begins with a request line
    /// of a version of its own.
    private static func classifyVersion(_ bytes: Span<UInt8>, from start: Int) -> FirstBytes {
        let name = "HTTP/1."
        let version = name.utf8.span
        for index in start..<bytes.count {
            let isRight =
                switch index - start {
                case 0..<version.count: bytes[index] == version[index - start]
                case version.count: ASCII.isDigit(bytes[index])
                case version.count + 1: bytes[index] == ASCII.carriageReturn
                default: bytes[index] == ASCII.lineFeed
                }
            if !isRight { return classifyPreface(bytes) }
            if index - start == version.count + 2 { return .http1 }
        }
        return .undecided
    }

    private static func classifyPreface(_ bytes: Span<UInt8>) -> FirstBytes {
        let text = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        let preface = text.utf8.span
        for index in 0..<min(bytes.count, preface.count) where bytes[index] != preface[index] { return .raw }
        return bytes.count < preface.count ? .undecided : .http2
    }
}
