/// Base64 (RFC 4648 §4), as credentials are written with it.
public enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
    )
    private static let padding = UInt8(ascii: "=")

    /// Encodes with padding.
    public static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var number = 0
            for offset in 0..<3 {
                number = number << 8 | (offset < group.count ? Int(group[start + offset]) : 0)
            }
            for offset in 0..<4 {
                text.append(offset <= group.count ? alphabet[number >> (18 - 6 * offset) & 63] : padding)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Decodes; padding may be left out. Nil for anything that no encoder writes.
    public static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
        var digits = Array(text)
        while digits.last == padding && digits.count % 4 != 1 { digits.removeLast() }
        guard digits.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        var number = 0
        var bits = 0
        for digit in digits {
            guard let value = alphabet.firstIndex(of: digit) else { return nil }
            number = (number << 6 | value) & 0xffff
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: number >> bits))
            }
        }
        return number & ((1 << bits) - 1) == 0 ? bytes : nil
    }
}
