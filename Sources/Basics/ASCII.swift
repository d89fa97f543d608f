/// Character classes and case folding of ASCII, as HTTP's grammar uses them.
public enum ASCII {
    public static let tab: UInt8 = 9
    public static let lineFeed: UInt8 = 10
    public static let carriageReturn: UInt8 = 13
    public static let space: UInt8 = 32

    /// Lower-cases an ASCII letter and leaves every other byte alone.
    @inlinable
    public static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- 65 < 26 ? byte | 32 : byte
    }

    /// Whether the byte is `0`…`9`.
    @inlinable
    public static func isDigit(_ byte: UInt8) -> Bool { byte &- 48 < 10 }

    /// Whether the byte is a letter.
    @inlinable
    public static func isLetter(_ byte: UInt8) -> Bool { (byte | 32) &- 97 < 26 }

    /// The value of a hexadecimal digit, or nil.
    @inlinable
    public static func hexValue(_ byte: UInt8) -> UInt8? {
        if isDigit(byte) { return byte &- 48 }
        let letter = (byte | 32) &- 97
        return letter < 6 ? letter &+ 10 : nil
    }

    /// Whether two runs of bytes are equal but for ASCII case.
    public static func equalIgnoringCase(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        for index in left.indices where lowercased(left[index]) != lowercased(right[index]) {
            return false
        }
        return true
    }

    /// Whether the bytes equal a lower-case literal but for ASCII case.
    public static func equalsIgnoringCase(_ bytes: Span<UInt8>, _ literal: String) -> Bool {
        let expected = literal.utf8.span
        guard bytes.count == expected.count else { return false }
        for index in bytes.indices where lowercased(bytes[index]) != expected[index] { return false }
        return true
    }
}
