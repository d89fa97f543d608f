import Basics

/// Who has most: slots on lists by count, so that the heaviest is known at any time and nobody else is looked at. A count
/// that changes by one moves its slot to the next list.
struct Ranking {
    /// Whoever has more is on the last list, with few others: of 100,000 connections a hundred can have so many.
    private let mostLevels: Int32
    private var levels: [ListEnds] = []
    private var links = LinkTable()
    private var highest = 0

    /// Nobody has anything.
    init(levels: Int32 = 1024) { mostLevels = levels }

    /// A count has changed from `former` to `count`.
    mutating func move(_ slot: Int32, from former: Int32, to count: Int32) {
        let former = Int(min(former, mostLevels))
        let level = Int(min(count, mostLevels))
        if former == level { return }
        while levels.count <= level { levels.append(ListEnds()) }
        if former > 0 { links.remove(slot, from: &levels[former]) }
        if level > 0 { links.append(slot, to: &levels[level]) }
        highest = max(highest, level)
        // One step at most: who has left the highest list is on the one below.
        while highest > 0 && levels[highest].isEmpty { highest -= 1 }
    }

    /// The slot with the highest count, of equals the one that has had it longest; -1 where nobody has anything.
    func heaviest(_ count: (Int32) -> Int32) -> Int32 {
        if highest == 0 { return -1 }
        if highest < mostLevels { return levels[highest].first }
        var found = levels[highest].first
        var slot = found
        while slot >= 0 {
            if count(slot) > count(found) { found = slot }
            slot = links.next(after: slot)
        }
        return found
    }

    /// Traps where a slot with that count is not on the list where it belongs. For tests.
    func check(_ slot: Int32, count: Int32) {
        precondition(links.isLinked(slot) == (count > 0), "ranked without anything, or not at all")
        precondition(min(count, mostLevels) <= highest, "heavier than the heaviest")
    }
}
