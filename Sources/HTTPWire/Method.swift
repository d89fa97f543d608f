/// A request method. Names are case-sensitive (RFC 9110 §9.1): `get` is `other`.
public enum Method: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case get, head, post, put, delete, connect, options, trace, patch
    /// Any other token; its name is `RequestHead.methodName`.
    case other

    /// Whether the method is read-only by definition (RFC 9110 §9.2.1).
    @inlinable public var isSafe: Bool {
        switch self {
        case .get, .head, .options, .trace: true
        default: false
        }
    }

    /// Whether sending the request twice has the effect of sending it once (RFC 9110 §9.2.2).
    @inlinable public var isIdempotent: Bool {
        self == .put || self == .delete || isSafe
    }

    /// The method of that name.
    static func named(_ bytes: Span<UInt8>, _ name: ByteRange) -> Method {
        if name.count > 7 { return .other }
        var word: UInt64 = 0
        for index in name.range { word = word << 8 | UInt64(bytes[index]) }
        return switch word {
        case 0x47_4554: .get
        case 0x4845_4144: .head
        case 0x504F_5354: .post
        case 0x50_5554: .put
        case 0x4445_4C45_5445: .delete
        case 0x43_4F4E_4E45_4354: .connect
        case 0x4F_5054_494F_4E53: .options
        case 0x54_5241_4345: .trace
        case 0x50_4154_4348: .patch
        default: .other
        }
    }
}
