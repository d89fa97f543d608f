internal import Basics

/// How the end of a message's content is found (RFC 9112 §6.3).
public enum BodyFraming: Equatable, Sendable, BitwiseCopyable {
    /// The message ends with its head.
    case none
    /// Content-Length: so many bytes, 0…2^63 − 1.
    case length(UInt64)
    /// Chunked; `ChunkedDecoder` finds the end.
    case chunked
    /// A response that ends with the connection.
    case untilClose
}

/// Decides the framing from a head's fields. Whatever two recipients could read differently is an error.
/// Dropped fields count: framing is a fact about what was received.
public enum Framing {
    /// The framing of a request's content.
    ///
    /// - Throws: For Content-Length beside Transfer-Encoding, more than one Content-Length, even of equal
    ///   values, a Content-Length that is not digits or above 2^63 − 1, any Transfer-Encoding in HTTP/1.0,
    ///   any that is not exactly `chunked` (`unsupportedTransferCoding`, 501, where it ends in chunked and
    ///   would thus have a definite end), and content announced with CONNECT or TRACE.
    public static func ofRequest(
        _ bytes: Span<UInt8>,
        _ head: RequestHead,
        _ fields: FieldTable
    ) throws(WireError) -> BodyFraming {
        let framing = try declared(bytes, head.version, fields)
        // RFC 9110 §9.3.6: CONNECT has no content; bytes behind the head belong to the tunnel.
        if head.method == .connect && framing != .none {
            if framing == .length(0) { return .none }
            throw .contentInConnect
        }
        // RFC 9110 §9.3.8: what is sent back is the head; who sends content means something else.
        if head.method == .trace && framing != .none && framing != .length(0) { throw .contentInTrace }
        return framing
    }

    /// The framing of a response's content.
    ///
    /// Responses to HEAD, 1xx, 204, 304 and 2xx to CONNECT end with their heads whatever their fields say.
    ///
    /// - Throws: As `ofRequest`; for a proxy an unreadable framing is a bad gateway (RFC 9112 §6.3 item 5).
    public static func ofResponse(
        _ bytes: Span<UInt8>,
        _ head: ResponseHead,
        _ fields: FieldTable,
        requestMethod: Method
    ) throws(WireError) -> BodyFraming {
        if requestMethod == .head || head.status == 304 {
            // What it would be is for the client to read, so it must not be nonsense (RFC 9110 §8.6).
            try checkLength(bytes, fields)
            return .none
        }
        if mustNotDeclareContent(status: head.status, requestMethod: requestMethod) { return .none }
        let framing = try declared(bytes, head.version, fields)
        return framing == .none ? .untilClose : framing
    }

    /// Whether a response must not carry Content-Length or Transfer-Encoding at all: 1xx, 204 and 2xx to
    /// CONNECT (RFC 9110 §8.6, RFC 9112 §6.1). Such a Content-Length is to be dropped, not forwarded.
    public static func mustNotDeclareContent(status: UInt16, requestMethod: Method) -> Bool {
        status < 200 || status == 204 || (requestMethod == .connect && status < 300)
    }

    /// What Content-Length and Transfer-Encoding say; `none` without either.
    private static func declared(
        _ bytes: Span<UInt8>,
        _ version: HTTPVersion,
        _ fields: FieldTable
    ) throws(WireError) -> BodyFraming {
        if let coding = fields.first(.transferEncoding) {
            // RFC 9112 §6.1: faulty framing, even if Content-Length is there too.
            if version == .http10 { throw .transferEncodingInHTTP10 }
            if fields.count(of: .contentLength) > 0 { throw .contentLengthWithTransferEncoding }
            let isOnly = fields.count(of: .transferEncoding) == 1
            if isOnly && ASCII.equalsIgnoringCase(bytes.extracting(coding.value.range), "chunked") {
                return .chunked
            }
            throw codingError(bytes, fields)
        }
        return try checkLength(bytes, fields).map { .length($0) } ?? .none
    }

    /// The value of Content-Length; nil without one.
    @discardableResult
    private static func checkLength(_ bytes: Span<UInt8>, _ fields: FieldTable) throws(WireError) -> UInt64? {
        guard let length = fields.first(.contentLength) else { return nil }
        if fields.count(of: .contentLength) > 1 { throw repeatedLengthError(bytes, fields) }
        guard let value = FieldValue.parseDecimal(bytes, length.value) else {
            for index in length.value.range where bytes[index] == UInt8(ascii: ",") {
                throw repeatedLengthError(bytes, fields)
            }
            throw .invalidContentLength
        }
        return value
    }

    /// What is wrong with Transfer-Encoding fields that are not one `chunked`: well-formed codings that end
    /// in one chunked are merely not implemented here, everything else has no reliable end.
    private static func codingError(_ bytes: Span<UInt8>, _ fields: FieldTable) -> WireError {
        var members = 0
        var chunked = 0
        var endsInChunked = false
        for index in 0..<fields.count where fields[index].known == .transferEncoding {
            let value = fields[index].value
            var position = Int(value.start)
            while let member = FieldValue.nextMember(bytes, &position, end: Int(value.end)) {
                if ByteScan.endOfToken(bytes, from: Int(member.start)) < Int(member.end) {
                    return .malformedTransferEncoding
                }
                members += 1
                endsInChunked = ASCII.equalsIgnoringCase(bytes.extracting(member.range), "chunked")
                if endsInChunked { chunked += 1 }
            }
        }
        // `chunked,` alone is an obfuscation, not a coding.
        return endsInChunked && chunked == 1 && members > 1
            ? .unsupportedTransferCoding : .malformedTransferEncoding
    }

    /// Tells equal from different values where Content-Length is given more than once. RFC 9112 §6.3 lets
    /// a recipient accept equal ones; refusing them leaves nothing to be read differently.
    private static func repeatedLengthError(_ bytes: Span<UInt8>, _ fields: FieldTable) -> WireError {
        var first: UInt64?
        var isDifferent = false
        for index in 0..<fields.count where fields[index].known == .contentLength {
            let value = fields[index].value
            if value.isEmpty { return .invalidContentLength }
            var position = Int(value.start)
            while let member = FieldValue.nextMember(bytes, &position, end: Int(value.end)) {
                guard let number = FieldValue.parseDecimal(bytes, member) else {
                    return .invalidContentLength
                }
                if let first, first != number { isDifferent = true }
                first = first ?? number
            }
        }
        return isDifferent ? .differingContentLengths : .repeatedContentLength
    }
}
