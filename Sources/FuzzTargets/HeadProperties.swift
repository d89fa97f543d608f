import Basics
import HTTPWire

/// What must hold for a head, whatever it is: it is read the same in whatever pieces it comes, lies inside
/// what was offered, and what is forwarded of it can be read in one way only.
struct HeadProperties {
    private let kind: HeadReader.Kind
    private let input: [UInt8]
    private let mistake: PlantedMistake?
    private var pieces: Pieces
    private let bounds: HeadLimits

    init(_ kind: HeadReader.Kind, _ input: [UInt8], _ mistake: PlantedMistake?) {
        self.kind = kind
        self.input = input
        self.mistake = mistake
        pieces = Pieces(input)
        bounds = limits(&pieces)
    }

    mutating func check() throws(BrokenProperty) {
        var whole = HeadReader(kind, bounds)
        let progress = whole.read(input.span)
        try checkPieces(whole, progress, isByteByByte: true)
        try checkPieces(whole, progress, isByteByByte: false)
        guard progress == .read else { return }
        try checkShape(whole)
        try checkRoundTrip(whole)
        try checkForwarding(whole)
    }

    // MARK: Pieces

    private mutating func checkPieces(
        _ whole: HeadReader,
        _ expected: HeadReader.Progress,
        isByteByByte: Bool
    ) throws(BrokenProperty) {
        var reader = HeadReader(kind, bounds)
        var end = 0
        var progress = HeadReader.Progress.incomplete
        while end < input.count && progress == .incomplete {
            end = isByteByByte ? end + 1 : pieces.next(after: end, upTo: input.count)
            progress = reader.read(input.span.extracting(0..<end))
            try require(
                reader.scanned >= 0 && reader.scanned <= end,
                "scanned to \(reader.scanned) of \(end) bytes"
            )
        }
        if input.isEmpty { progress = reader.read(input.span) }
        try require(progress == expected, "whole: \(expected), in pieces: \(progress) at \(end)")
        guard progress == .read else { return }
        let slip = mistake == .miscountHead ? 1 : 0
        try require(reader.length + slip == whole.length, "the length depends on the pieces")
        if isByteByByte {
            try require(end == whole.length, "a head of \(whole.length) bytes is read after \(end)")
        }
        try requireSame(whole, reader)
    }

    private func requireSame(_ one: HeadReader, _ other: HeadReader) throws(BrokenProperty) {
        if let left = one.request, let right = other.request {
            try require(
                left.method == right.method && left.methodName == right.methodName
                    && left.target == right.target && left.version == right.version,
                "the request line depends on the pieces"
            )
        }
        if let left = one.response, let right = other.response {
            try require(
                left.status == right.status && left.reason == right.reason && left.version == right.version,
                "the status line depends on the pieces"
            )
        }
        try require(one.fields.count == other.fields.count, "the fields depend on the pieces")
        for index in 0..<one.fields.count {
            let left = one.fields[index]
            let right = other.fields[index]
            try require(
                left.name == right.name && left.value == right.value && left.line == right.line
                    && left.known == right.known,
                "field \(index) depends on the pieces"
            )
        }
    }

    // MARK: Shape

    /// Everything lies inside the head, in order, and holds only bytes that may be there.
    private func checkShape(_ reader: HeadReader) throws(BrokenProperty) {
        let length = reader.length
        try require(length >= 2 && length <= input.count, "a head of \(length) bytes in \(input.count)")
        try require(length <= bounds.headSize, "a head above the limit")
        try require(reader.fields.count <= bounds.fields, "more fields than the limit")
        try require(input[length - 2] == 13 && input[length - 1] == 10, "a head without an end")
        if let head = reader.request { try checkRequestLine(head, length) }
        if let head = reader.response {
            try require(head.status >= 100 && head.status <= 999, "status \(head.status)")
            try require(Int(head.reason.end) + 2 <= length, "a reason outside the head")
            for index in head.reason.range {
                try require(isTextByte(input[index]), "a control character in the reason")
            }
        }
        var lineStart: Int?
        for index in 0..<reader.fields.count {
            let field = reader.fields[index]
            if let lineStart {
                try require(Int(field.line.start) == lineStart, "a gap between two fields")
            }
            lineStart = Int(field.line.end)
            try require(
                field.line.start == field.name.start && field.name.end < field.value.start
                    && field.value.start <= field.value.end && Int(field.value.end) + 2 <= Int(field.line.end)
                    && Int(field.line.end) + 2 <= length,
                "field \(index) lies outside its line"
            )
            try require(!field.name.isEmpty, "a field without a name")
            for position in field.name.range {
                try require(isTokenByte(input[position]), "a field name that is no token")
            }
            for position in field.value.range {
                try require(isTextByte(input[position]), "a control character in a value")
            }
            try require(trimmed(input, field.value.range) == field.value.range, "white space around a value")
        }
        if let lineStart { try require(lineStart + 2 == length, "bytes between the fields and the end") }
    }

