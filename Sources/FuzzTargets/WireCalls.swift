import HTTPWire

// The calls into HTTPWire whose parameters are more than bytes, in one place.

/// A head parser with the state that it keeps between calls, for either kind of head.
struct HeadReader {
    enum Kind { case request, response }
    enum Progress { case incomplete, failed, read }

    let kind: Kind
    let limits: HeadLimits
    var scanned = 0
    var fields = FieldTable(capacity: 16)
    private(set) var request: RequestHead?
    private(set) var response: ResponseHead?

    init(_ kind: Kind, _ limits: HeadLimits) {
        self.kind = kind
        self.limits = limits
    }

    mutating func read(_ bytes: Span<UInt8>) -> Progress {
        do throws(WireError) {
            switch kind {
            case .request:
                request = try HeadParser.parseRequest(
                    bytes,
                    scanned: &scanned,
                    limits: limits,
                    fields: &fields
                )
                return request == nil ? .incomplete : .read
            case .response:
                response = try HeadParser.parseResponse(
                    bytes,
                    scanned: &scanned,
                    limits: limits,
                    fields: &fields
                )
                return response == nil ? .incomplete : .read
            }
        } catch {
            return .failed
        }
    }

    /// Length of the head that was read.
    var length: Int { request?.length ?? response?.length ?? 0 }
    /// Its version.
    var version: HTTPVersion { request?.version ?? response?.version ?? .http11 }
}

/// A request's trailer section.
func readTrailers(
    _ bytes: Span<UInt8>,
    _ scanned: inout Int,
    _ limits: HeadLimits,
    _ fields: inout FieldTable
) throws(WireError) -> Int? {
    try HeadParser.parseTrailers(
        bytes,
        ofResponse: false,
        scanned: &scanned,
        limits: limits,
        fields: &fields
    )
}

/// The next run of a chunked body.
func nextRun(
    _ decoder: inout ChunkedDecoder,
    _ bytes: Span<UInt8>
) throws(WireError) -> ChunkedDecoder.Run {
    try decoder.next(bytes, extensionLimit: 16 * 1024)
}

/// Limits that fit all but the longest inputs, or such as inputs often meet.
func limits(_ pieces: inout Pieces) -> HeadLimits {
    switch pieces.choose(8) {
    case 0: HeadLimits(headSize: 64 + pieces.choose(128), fields: 1 + pieces.choose(4), uriSize: 24)
    default: HeadLimits(headSize: 64 * 1024, fields: 128, uriSize: 16 * 1024)
    }
}
