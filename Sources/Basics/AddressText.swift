/// The texts of IP addresses. Strict on purpose: the short, octal and hexadecimal spellings of inet_aton(3)
/// are read differently by different programs, and an access rule must mean the address that is dialled.
public enum AddressText {
    /// IPv4: four decimal parts of one to three digits without leading zeros; nil for anything else.
    public static func ipv4(_ text: Span<UInt8>) -> UInt32? {
        guard text.count >= 7 && text.count <= 15 else { return nil }
        var address: UInt32 = 0
        var part: UInt32 = 0
        var digits = 0
        var parts = 1
        for index in text.indices {
            let byte = text[index]
            if ASCII.isDigit(byte) {
                if digits > 0 && part == 0 { return nil }
                part = part * 10 + UInt32(byte - 48)
                digits += 1
                if part > 255 { return nil }
            } else if byte == 0x2E && digits > 0 && parts < 4 {
                address = address << 8 | part
                part = 0
                digits = 0
                parts += 1
            } else {
                return nil
            }
        }
        return parts == 4 && digits > 0 ? address << 8 | part : nil
    }

    /// IPv6 in any form of RFC 4291 §2.2, without brackets or zone: eight groups, one run of which may be left
    /// out as `::`; the last two may be dotted IPv4. Nil for anything else.
    public static func ipv6(_ text: Span<UInt8>) -> (high: UInt64, low: UInt64)? {
        guard text.count >= 2 && text.count <= 45 else { return nil }
        var groups: [UInt16] = []
        var gap: Int?
        var index = 0
        if text[0] == 0x3A {
            guard text[1] == 0x3A else { return nil }
            gap = 0
            index = 2
        }
        while index < text.count {
            let start = index
            var value: UInt32 = 0
            while index < text.count, let digit = ASCII.hexValue(text[index]) {
                value = value << 4 | UInt32(digit)
                index += 1
                if index - start > 4 { return nil }
            }
            if index < text.count && text[index] == 0x2E {
                guard let four = ipv4(text.extracting(start..<text.count)) else { return nil }
                groups += [UInt16(four >> 16), UInt16(four & 0xFFFF)]
                index = text.count
                break
            }
            guard index > start else { return nil }
            groups.append(UInt16(value))
            if index == text.count { break }
            guard text[index] == 0x3A, index + 1 < text.count else { return nil }
            index += 1
            if text[index] == 0x3A {
                guard gap == nil else { return nil }
                gap = groups.count
                index += 1
            }
        }
        return assemble(groups, gap: gap)
    }

    /// Fills the run that `::` left out (RFC 4291: one or more groups) and joins the halves.
    private static func assemble(_ groups: [UInt16], gap: Int?) -> (high: UInt64, low: UInt64)? {
        var whole = groups
        if let gap {
            guard groups.count < 8 else { return nil }
            whole.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: gap)
        }
        guard whole.count == 8 else { return nil }
        let join = { (part: ArraySlice<UInt16>) in part.reduce(UInt64(0)) { $0 << 16 | UInt64($1) } }
        return (join(whole[..<4]), join(whole[4...]))
    }
}
