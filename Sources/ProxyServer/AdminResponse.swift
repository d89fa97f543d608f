import Basics
import HTTPWire
import Telemetry

/// Writes the responses of the admin server; every one is the last of its connection.
enum AdminResponse {
    /// Appends head and content.
    ///
    /// - Parameter isHead: leave the content out, as the answer to HEAD (RFC 9110 §9.3.2).
    static func write(
        _ status: UInt16,
        contentType: String,
        _ content: ByteBuffer,
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
        if status == 405 { buffer.append("\r\nAllow: GET, HEAD") }
        buffer.append("\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n")
        if !isHead { buffer.append(content.span) }
    }
}
