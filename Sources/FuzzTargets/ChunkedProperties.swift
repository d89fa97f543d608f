import Basics
import HTTPWire

/// What must hold for a chunked body: it is decoded the same in whatever pieces it comes, as a simple decoder
/// that was written differently decodes it, and what is forwarded is the same body.
struct ChunkedProperties {
    private let input: [UInt8]
    private let mistake: PlantedMistake?
    private var pieces: Pieces

    init(_ input: [UInt8], _ mistake: PlantedMistake?) {
        self.input = input
        self.mistake = mistake
        pieces = Pieces(input)
    }

    mutating func check() throws(BrokenProperty) {
        let whole = try ChunkedReading(input) { _, end in end }
        let single = try ChunkedReading(input) { start, _ in start + 1 }
        try requireSame(whole, single)
        var cuts = pieces
        var piecewise = try ChunkedReading(input) { start, end in cuts.next(after: start, upTo: end) }
        if mistake == .loseChunkByte && !piecewise.content.isEmpty { piecewise.content.removeLast() }
        try requireSame(whole, piecewise)
        if whole.hasFailed { return }
        try compareWithReference(whole)
        guard whole.isAtTrailers else { return }
        try checkForwarded(whole)
        try checkTrailers(from: whole.consumed)
    }

    private func requireSame(_ whole: ChunkedReading, _ other: ChunkedReading) throws(BrokenProperty) {
        try require(whole.hasFailed == other.hasFailed, "whether it fails depends on the pieces")
        if whole.hasFailed { return }
        try require(whole.isAtTrailers == other.isAtTrailers, "whether it ends depends on the pieces")
        try require(whole.consumed == other.consumed, "where it ends depends on the pieces")
        try require(whole.content == other.content, "the content depends on the pieces")
        try require(whole.forwarded == other.forwarded, "what is forwarded depends on the pieces")
        try require(whole.remaining == other.remaining, "what is missing depends on the pieces")
    }

    private func compareWithReference(_ whole: ChunkedReading) throws(BrokenProperty) {
        let radix = mistake == .decimalChunkSize ? 10 : 16
        let reference = ChunkedReference(input, radix: radix)
        try require(reference.isWellFormed, "accepted, and malformed to the reference")
        try require(reference.content == whole.content, "other content than the reference")
        try require((reference.end != nil) == whole.isAtTrailers, "the end is seen by one of the two only")
        if let end = reference.end { try require(end == whole.consumed, "another end than the reference") }
    }

    /// The forwarded bytes are a body without extensions and with the same content.
    private func checkForwarded(_ whole: ChunkedReading) throws(BrokenProperty) {
        let again = try ChunkedReading(whole.forwarded) { _, end in end }
        try require(!again.hasFailed && again.isAtTrailers, "what is forwarded does not end")
        try require(again.content == whole.content, "what is forwarded has other content")
        try require(again.forwarded == whole.forwarded, "what is forwarded has extensions")
    }

    // MARK: Trailers

    private mutating func checkTrailers(from start: Int) throws(BrokenProperty) {
        let section = Array(input[start...])
        let bounds = limits(&pieces)
        var whole = FieldTable(capacity: 4)
        var scanned = 0
        let length = trailers(section.span, &scanned, bounds, &whole)
        var reader = FieldTable(capacity: 4)
        var position = 0
        var other = TrailerProgress.incomplete
        var end = 0
        while end < section.count && other == .incomplete {
            end = pieces.next(after: end, upTo: section.count)
            other = trailers(section.span.extracting(0..<end), &position, bounds, &reader)
            try require(position <= end, "scanned beyond the trailers")
        }
        try require(section.isEmpty || length == other, "the trailers depend on the pieces")
        guard case .read(let count) = length else { return }
        try require(count == endOfSection(section), "the trailers end elsewhere")
        try require(count <= bounds.headSize && whole.count <= bounds.fields, "trailers above the limits")
        try checkForwardedTrailers(section, whole)
    }

    private enum TrailerProgress: Equatable { case incomplete, failed, read(Int) }

    private func trailers(
        _ bytes: Span<UInt8>,
        _ scanned: inout Int,
        _ bounds: HeadLimits,
        _ fields: inout FieldTable
    ) -> TrailerProgress {
        do throws(WireError) {
            return try readTrailers(bytes, &scanned, bounds, &fields).map { .read($0) } ?? .incomplete
        } catch {
            return .failed
        }
    }

    /// Behind the first empty line.
    private func endOfSection(_ section: [UInt8]) -> Int? {
        var lineStart = 0
        for index in section.indices where section[index] == 10 {
            if index - lineStart == 1 { return index + 1 }
            lineStart = index + 1
        }
        return nil
    }

