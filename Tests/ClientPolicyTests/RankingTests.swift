import Basics
import Testing

@testable import ClientPolicy

@Suite struct RankingTests {
    @Test("random changes by one agree with a look at everybody")
    func model() {
        for seed: UInt64 in 0..<50 {
            var random = RandomSource(seed: seed)
            // The last list begins early, so that it has several members.
            var ranking = Ranking(levels: 5)
            var counts = [Int32](repeating: 0, count: 12)
            for _ in 0..<500 {
                let slot = random.below(counts.count)
                let former = counts[slot]
                counts[slot] = max(0, former + (random.oneIn(3) ? -1 : 1))
                ranking.move(Int32(slot), from: former, to: counts[slot])
                let heaviest = ranking.heaviest { counts[Int($0)] }
                let most = counts.max() ?? 0
                #expect(most == 0 ? heaviest == -1 : counts[Int(heaviest)] == most)
                for slot in counts.indices { ranking.check(Int32(slot), count: counts[slot]) }
            }
        }
    }

    @Test("of equals it is the one that has had so much longest")
    func equals() {
        var ranking = Ranking()
        for slot: Int32 in [4, 2, 7] { ranking.move(slot, from: 0, to: 1) }
        #expect(ranking.heaviest { _ in 1 } == 4)
        ranking.move(4, from: 1, to: 0)
        #expect(ranking.heaviest { _ in 1 } == 2)
    }
}
