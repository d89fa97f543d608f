import Basics

/// What exchanges and tunnels carry. Every exchange and direction has its own bytes, so that one byte at
/// the wrong place or from another exchange is seen.
enum Content {
    private static let size = 1 << 16
    private static let table: [UInt8] = {
        var random = RandomSource(seed: 0xC0DE)
        return (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next() >> 32) }
    }()

    /// Bytes `range` of what exchange `id` carries in one direction.
    static func bytes(_ id: Int, isResponse: Bool, _ range: Range<Int>) -> [UInt8] {
        var position = ((2 * id + (isResponse ? 1 : 0)) * 7919 + range.lowerBound) % size
        var bytes: [UInt8] = []
        bytes.reserveCapacity(range.count)
        while bytes.count < range.count {
            let count = min(range.count - bytes.count, size - position)
            bytes.append(contentsOf: table[position..<position + count])
            position = 0
        }
        return bytes
    }
}
