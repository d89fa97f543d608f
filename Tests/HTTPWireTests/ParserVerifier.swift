import Basics
import HTTPWire
import Testing

/// Shows that a parser says the same whatever pieces its input comes in: whole, byte by byte, cut at every
/// place, and with the next message behind it.
enum ParserVerifier {
    /// Verifies a head or trailer section.
    ///
    /// - Parameter sameError: Whether a failure must be the same error in every case; with two errors in
    ///   one input it depends on the pieces which is met first.
    static func verify(
        _ kind: HeadKind,
        _ bytes: [UInt8],
        limits: HeadLimits = roomyLimits,
        sameError: Bool = true
    ) {
        let whole = readWhole(kind, bytes, limits: limits)
        func expectSame(_ other: Reading, _ how: String) {
            let same = sameError ? other == whole : other == whole || (other.hasFailed && whole.hasFailed)
            #expect(same, "\(how): \(other), whole: \(whole), input: \(bytes)")
        }
        expectSame(readByteByByte(kind, bytes, whole, limits), "byte by byte")
        for cut in 0...bytes.count {
            var reader = HeadReader(kind, limits: limits)
            let first = reader.read(Array(bytes[..<cut]))
            expectSame(first == .incomplete ? reader.read(bytes) : first, "cut at \(cut)")
        }
        if whole == .incomplete { return }
        for next in ["GET / HTTP/1.1\r\n\r\n", "\r\n\r\n", "x", "\n", "\u{0}"] {
            expectSame(readWhole(kind, bytes + wire(next), limits: limits), "followed by \(wire(next))")
        }
    }

    private static func readByteByByte(
        _ kind: HeadKind,
        _ bytes: [UInt8],
        _ whole: Reading,
        _ limits: HeadLimits
    ) -> Reading {
        var reader = HeadReader(kind, limits: limits)
        for count in 0...bytes.count {
            let reading = reader.read(Array(bytes[..<count]))
            if case .read(let head) = reading {
                #expect(count == head.length, "a head is read as soon as it is complete")
            }
            if reading != .incomplete { return reading }
        }
        return .incomplete
    }

    /// Verifies a chunked body without trailers.
    static func verifyChunked(_ bytes: [UInt8], sameError: Bool = true) {
        let whole = ChunkedReading(bytes, cuts: [])
        func expectSame(_ other: ChunkedReading, _ how: String) {
            let same = sameError || whole.error == nil ? other == whole : other.error != nil
            #expect(same, "\(how): \(other), whole: \(whole), input: \(bytes)")
        }
        expectSame(ChunkedReading(bytes, cuts: Array(bytes.indices)), "byte by byte")
        for cut in bytes.indices { expectSame(ChunkedReading(bytes, cuts: [cut]), "cut at \(cut)") }
        guard whole.isComplete else { return }
        let next = wire("\r\nGET / HTTP/1.1\r\n\r\n")
        expectSame(ChunkedReading(bytes + next, cuts: []), "with the next message behind it")
        let again = ChunkedReading(whole.forwarded, cuts: [])
        #expect(again.isComplete && again.content == whole.content, "what is forwarded is the same body")
        #expect(again.extensions.isEmpty && again.consumed == whole.forwarded.count)
    }
}

/// What the decoder made of a body that came in pieces.
struct ChunkedReading: Equatable {
    var content: [UInt8] = []
    var forwarded: [UInt8] = []
    var extensions: [UInt8] = []
    var consumed = 0
    var isComplete = false
    var error: WireError?

    /// Decodes `bytes` cut before each of the ascending indices `cuts`.
    init(_ bytes: [UInt8], cuts: [Int]) {
        var decoder = ChunkedDecoder()
        var start = 0
        do throws(WireError) {
            for end in cuts + [bytes.count] where !isComplete {
                while start < end && !isComplete { try step(&decoder, bytes, &start, end) }
            }
        } catch {
            // What was decoded before an error depends on the pieces.
            self = ChunkedReading(failed: error)
        }
    }

    private init(failed error: WireError) { self.error = error }

    private mutating func step(
        _ decoder: inout ChunkedDecoder,
        _ bytes: [UInt8],
        _ start: inout Int,
        _ end: Int
    ) throws(WireError) {
        let run = try decoder.next(bytes.span.extracting(start..<end), extensionLimit: chunkExtensionLimit)
        switch run {
        case .framing(let count):
            forwarded += bytes[start..<start + count]
            advance(&start, count)
        case .content(let count):
            content += bytes[start..<start + count]
            forwarded += bytes[start..<start + count]
            advance(&start, count)
        case .ext(let count):
            extensions += bytes[start..<start + count]
            advance(&start, count)
        case .trailers:
            isComplete = true
        }
        if decoder.isAtTrailers { isComplete = true }
    }

    private mutating func advance(_ start: inout Int, _ count: Int) {
        #expect(count > 0, "a run has at least one byte")
        start += count
        consumed = start
    }
}
