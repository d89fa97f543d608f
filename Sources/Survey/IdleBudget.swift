/// Which idle connections of a group are kept, as many as the budget allows: first those unlike the others,
/// then those that have been there longest.
///
/// The connections of a leak are alike, as one line of code made them all. An event stream between two
/// events, or an answer that is awaited behind a TLS handshake, looks idle too, but has sent and received
/// other amounts.
struct IdleBudget {
    /// Bytes that connections alike may differ by, and twice that.
    private static let grain: UInt64 = 64

    private struct Likeness: Hashable {
        var sent: UInt64
        var received: UInt64
        var hasLateBurst: Bool
    }

    /// The connections that are kept.
    private(set) var kept: Set<UInt64> = []

    init(_ suspects: [ReapPolicy.Watched], _ budget: Int) {
        if budget <= 0 { return }
        var counts: [Likeness: Int] = [:]
        for entry in suspects { counts[IdleBudget.likeness(entry), default: 0] += 1 }
        // Best claim first; never more than the budget, which is small.
        var best: [(isSingular: Bool, entry: ReapPolicy.Watched)] = []
        for entry in suspects {
            let alike = IdleBudget.alike(entry, counts)
            let claim = (isSingular: (alike - 1) * 8 < suspects.count, entry: entry)
            if best.count == budget, let last = best.last, !IdleBudget.isStronger(claim, last) { continue }
            let place = best.firstIndex { IdleBudget.isStronger(claim, $0) } ?? best.count
            best.insert(claim, at: place)
            if best.count > budget { best.removeLast() }
        }
        kept = Set(best.map(\.entry.last.id))
    }

    private static func likeness(_ entry: ReapPolicy.Watched) -> Likeness {
        Likeness(
            sent: entry.last.bytesSent / grain,
            received: entry.last.bytesReceived / grain,
            hasLateBurst: entry.lateBursts > 0
        )
    }

    /// How many are like it, itself among them: in the same cell of the grid, or in one beside it.
    private static func alike(_ entry: ReapPolicy.Watched, _ counts: [Likeness: Int]) -> Int {
        let own = likeness(entry)
        var sum = 0
        for sent in own.sent.neighbours {
            for received in own.received.neighbours {
                let cell = Likeness(sent: sent, received: received, hasLateBurst: own.hasLateBurst)
                sum += counts[cell] ?? 0
            }
        }
        return sum
    }

    private static func isStronger(
        _ one: (isSingular: Bool, entry: ReapPolicy.Watched),
        _ other: (isSingular: Bool, entry: ReapPolicy.Watched)
    ) -> Bool {
        if one.isSingular != other.isSingular { return one.isSingular }
        if one.entry.firstSeen != other.entry.firstSeen {
            return one.entry.firstSeen < other.entry.firstSeen
        }
        if one.entry.last.idle != other.entry.last.idle { return one.entry.last.idle > other.entry.last.idle }
        return one.entry.last.id < other.entry.last.id
    }
}

extension UInt64 {
    /// The number and those beside it.
    fileprivate var neighbours: ClosedRange<UInt64> { (self == 0 ? 0 : self - 1)...(self &+ 1) }
}
