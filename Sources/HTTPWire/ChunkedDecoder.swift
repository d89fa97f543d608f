internal import Basics

/// Follows a chunked body (RFC 9112 §7.1) through whatever pieces it arrives in, without copying: it tells
/// what the next bytes are.
///
/// Framing and content runs forwarded as they came, with extension runs left out, are again a valid
/// chunked body up to the trailer section.
public struct ChunkedDecoder: Sendable, BitwiseCopyable {
    /// What the bytes at the front are.
    public enum Run: Equatable, Sendable, BitwiseCopyable {
        /// So many bytes of chunk size lines and the CRLFs around content.
        case framing(Int)
        /// So many bytes of content.
        case content(Int)
        /// So many bytes of chunk extensions with the white space before them, not to be forwarded
        /// (RFC 9112 §7.1.1: a recipient ignores extensions it does not recognise).
        case ext(Int)
        /// Nothing was consumed: the line of the last chunk has been, and `HeadParser.parseTrailers`
        /// takes over.
        case trailers
    }

    private enum State: UInt8, BitwiseCopyable {
        /// In the digits of a chunk size.
        case size
        /// In the white space between the size and a semicolon.
        case space
        /// Behind a semicolon.
        case ext
        /// At the carriage return of a size line with extensions.
        case sizeEnd
        /// Behind the carriage return of a size line.
        case sizeLineFeed
        /// In the content of a chunk.
        case content
        /// Behind the last byte of the content of a chunk.
        case contentEnd
        /// Behind the carriage return that follows content.
        case contentLineFeed
        /// Behind the line of the last chunk.
        case trailers
    }

    private var remaining: UInt64 = 0
    private var extensionBytes: UInt32 = 0
    private var digits: UInt8 = 0
    private var state = State.size

    /// A decoder at the start of a body.
    public init() {}

    /// Whether the line of the last chunk has been consumed: what follows is the trailer section.
    public var isAtTrailers: Bool { state == .trailers }

    /// Content bytes of the current chunk that have not come yet; 0 outside content.
    public var remainingInChunk: UInt64 { state == .content ? remaining : 0 }

    /// Consumes the longest run of one kind at the front of `bytes`; at least one byte, except at the
    /// trailers.
    ///
    /// - Parameters:
    ///   - bytes: Not empty; begins where the last run ended.
    ///   - extensionLimit: Most bytes of extensions in one body, below 4 GiB; more is an attack on whoever
    ///     counts only content (RFC 9112 §7.1.1).
    /// - Throws: `malformedChunkSize`, `chunkTooLarge` (above 2^63 − 1 or more than 16 digits),
    ///   `malformedChunkExtension`, `chunkExtensionsTooLong`, `malformedChunkEnd`, `bareLineFeed`,
    ///   `bareCarriageReturn`, `controlCharacter`. The decoder is of no use afterwards.
    public mutating func next(_ bytes: Span<UInt8>, extensionLimit: Int) throws(WireError) -> Run {
        switch state {
        case .trailers:
            return .trailers
        case .content:
            let count = min(remaining, UInt64(bytes.count))
            remaining -= count
            if remaining == 0 { state = .contentEnd }
            return .content(Int(count))
        case .space, .ext:
            let count = try extensionRun(bytes, limit: extensionLimit)
            return count > 0 ? .ext(count) : try framingRun(bytes, extensionLimit)
        default:
            return try framingRun(bytes, extensionLimit)
        }
    }

    /// From the CRLF behind content, or a size, up to content, an extension or the trailers. Called only
    /// in states that consume the first byte or throw, but for a size that is followed by an extension.
    private mutating func framingRun(_ bytes: Span<UInt8>, _ extensionLimit: Int) throws(WireError) -> Run {
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            switch state {
            case .size:
                if let digit = ASCII.hexValue(byte) {
                    try addDigit(digit)
                } else if byte == ASCII.carriageReturn && digits > 0 {
                    state = .sizeLineFeed
                } else {
                    try beginExtension(byte)
                    if index > 0 { return .framing(index) }
                    return .ext(try extensionRun(bytes, limit: extensionLimit))
                }
            case .sizeEnd:
                state = .sizeLineFeed
            case .sizeLineFeed:
                if byte != ASCII.lineFeed { throw .bareCarriageReturn }
                digits = 0
                state = remaining == 0 ? .trailers : .content
                return .framing(index + 1)
            case .contentEnd:
                guard byte == ASCII.carriageReturn else {
                    throw ByteScan.error(for: byte, otherwise: .malformedChunkEnd)
                }
                state = .contentLineFeed
            case .contentLineFeed:
                if byte != ASCII.lineFeed { throw .bareCarriageReturn }
                state = .size
            case .space, .ext, .content, .trailers:
                preconditionFailure("not a framing state")
            }
            index += 1
        }
        return .framing(index)
    }

    private mutating func addDigit(_ digit: UInt8) throws(WireError) {
        if digits == 16 || remaining >> 59 != 0 { throw .chunkTooLarge }
        remaining = remaining << 4 | UInt64(digit)
        digits += 1
    }

    /// Judges the byte behind a chunk size that is neither digit nor carriage return.
    private mutating func beginExtension(_ byte: UInt8) throws(WireError) {
        guard digits > 0 else { throw ByteScan.error(for: byte, otherwise: .malformedChunkSize) }
        switch byte {
        case UInt8(ascii: ";"), ASCII.space, ASCII.tab: state = .space
        default: throw ByteScan.error(for: byte, otherwise: .malformedChunkSize)
        }
    }

    /// Extension bytes up to the carriage return; none if that comes first. White space is good only for
    /// a semicolon that follows (`BWS` in the grammar): a size padded with spaces is refused.
    private mutating func extensionRun(_ bytes: Span<UInt8>, limit: Int) throws(WireError) -> Int {
        var index = 0
        if state == .space {
            while index < bytes.count && (bytes[index] == ASCII.space || bytes[index] == ASCII.tab) {
                index += 1
            }
            if index < bytes.count {
                guard bytes[index] == UInt8(ascii: ";") else {
                    throw ByteScan.error(for: bytes[index], otherwise: .malformedChunkSize)
                }
                state = .ext
            }
        }
        if state == .ext { index = ByteScan.endOfText(bytes, from: index) }
        if index > limit - Int(extensionBytes) { throw .chunkExtensionsTooLong }
        extensionBytes += UInt32(index)
        if index < bytes.count {
            guard bytes[index] == ASCII.carriageReturn else {
                throw ByteScan.error(for: bytes[index], otherwise: .malformedChunkExtension)
            }
            state = .sizeEnd
        }
        return index
    }
}
