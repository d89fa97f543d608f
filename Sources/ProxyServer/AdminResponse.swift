import Basics
import HTTPWire
import Telemetry

/// Writes the responses of the admin server; every one is the last of its connection.
enum AdminResponse {
    /// What a browser may do with what it gets here: run the page's own script, ask this server again, and nothing
    /// else. Texts that clients chose are never markup, and Trusted Types keep the script from making them any.
    private static let protection = """
        Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
        img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
        require-trusted-types-for 'script'; trusted-types 'none'\r
        X-Content-Type-Options: nosniff\r
        Cross-Origin-Resource-Policy: same-origin\r
        Referrer-Policy: no-referrer\r

        """

    /// Appends head and content.
    ///
    /// - Parameters:
    ///   - allow: the methods, with 405.
    ///   - isHead: leave the content out, as the answer to HEAD (RFC 9110 §9.3.2).
    static func write(
        _ status: UInt16,
        contentType: String,
        _ content: ByteBuffer,
        allow: String? = nil,
        isHead: Bool,
        to buffer: inout ByteBuffer
    ) {
        buffer.append("HTTP/1.1 ")
        buffer.append(decimal: UInt64(status))
        buffer.append(" ")
        buffer.append(ReasonPhrase.of(status))
        buffer.append("\r\nDate: ")
        WallClock.now.appendHTTPDate(to: &buffer)
        buffer.append("\r\nContent-Type: ")
        buffer.append(contentType)
        buffer.append("\r\nContent-Length: ")
        buffer.append(decimal: UInt64(content.count))
        if let allow {
            buffer.append("\r\nAllow: ")
            buffer.append(allow)
        }
        buffer.append("\r\nCache-Control: no-store\r\nConnection: close\r\n")
        buffer.append(protection)
        buffer.append("\r\n")
        if !isHead { buffer.append(content.span) }
    }
}
