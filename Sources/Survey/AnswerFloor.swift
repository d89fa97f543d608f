/// What the connections of a group have received at least, once their answer came: nearly all of a leak's did.
///
/// Under TLS 1.3 a server's session tickets follow the handshake, so that a connection whose answer is still to
/// come looks like one that has it. But it has received less than the others, by an answer.
struct AnswerFloor {
    /// Levels of connections that were reaped, the last ones: what a group holds at a time may be few.
    static let remembered = 128
    /// So many connections below the floor are spared at most: small answers that are leaked lie there, too.
    static let mostSpared = 64
    /// Levels as near as this are the same: the answers of one leak differ by a number or two, but the shortest
    /// answer within TLS is 41 bytes.
    private static let width: UInt64 = 24
    /// A share of all that makes a level common: one in three.
    private static let share = 3
    /// Fewer do not tell.
    private static let least = 16

    private var reaped: [UInt64] = []

    /// A connection was reaped that had received so much.
    mutating func note(_ level: UInt64) {
        if reaped.count == AnswerFloor.remembered { reaped.removeFirst() }
        reaped.append(level)
    }

    /// The lowest level that is common to many of those that are held and those that were reaped; 0 for none.
    func level(among held: some Sequence<UInt64>) -> UInt64 {
        let levels = (reaped + held).sorted()
        let enough = max(AnswerFloor.least, levels.count / AnswerFloor.share)
        guard levels.count >= enough else { return 0 }
        for first in 0...levels.count - enough
        where levels[first + enough - 1] - levels[first] <= AnswerFloor.width {
            return levels[first]
        }
        return 0
    }
}
