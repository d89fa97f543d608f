import Basics

/// What may be asked of the resolver at all.
public enum HostName {
    /// The name in lower case, or nil where it cannot be a host name.
    ///
    /// Letters, digits, hyphens and underscores in labels of 1 to 63 bytes, 253 bytes in all, with or
    /// without the final dot (RFC 1035 §2.3.4). Nothing else goes to c-ares, in whose names a backslash
    /// escapes and a zero byte ends. A last label that is a number, be it hexadecimal, is that of an address
    /// that some resolvers would make something of, never a name's.
    public static func normalised(_ host: String) -> String? {
        var name: [UInt8] = []
        var labelLength = 0
        var labelHasOtherThanDigits = false
        for byte in host.utf8 {
            if byte == 0x2E {
                guard labelLength > 0 else { return nil }
                labelLength = 0
            } else {
                guard isNameByte(byte), labelLength < 63 else { return nil }
                if labelLength == 0 { labelHasOtherThanDigits = false }
                labelHasOtherThanDigits = labelHasOtherThanDigits || !ASCII.isDigit(byte)
                labelLength += 1
            }
            name.append(ASCII.lowercased(byte))
        }
        let length = name.count - (labelLength == 0 ? 1 : 0)
        guard length > 0, length <= 253, labelHasOtherThanDigits, !endsInHexadecimal(name[..<length]) else {
            return nil
        }
        return String(decoding: name, as: UTF8.self)
    }

    /// Whether the last label of a name in lower case is `0x` and hexadecimal digits, or none.
    private static func endsInHexadecimal(_ name: ArraySlice<UInt8>) -> Bool {
        let label = name.lastIndex(of: 0x2E).map { name[($0 + 1)...] } ?? name
        return label.starts(with: [0x30, 0x78]) && label.dropFirst(2).allSatisfy { ASCII.hexValue($0) != nil }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == 0x2D || byte == 0x5F
    }

    /// Whether a normalised name is `localhost` or ends in it: RFC 6761 §6.3 has these answered with the
    /// loopback addresses and never asked of a name server.
    static func isLoopback(_ name: String) -> Bool {
        let bare = name.hasSuffix(".") ? name.dropLast() : name[...]
        return bare == "localhost" || bare.hasSuffix(".localhost")
    }
}
