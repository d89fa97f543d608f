/// Recognises known field names through a small hash table over the first eight bytes and the length,
/// with case folded; what it finds is compared whole.
struct FieldNameIndex: Sendable {
    /// A power of two, and more than twice the number of names.
    private static let slots = 128

    /// A folded name of at most 32 bytes, eight to a word, zero behind its end.
    private struct Entry: Sendable, BitwiseCopyable {
        var first: UInt64 = 0
        var rest: (UInt64, UInt64, UInt64) = (0, 0, 0)
        var count = 0
        var name = FieldName.other
    }

    /// The only index: the names never change.
    static let shared = FieldNameIndex()

    private var entries = Array(repeating: Entry(), count: slots)

    private init() {
        for name in FieldName.allCases where name != .other {
            let text = name.text
            let bytes = text.utf8.span
            var entry = Entry(count: bytes.count, name: name)
            entry.first = FieldNameIndex.word(bytes, from: 0, to: bytes.count)
            entry.rest = FieldNameIndex.rest(bytes, from: 8, to: bytes.count)
            var slot = FieldNameIndex.slot(entry.first, entry.count)
            while entries[slot].name != .other { slot = (slot + 1) & (FieldNameIndex.slots - 1) }
            entries[slot] = entry
        }
    }

    /// The known name that the token from `start` up to `end` is, or `other`.
    ///
    /// Setting bit 5 folds letters and makes no other `tchar` equal to a character of a known name.
    @inline(__always)
    func name(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> FieldName {
        let count = end &- start
        let first = FieldNameIndex.word(bytes, from: start, to: end)
        var slot = FieldNameIndex.slot(first, count)
        // Ends at an empty slot at the latest: the table is never more than half full.
        while entries[slot].name != .other {
            if entries[slot].first == first && entries[slot].count == count
                && (count <= 8 || entries[slot].rest == FieldNameIndex.rest(bytes, from: start &+ 8, to: end))
            {
                return entries[slot].name
            }
            slot = (slot &+ 1) & (FieldNameIndex.slots &- 1)
        }
        return .other
    }

    @inline(__always)
    private static func slot(_ first: UInt64, _ count: Int) -> Int {
        let mixed = (first ^ UInt64(truncatingIfNeeded: count)) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: mixed >> 57)
    }

    /// Three words from `start` on; names above 32 bytes never get here, for none is known.
    private static func rest(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> (UInt64, UInt64, UInt64) {
        (
            word(bytes, from: start, to: end), word(bytes, from: start + 8, to: end),
            word(bytes, from: start + 16, to: end)
        )
    }

    /// Up to eight folded bytes from `start` on.
    @inline(__always)
    private static func word(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> UInt64 {
        if start >= end { return 0 }
        let count = min(8, end &- start)
        if start <= bytes.count &- 8 { return ByteWord(bytes, at: start).folded(first: count) }
        var word: UInt64 = 0
        for offset in 0..<count { word |= UInt64(bytes[start &+ offset] | 32) << UInt64(8 &* offset) }
        return word
    }
}
