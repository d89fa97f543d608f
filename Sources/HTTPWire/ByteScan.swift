internal import Basics

/// The loops that look at every byte of a head: eight bytes at once, and one by one where fewer are left.
/// Character classes are bitmaps in two constants, so that a test is a shift in registers.
enum ByteScan {
    /// Whether the byte is a `tchar` (RFC 9110 §5.6.2).
    @inline(__always)
    static func isTokenCharacter(_ byte: UInt8) -> Bool {
        // Below 64: ! # $ % & ' * + - . 0-9. From 64: A-Z ^ _ ` a-z | ~.
        let word: UInt64 = byte & 64 == 0 ? 0x03FF_6CFA_0000_0000 : 0x57FF_FFFF_C7FF_FFFE
        return byte < 128 && word >> UInt64(byte & 63) & 1 == 1
    }

    /// Whether the byte may stand in a registered name: unreserved or sub-delims (RFC 3986 §3.2.2).
    @inline(__always)
    static func isNameCharacter(_ byte: UInt8) -> Bool {
        // Below 64: ! $ & ' ( ) * + , - . 0-9 ; =. From 64: A-Z _ a-z ~.
        let word: UInt64 = byte & 64 == 0 ? 0x2BFF_7FD2_0000_0000 : 0x47FF_FFFE_87FF_FFFE
        return byte < 128 && word >> UInt64(byte & 63) & 1 == 1
    }

    /// Whether the byte is neither visible, space nor 0x80…0xFF: a control character other than a tab
    /// is never part of a head but for the CRLFs.
    @inline(__always)
    static func isControl(_ byte: UInt8) -> Bool { byte < 32 || byte == 127 }

    /// The first index from `start` on whose byte is not a `tchar`; `count` if there is none.
    @inline(__always)
    static func endOfToken(_ bytes: Span<UInt8>, from start: Int) -> Int {
        var index = start
        while index <= bytes.count &- 8 {
            let run = ByteWord(bytes, at: index).leadingLettersAndHyphens
            index &+= run
            if run == 8 { continue }
            if !isTokenCharacter(bytes[index]) { return index }
            index &+= 1
        }
        while index < bytes.count && isTokenCharacter(bytes[index]) { index &+= 1 }
        return index
    }

    /// The first index from `start` on whose byte cannot be part of a field value or reason phrase
    /// (a control character other than tab); `count` if there is none.
    @inline(__always)
    static func endOfText(_ bytes: Span<UInt8>, from start: Int) -> Int {
        var index = start
        while index <= bytes.count &- 8 {
            let run = ByteWord(bytes, at: index).leadingText
            index &+= run
            if run == 8 { continue }
            if bytes[index] != ASCII.tab { return index }
            index &+= 1
        }
        while index < bytes.count && (!isControl(bytes[index]) || bytes[index] == ASCII.tab) { index &+= 1 }
        return index
    }

    /// The first index from `start` on whose byte cannot be part of a request target: anything that is
    /// not visible ASCII, and `#`. Characters that RFC 3986 leaves out but clients send (`|`, `{`, `"`)
    /// pass: they delimit nothing in HTTP.
    @inline(__always)
    static func endOfTarget(_ bytes: Span<UInt8>, from start: Int) -> Int {
        var index = start
        while index <= bytes.count &- 8 {
            let run = ByteWord(bytes, at: index).leadingTarget
            index &+= run
            if run < 8 { return index }
        }
        while index < bytes.count && bytes[index] &- 33 < 94 && bytes[index] != UInt8(ascii: "#") {
            index &+= 1
        }
        return index
    }

    /// What is wrong where `byte` was met instead of what the grammar wants: line breaks and control
    /// characters have their own names, everything else is `other`.
    static func error(for byte: UInt8, otherwise other: WireError) -> WireError {
        switch byte {
        case ASCII.lineFeed: .bareLineFeed
        case ASCII.tab: other
        case _ where isControl(byte) && byte != ASCII.carriageReturn: .controlCharacter
        default: other
        }
    }

    /// Requires a CRLF at `index`; a carriage return without line feed is bare.
    @inline(__always)
    static func expectLineEnd(_ bytes: Span<UInt8>, at index: Int, otherwise other: WireError)
        throws(WireError)
    {
        guard index &+ 1 < bytes.count, bytes[index] == ASCII.carriageReturn else {
            throw index < bytes.count ? error(for: bytes[index], otherwise: other) : other
        }
        if bytes[index &+ 1] != ASCII.lineFeed { throw .bareCarriageReturn }
    }
}
