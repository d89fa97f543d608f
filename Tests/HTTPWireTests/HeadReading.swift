import Basics
import HTTPWire
import Testing

/// The bytes of a text whose characters are all below U+0100, one byte each.
func wire(_ text: String) -> [UInt8] {
    text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
}

/// The bytes of a range as text, one character each.
func text(_ bytes: [UInt8], _ range: ByteRange) -> String {
    String(String.UnicodeScalarView(bytes[range.range].map { Unicode.Scalar($0) }))
}

let roomyLimits = HeadLimits(headSize: 64 * 1024, fields: 100, uriSize: 8 * 1024)

/// A head or trailer section with strings for offsets, so that readings can be compared.
struct ReadHead: Equatable {
    var start: [String]
    var fields: [String]
    var length: Int
}

/// What a parser said.
enum Reading: Equatable {
    case incomplete
    case failed(WireError)
    case read(ReadHead)

    var hasFailed: Bool {
        if case .failed = self { true } else { false }
    }
}

/// Which of the three parsers is meant.
enum HeadKind: CaseIterable {
    case request, response, trailers
}

/// A parser with the state that it keeps between calls.
struct HeadReader {
    let kind: HeadKind
    var limits = roomyLimits
    var scanned = 0
    var fields = FieldTable(capacity: 4)

    init(_ kind: HeadKind, limits: HeadLimits = roomyLimits) {
        self.kind = kind
        self.limits = limits
    }

    mutating func read(_ bytes: [UInt8]) -> Reading {
        do throws(WireError) {
            var start: [String] = []
            var length = 0
            switch kind {
            case .request:
                guard let head = try request(bytes) else { return .incomplete }
                start = [
                    "\(head.method)", text(bytes, head.methodName), text(bytes, head.target),
                    "\(head.version)",
                ]
                length = head.length
            case .response:
                guard let head = try response(bytes) else { return .incomplete }
                start = ["\(head.version)", "\(head.status)", text(bytes, head.reason)]
                length = head.length
            case .trailers:
                guard
                    let end = try HeadParser.parseTrailers(
                        bytes.span,
                        ofResponse: false,
                        scanned: &scanned,
                        limits: limits,
                        fields: &fields
                    )
                else { return .incomplete }
                length = end
            }
            return .read(ReadHead(start: start, fields: fieldTexts(bytes), length: length))
        } catch {
            return .failed(error)
        }
    }

    mutating func request(_ bytes: [UInt8]) throws(WireError) -> RequestHead? {
        try HeadParser.parseRequest(bytes.span, scanned: &scanned, limits: limits, fields: &fields)
    }

    mutating func response(_ bytes: [UInt8]) throws(WireError) -> ResponseHead? {
        try HeadParser.parseResponse(bytes.span, scanned: &scanned, limits: limits, fields: &fields)
    }

    private func fieldTexts(_ bytes: [UInt8]) -> [String] {
        (0..<fields.count).map { index in
            let field = fields[index]
            let parts = [field.name, field.value, field.line].map { text(bytes, $0) }
            return "\(field.known)|" + parts.joined(separator: "|")
        }
    }
}

/// Most bytes of chunk extensions that the tests allow.
let chunkExtensionLimit = 16 * 1024

/// Parses a head offered whole.
func readWhole(_ kind: HeadKind, _ bytes: [UInt8], limits: HeadLimits = roomyLimits) -> Reading {
    var reader = HeadReader(kind, limits: limits)
    return reader.read(bytes)
}

/// Reads a request that must be valid.
func validRequest(_ string: String) throws -> (bytes: [UInt8], head: RequestHead, fields: FieldTable) {
    let bytes = wire(string)
    var reader = HeadReader(.request)
    let head = try #require(try reader.request(bytes))
    return (bytes, head, reader.fields)
}

/// Reads a response that must be valid.
func validResponse(_ string: String) throws -> (bytes: [UInt8], head: ResponseHead, fields: FieldTable) {
    let bytes = wire(string)
    var reader = HeadReader(.response)
    let head = try #require(try reader.response(bytes))
    return (bytes, head, reader.fields)
}

/// The error that `body` throws, or nil.
func wireError(_ body: () throws -> Void) -> WireError? {
    do {
        try body()
        return nil
    } catch {
        return error as? WireError
    }
}
