import Basics

/// Where an input is cut into pieces. The input itself decides, so that a saved input fails the same way
/// again, and every change of it tries other cuts.
struct Pieces {
    private var random: RandomSource

    init(_ input: [UInt8]) {
        // FNV-1a.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in input { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        random = RandomSource(seed: hash)
    }

    /// The end of the piece that begins at `start`; at most `end`.
    mutating func next(after start: Int, upTo end: Int) -> Int {
        let longest = random.oneIn(3) ? 3 : 48
        return min(end, start + 1 + random.below(longest))
    }

    /// A number below `bound`.
    mutating func choose(_ bound: Int) -> Int { random.below(bound) }
}
