public import Basics

/// Which bytes above 127 a log line may hold.
public enum TextAlphabet: Sendable {
    /// None: every byte above 127 is written as `\xNN`. For what a client sent.
    case ascii
    /// Well-formed UTF-8 without C1 control characters. For weir's own sentences.
    case unicode
}

// Text that came from outside, written so that it can neither end the line, nor close a quotation, nor
// talk to a terminal.
extension ByteBuffer {
    /// Appends `bytes` with `"` and `\` behind a backslash and everything that is not printable as `\xNN`.
    ///
    /// - Parameter quotes: whether `"` is escaped; it need not be in text that stands between none.
    public mutating func appendEscaped(
        _ bytes: Span<UInt8>,
        _ alphabet: TextAlphabet = .ascii,
        quotes: Bool = true
    ) {
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            var length = 1
            if byte >= 0x20 && byte < 0x7F {
                let isQuote = byte == UInt8(ascii: "\"")
                if byte == UInt8(ascii: "\\") || (isQuote && quotes) { append("\\") }
                append(byte)
            } else if alphabet == .unicode,
                case .scalar(let count, let isControl) = UTF8Scan.next(bytes, at: index),
                byte >= 0x80, !isControl
            {
                length = count
                append(bytes.extracting(index..<index + count))
            } else {
                append("\\x")
                append(nibble: byte >> 4)
                append(nibble: byte & 15)
            }
            index += length
        }
    }

    /// Appends `bytes` between quotation marks, escaped.
    public mutating func appendQuoted(_ bytes: Span<UInt8>, _ alphabet: TextAlphabet = .ascii) {
        append("\"")
        appendEscaped(bytes, alphabet)
        append("\"")
    }

    /// Appends one hexadecimal digit, 0 to 15.
    mutating func append(nibble: UInt8) { append(nibble < 10 ? 48 + nibble : 87 + nibble) }
}

/// Reads UTF-8 one scalar at a time (Unicode 15, table 3-7).
enum UTF8Scan {
    /// What stands at an offset.
    enum Step: Equatable {
        /// A well-formed sequence of so many bytes; whether it is a control character of C0, DEL or C1.
        case scalar(count: Int, isControl: Bool)
        /// So many bytes that belong to no well-formed sequence: one replacement character stands for them.
        case malformed(count: Int)
    }

    /// What stands at `index`, which is below the count.
    static func next(_ bytes: Span<UInt8>, at index: Int) -> Step {
        let first = bytes[index]
        if first < 0x80 { return .scalar(count: 1, isControl: first < 0x20 || first == 0x7F) }
        guard let (count, second) = sequence(startingWith: first) else { return .malformed(count: 1) }
        for offset in 1..<count {
            let allowed = offset == 1 ? second : 0x80...0xBF
            guard index + offset < bytes.count, allowed.contains(bytes[index + offset]) else {
                return .malformed(count: offset)
            }
        }
        return .scalar(count: count, isControl: first == 0xC2 && bytes[index + 1] < 0xA0)
    }

    /// How long the sequence is that a byte begins, and what its second byte may be; the bounds keep out
    /// overlong forms, surrogates and what lies beyond U+10FFFF.
    private static func sequence(startingWith first: UInt8) -> (count: Int, second: ClosedRange<UInt8>)? {
        switch first {
        case 0xC2...0xDF: (2, 0x80...0xBF)
        case 0xE0: (3, 0xA0...0xBF)
        case 0xED: (3, 0x80...0x9F)
        case 0xE1...0xEF: (3, 0x80...0xBF)
        case 0xF0: (4, 0x90...0xBF)
        case 0xF1...0xF3: (4, 0x80...0xBF)
        case 0xF4: (4, 0x80...0x8F)
        default: nil
        }
    }
}
