/// The HTTP/1 protocol version of a message.
///
/// RFC 9110 §2.5: a recipient treats a higher minor version of a major version it knows as the highest
/// minor version it implements, so `HTTP/1.7` is `http11`. Other major versions are refused while parsing.
public enum HTTPVersion: UInt8, Sendable, BitwiseCopyable {
    /// `HTTP/1.0`.
    case http10
    /// `HTTP/1.1` and every higher `HTTP/1.x`.
    case http11
}
