/// Eight bytes looked at in one step, the first in the lowest bits.
///
/// The tests answer with bit 7 of every byte that matches. They work on the low seven bits, where adding
/// a constant cannot carry into the neighbour, so each byte's answer is exact.
struct ByteWord {
    private static let low7: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
    private static let bit7: UInt64 = 0x8080_8080_8080_8080

    private let word: UInt64

    /// The bytes at `index` and behind it; compiled into a single load.
    ///
    /// - Precondition: `0 <= index <= bytes.count - 8`.
    @inline(__always)
    init(_ bytes: Span<UInt8>, at index: Int) {
        let eight = bytes.extracting(index..<index &+ 8)
        let low = UInt32(eight[0]) | UInt32(eight[1]) << 8 | UInt32(eight[2]) << 16 | UInt32(eight[3]) << 24
        let high = UInt32(eight[4]) | UInt32(eight[5]) << 8 | UInt32(eight[6]) << 16 | UInt32(eight[7]) << 24
        word = UInt64(low) | UInt64(high) << 32
    }

    /// The first `count` (1…8) bytes with bit 5 set, which folds letters; zero behind them.
    @inline(__always)
    func folded(first count: Int) -> UInt64 {
        (word | 0x2020_2020_2020_2020) & (.max >> UInt64((8 &- count) &* 8))
    }

    /// How many bytes precede the first line feed; 8 if there is none.
    @inline(__always)
    var bytesBeforeLineFeed: Int {
        ByteWord.first(~word & ~(((word ^ 0x0A0A_0A0A_0A0A_0A0A) & ByteWord.low7) &+ ByteWord.low7))
    }

    /// How many bytes precede the first that is neither letter nor hyphen; 8 if there is none.
    @inline(__always)
    var leadingLettersAndHyphens: Int {
        let folded = (word | 0x2020_2020_2020_2020) & ByteWord.low7
        let letters = (folded &+ 0x1F1F_1F1F_1F1F_1F1F) & ~(folded &+ 0x0505_0505_0505_0505)
        let others = ((word ^ 0x2D2D_2D2D_2D2D_2D2D) & ByteWord.low7) &+ ByteWord.low7
        return ByteWord.first(word | (~letters & others))
    }

    /// How many bytes precede the first control character (tab and DEL too); 8 if there is none.
    @inline(__always)
    var leadingText: Int {
        let low = word & ByteWord.low7
        return ByteWord.first(~word & (~(low &+ 0x6060_6060_6060_6060) | (low &+ 0x0101_0101_0101_0101)))
    }

    /// How many bytes precede the first that is not visible ASCII, or `#`; 8 if there is none.
    @inline(__always)
    var leadingTarget: Int {
        let low = word & ByteWord.low7
        let hash = ~((low ^ 0x2323_2323_2323_2323) &+ ByteWord.low7)
        let visible = (low &+ 0x5F5F_5F5F_5F5F_5F5F) & ~(low &+ 0x0101_0101_0101_0101)
        return ByteWord.first(word | ~visible | hash)
    }

    @inline(__always)
    private static func first(_ marks: UInt64) -> Int {
        (marks & bit7).trailingZeroBitCount >> 3
    }
}
