/// How much of a head is accepted.
public struct HeadLimits: Sendable, BitwiseCopyable {
    /// Largest head or trailer section in bytes, empty lines before it and the final CRLF included.
    public var headSize: Int
    /// Largest number of field lines.
    public var fields: Int
    /// Longest request target in bytes.
    public var uriSize: Int

    /// Limits in bytes, lines and bytes; all at least 1.
    public init(headSize: Int, fields: Int, uriSize: Int) {
        self.headSize = headSize
        self.fields = fields
        self.uriSize = uriSize
    }

    /// How many bytes are looked at: offsets in them must fit `ByteRange`.
    @inline(__always)
    var window: Int { min(headSize, Int(Int32.max)) }
}