    /// What a recipient must know before the content never passes behind it (RFC 9110 §6.5.1).
    private func checkForwardedTrailers(_ section: [UInt8], _ fields: FieldTable) throws(BrokenProperty) {
        var out = ByteBuffer()
        HeadWriter.appendTrailers(section.span, fields, to: &out)
        var written = bytes(out)
        if mistake == .forwardFramingTrailer { written = Array("Content-Length: 1\r\n".utf8) + written }
        try require(
            written.count >= 2 && written[written.count - 2] == 13 && written[written.count - 1] == 10,
            "forwarded trailers without an end"
        )
        written.removeLast(2)
        let lines = try FieldLines(written)
        for name in ["content-length", "transfer-encoding", "host", "connection", "te", "authorization"] {
            try require(lines.count(written, name) == 0, "\(name) passes as a trailer")
        }
        var others = 0
        for index in 0..<fields.count where fields[index].known == .other { others += 1 }
        try require(lines.lines.count >= others, "a trailer is lost")
    }
}

/// What the decoder made of a body that came in pieces.
struct ChunkedReading {
    var content: [UInt8] = []
    var forwarded: [UInt8] = []
    var consumed = 0
    var remaining: UInt64 = 0
    var isAtTrailers = false
    var hasFailed = false

    /// Decodes `bytes`; `cut` tells the end of the piece that begins at its first argument.
    init(_ bytes: [UInt8], cut: (Int, Int) -> Int) throws(BrokenProperty) {
        var decoder = ChunkedDecoder()
        content.reserveCapacity(bytes.count)
        forwarded.reserveCapacity(bytes.count)
        while consumed < bytes.count && !isAtTrailers {
            let end = cut(consumed, bytes.count)
            while consumed < end && !isAtTrailers {
                let run: ChunkedDecoder.Run
                do throws(WireError) {
                    run = try nextRun(&decoder, bytes.span.extracting(consumed..<end))
                } catch {
                    hasFailed = true
                    return
                }
                try take(run, bytes, upTo: end)
                if decoder.isAtTrailers { isAtTrailers = true }
            }
        }
        remaining = decoder.remainingInChunk
    }

    private mutating func take(_ run: ChunkedDecoder.Run, _ bytes: [UInt8], upTo end: Int)
        throws(BrokenProperty)
    {
        let count: Int
        switch run {
        case .framing(let length):
            count = length
            forwarded += bytes[consumed..<consumed + min(length, end - consumed)]
        case .content(let length):
            count = length
            content += bytes[consumed..<consumed + min(length, end - consumed)]
            forwarded += bytes[consumed..<consumed + min(length, end - consumed)]
        case .ext(let length):
            count = length
        case .trailers:
            isAtTrailers = true
            return
        }
        try require(count > 0 && consumed + count <= end, "a run of \(count) in \(end - consumed) bytes")
        consumed += count
    }
}

/// A decoder as one would write it with the whole body at hand, line by line; it takes all that the product
/// takes and more.
struct ChunkedReference {
    private(set) var content: [UInt8] = []
    /// Behind the line of the last chunk, if that has come.
    private(set) var end: Int?
    private(set) var isWellFormed = true

    init(_ bytes: [UInt8], radix: Int) {
        var rest = bytes[...]
        while let feed = rest.firstIndex(of: 10) {
            let line = rest[..<feed]
            rest = rest[(feed + 1)...]
            let digits = line.prefix { hexadecimal($0) != nil }
            guard line.last == 13, let size = number(digits, radix) else {
                isWellFormed = false
                return
            }
            if size == 0 {
                end = rest.startIndex
                return
            }
            content += rest.prefix(size)
            if rest.count < size { return }
            rest = rest.dropFirst(size)
            let close = rest.prefix(2)
            if !close.elementsEqual([13, 10].prefix(close.count)) {
                isWellFormed = false
                return
            }
            if close.count < 2 { return }
            rest = rest.dropFirst(2)
        }
    }

    private func number(_ digits: ArraySlice<UInt8>, _ radix: Int) -> Int? {
        if digits.isEmpty { return nil }
        var value = 0
        for byte in digits {
            guard let digit = hexadecimal(byte) else { return nil }
            // Larger than any input is all that matters.
            value = min(value, 1 << 40) * radix + digit
        }
        return value
    }

    private func hexadecimal(_ byte: UInt8) -> Int? {
        switch byte {
        case 48...57: Int(byte) - 48
        case 65...70: Int(byte) - 55
        case 97...102: Int(byte) - 87
        default: nil
        }
    }
}
