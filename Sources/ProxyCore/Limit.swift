import HTTPWire

/// A bound on one message that a peer can reach; each is a setting.
public enum Limit: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    /// `limits.uri_size`
    case uriSize
    /// `limits.head_size`: the request's head.
    case requestHeadSize
    /// `limits.fields`: the request's head or trailers.
    case requestFields
    /// `limits.head_size`: the request's trailers.
    case requestTrailers
    /// `limits.chunk_extensions`: of the request.
    case requestChunkExtensions
    /// `client.header_timeout`
    case headerTimeout
    /// `client.write_timeout`: no content of a request came, or nothing that was sent was taken.
    case writeTimeout
    /// `client.min_progress`
    case minProgress
    /// `limits.head_size`: the response's head.
    case responseHeadSize
    /// `limits.fields`: the response's head or trailers.
    case responseFields
    /// `limits.head_size`: the response's trailers.
    case responseTrailers
    /// `limits.chunk_extensions`: of the response.
    case responseChunkExtensions

    /// The limit that an error speaks of, if it speaks of one.
    init?(_ error: WireError, isResponse: Bool) {
        switch error {
        case .targetTooLong: self = .uriSize
        case .headTooLarge: self = isResponse ? .responseHeadSize : .requestHeadSize
        case .tooManyFields: self = isResponse ? .responseFields : .requestFields
        case .trailersTooLarge: self = isResponse ? .responseTrailers : .requestTrailers
        case .chunkExtensionsTooLong: self = isResponse ? .responseChunkExtensions : .requestChunkExtensions
        default: return nil
        }
    }
}

extension ProxyEngine {
    /// Counts the limit that an error speaks of.
    mutating func noteLimit(_ error: WireError?, isResponse: Bool) {
        guard let error, let limit = Limit(error, isResponse: isResponse) else { return }
        statistics.limits[Int(limit.rawValue)] += 1
    }
}
