import Testing

@testable import Survey

@Suite("Answer floor")
struct AnswerFloorTests {
    @Test("the lowest common level, of those held and those reaped")
    func level() {
        var floor = AnswerFloor()
        #expect(floor.level(among: []) == 0)
        #expect(floor.level(among: [UInt64](repeating: 500, count: 15)) == 0, "too few to tell")
        #expect(floor.level(among: [UInt64](repeating: 500, count: 16)) == 500)
        // A minority below is below.
        let mixed = [UInt64](repeating: 300, count: 10) + [UInt64](repeating: 500, count: 40)
        #expect(floor.level(among: mixed) == 500)
        for _ in 0..<40 { floor.note(500) }
        #expect(floor.level(among: [UInt64](repeating: 300, count: 15)) == 500)
        let near = [UInt64](repeating: 460, count: 10) + [UInt64](repeating: 501, count: 20)
        #expect(floor.level(among: near + (0..<20).map { 500 + $0 }) == 500, "an answer's length below")
        // So many that they are common themselves.
        #expect(floor.level(among: [UInt64](repeating: 300, count: 30)) == 300)
        #expect(AnswerFloor().level(among: (0..<100).map { UInt64($0 * 100) }) == 0, "none is common")
    }

    @Test("what is remembered is bounded, and the newest")
    func bound() {
        var floor = AnswerFloor()
        for _ in 0..<1000 { floor.note(100) }
        for _ in 0..<AnswerFloor.remembered { floor.note(900) }
        #expect(floor.level(among: []) == 900)
    }
}