    private func checkRequestLine(_ head: RequestHead, _ length: Int) throws(BrokenProperty) {
        try require(!head.methodName.isEmpty && !head.target.isEmpty, "an empty part of the request line")
        try require(head.methodName.end + 1 == head.target.start, "not one space behind the method")
        try require(Int(head.target.end) + 11 <= length, "a target outside the head")
        try require(head.target.count <= bounds.uriSize, "a target above the limit")
        for index in head.methodName.range {
            try require(isTokenByte(input[index]), "a method that is no token")
        }
        for index in head.target.range {
            let byte = input[index]
            try require(byte > 32 && byte < 127 && byte != UInt8(ascii: "#"), "an invisible byte in a target")
        }
    }

    // MARK: Round trip

    /// An accepted head, written and read again, is the same head.
    private func checkRoundTrip(_ reader: HeadReader) throws(BrokenProperty) {
        var out = startLine(reader)
        var fields = reader.fields
        if mistake == .loseField && fields.count > 0 { fields[0].isDropped = true }
        HeadWriter.appendFields(input.span, fields, to: &out)
        out.append("\r\n")
        let written = bytes(out)
        var again = HeadReader(kind, HeadLimits(headSize: 1 << 20, fields: 1 << 20, uriSize: 1 << 20))
        try require(again.read(written.span) == .read, "what was written is refused")
        try require(again.length == written.count, "what was written is read in part")
        try require(again.version == reader.version, "another version")
        if let left = reader.request, let right = again.request {
            try require(left.method == right.method, "another method")
            try requireSame(left.methodName, written, right.methodName)
            try requireSame(left.target, written, right.target)
        }
        if let left = reader.response, let right = again.response {
            try require(left.status == right.status, "another status")
            try requireSame(left.reason, written, right.reason)
        }
        try require(again.fields.count == reader.fields.count, "fields were lost")
        for index in 0..<again.fields.count {
            let left = reader.fields[index]
            let right = again.fields[index]
            try require(left.known == right.known, "another name")
            try requireSame(left.name, written, right.name)
            try requireSame(left.value, written, right.value)
        }
    }

    private func requireSame(_ left: ByteRange, _ written: [UInt8], _ right: ByteRange)
        throws(BrokenProperty)
    {
        try require(left.count == right.count, "\(left) is written as \(right)")
        for step in 0..<left.count {
            try require(
                input[Int(left.start) + step] == written[Int(right.start) + step],
                "\(left) is written as \(right)"
            )
        }
    }

    private func startLine(_ reader: HeadReader) -> ByteBuffer {
        var out = ByteBuffer(capacity: input.count + 64)
        let version = reader.version == .http10 ? "HTTP/1.0" : "HTTP/1.1"
        if let head = reader.request {
            out.append(input.span.extracting(head.methodName.range))
            out.append(" ")
            out.append(input.span.extracting(head.target.range))
            out.append(" ")
            out.append(version)
        } else if let head = reader.response {
            out.append(version)
            out.append(" ")
            out.append(decimal: UInt64(head.status))
            out.append(" ")
            out.append(input.span.extracting(head.reason.range))
        }
        out.append("\r\n")
        return out
    }

    // MARK: Forwarding

    private mutating func checkForwarding(_ reader: HeadReader) throws(BrokenProperty) {
        let methods: [Method] = [.get, .head, .post, .connect]
        let check = ForwardedHead(
            input: input,
            reader: reader,
            requestMethod: methods[pieces.choose(methods.count)],
            mistake: mistake
        )
        try check.check()
    }
}

/// The bytes in use.
func bytes(_ buffer: ByteBuffer) -> [UInt8] {
    var copy: [UInt8] = []
    copy.reserveCapacity(buffer.count)
    for index in 0..<buffer.count { copy.append(buffer.span[index]) }
    return copy
}
