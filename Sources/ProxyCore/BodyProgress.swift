import Basics
import HTTPWire

/// Where one message's content stands. Content never enters the engine: it is counted, and the
/// shell is told which bytes to pass on.
struct BodyProgress {
    enum Kind: UInt8 { case none, length, chunked, trailers, untilClose }

    var kind = Kind.none
    /// The receiver needs another framing than the sender used.
    var rewrite = Rewrite.none
    /// Trailers: how far the end was searched.
    var scanned: UInt32 = 0
    /// Content bytes still to come under `length`.
    var remaining: UInt64 = 0
    var decoder = ChunkedDecoder()

    enum Rewrite: UInt8 {
        /// The framing is passed on as it came.
        case none
        /// Chunked content for an HTTP/1.0 client: the chunks' frames are taken off.
        case unchunk
        /// Content until close for an HTTP/1.1 client: chunks' frames are put on.
        case chunk
    }

    init() {}

    init(_ framing: BodyFraming) {
        switch framing {
        case .none: kind = .none
        case .length(let count):
            kind = count == 0 ? .none : .length
            remaining = count
        case .chunked: kind = .chunked
        case .untilClose: kind = .untilClose
        }
    }

    /// Whether the message has ended exactly.
    var isComplete: Bool { kind == .none }
}
