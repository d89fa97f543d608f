/// Why bytes are not an HTTP/1.1 message that weir forwards.
///
/// In a request the error is answered with `status` and `reason`, and the connection is closed; in a
/// response it is a bad gateway (502) whatever `status` says.
public enum WireError: Error, Equatable, CaseIterable, Sendable {
    // Anywhere in a head or a chunked body
    case bareLineFeed
    case bareCarriageReturn
    case controlCharacter
    // Start line
    case tooManyEmptyLines
    case malformedRequestLine
    case invalidMethod
    case malformedTarget
    case fragmentInTarget
    case malformedVersion
    case unsupportedVersion
    case malformedStatusLine
    // Field lines
    case emptyFieldName
    case invalidFieldName
    case spaceBeforeColon
    case missingColon
    case obsoleteFolding
    case whitespaceBeforeFirstField
    // Sizes
    case headTooLarge
    case targetTooLong
    case tooManyFields
    case trailersTooLarge
    // Authority and Host
    case userInfoInAuthority
    case emptyHost
    case invalidHost
    case zoneInAuthority
    case invalidPort
    case missingPort
    case missingHost
    case repeatedHost
    // Other fields
    case invalidMaxForwards
    case upgradeNotOffered
    // Connection
    case invalidConnectionOption
    case tooManyConnectionOptions
    // Framing
    case invalidContentLength
    case repeatedContentLength
    case differingContentLengths
    case contentLengthWithTransferEncoding
    case transferEncodingInHTTP10
    case malformedTransferEncoding
    case unsupportedTransferCoding
    case contentInConnect
    case contentInTrace
    // Chunked
    case malformedChunkSize
    case chunkTooLarge
    case malformedChunkExtension
    case chunkExtensionsTooLong
    case malformedChunkEnd

    /// What to answer to a client whose request had the error: 400, 414, 431, 501 or 505.
    public var status: UInt16 {
        switch self {
        case .targetTooLong: 414
        case .headTooLarge, .tooManyFields, .trailersTooLarge: 431
        case .unsupportedTransferCoding: 501
        case .unsupportedVersion: 505
        default: 400
        }
    }

    /// What is wrong, in one readable line without a full stop; fit for an answer, a log line and
    /// `Proxy-Status` details (no quotes, no control characters).
    public var reason: String {
        switch self {
        case .bareLineFeed: "line feed without carriage return"
        case .bareCarriageReturn: "carriage return without line feed"
        case .controlCharacter: "control character in the message head"
        case .tooManyEmptyLines: "too many empty lines before the request"
        case .malformedRequestLine: "request line is not METHOD SP TARGET SP VERSION"
        case .invalidMethod: "method is not a token"
        case .malformedTarget: "request target has no valid form for this method"
        case .fragmentInTarget: "request target contains a fragment"
        case .malformedVersion: "protocol version is not HTTP/DIGIT.DIGIT"
        case .unsupportedVersion: "only HTTP/1.x is spoken here"
        case .malformedStatusLine: "status line is not VERSION SP 3DIGIT SP REASON"
        case .emptyFieldName: "field line without a name"
        case .invalidFieldName: "field name is not a token"
        case .spaceBeforeColon: "white space in or behind a field name"
        case .missingColon: "field line without a colon"
        case .obsoleteFolding: "field value folded over several lines"
        case .whitespaceBeforeFirstField: "white space before the first field"
        case .headTooLarge: "message head is larger than the limit"
        case .targetTooLong: "request target is longer than the limit"
        case .tooManyFields: "more fields than the limit"
        case .trailersTooLarge: "trailer section is larger than the limit"
        case .userInfoInAuthority: "user information in the authority"
        case .emptyHost: "empty host name"
        case .invalidHost: "invalid host name"
        case .zoneInAuthority: "zone identifier in an IPv6 address"
        case .invalidPort: "port is not a number from 1 to 65535"
        case .missingPort: "authority without a port"
        case .missingHost: "HTTP/1.1 request without Host"
        case .repeatedHost: "more than one Host field"
        case .invalidMaxForwards: "Max-Forwards is not one decimal number"
        case .upgradeNotOffered: "switch to a protocol that was not offered"
        case .invalidConnectionOption: "connection option is not a token"
        case .tooManyConnectionOptions: "too many connection options"
        case .invalidContentLength: "Content-Length is not a decimal number in range"
        case .repeatedContentLength: "Content-Length given more than once"
        case .differingContentLengths: "two different Content-Length values"
        case .contentLengthWithTransferEncoding: "both Content-Length and Transfer-Encoding"
        case .transferEncodingInHTTP10: "Transfer-Encoding in an HTTP/1.0 message"
        case .malformedTransferEncoding: "Transfer-Encoding is not exactly chunked"
        case .unsupportedTransferCoding: "transfer coding other than chunked"
        case .contentInConnect: "CONNECT request with content"
        case .contentInTrace: "TRACE request with content"
        case .malformedChunkSize: "chunk size is not a hexadecimal number"
        case .chunkTooLarge: "chunk size out of range"
        case .malformedChunkExtension: "malformed chunk extension"
        case .chunkExtensionsTooLong: "chunk extensions longer than the limit"
        case .malformedChunkEnd: "chunk content not followed by CRLF"
        }
    }
}
