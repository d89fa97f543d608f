import Basics
import Testing

@testable import ClientPolicy

@Suite("Ledger")
struct LedgerTests {
    private static let instant = MonotonicTime(nanoseconds: 5_000_000_000)

    /// Adds so many connections, and judges after each.
    @discardableResult
    private func note(_ ledger: inout Ledger, _ conduct: Conduct, _ times: Int) -> [UInt32] {
        (0..<times).map { _ in
            let entry = ledger.note(conduct)
            _ = ledger.judge(now: LedgerTests.instant)
            return entry
        }
    }

    private func leaking() -> Ledger {
        var ledger = Ledger()
        note(&ledger, .abandoned, 26)
        return ledger
    }

    // MARK: The window

    @Test("26 connections of 32 that speak for a leak make the verdict, 25 do not", arguments: 0...32)
    func threshold(evidence: Int) {
        var ledger = Ledger()
        note(&ledger, .reused, 32 - evidence)
        note(&ledger, .abandoned, evidence)
        #expect((ledger.verdict == .leaking) == (evidence >= 26))
        #expect(ledger.since == (evidence >= 26 ? LedgerTests.instant : .zero))
    }

    @Test(
        "what is abandoned and what ignores reuse is evidence, nothing else is",
        arguments: [
            (Conduct.reused, false), (.idle, false), (.abandoned, true), (.ignoredReuse, true),
            (.churned, false),
        ]
    )
    func evidence(conduct: Conduct, isEvidence: Bool) {
        var ledger = Ledger()
        _ = ledger.note(conduct)
        #expect(conduct.isEvidence == isEvidence)
        #expect(ledger.evidenceCount == (isEvidence ? 1 : 0))
        #expect(ledger.churnCount == (conduct == .churned ? 1 : 0))
    }

    @Test("evidence of 32 connections ago counts no more")
    func slides() {
        var ledger = Ledger()
        note(&ledger, .abandoned, 25)
        note(&ledger, .reused, 7)
        #expect(ledger.evidenceCount == 25)
        for left in (0..<25).reversed() {
            note(&ledger, .reused, 1)
            #expect(ledger.evidenceCount == left)
        }
        note(&ledger, .abandoned, 25)
        #expect(ledger.verdict == .healthy)
    }

    @Test("the entry of a connection changes while it is in the window")
    func changeInside() {
        var ledger = Ledger()
        let entries = note(&ledger, .abandoned, 25)
        ledger.change(entries[0], to: .reused)
        #expect(ledger.evidenceCount == 24)
        ledger.change(entries[0], to: .ignoredReuse)
        ledger.change(entries[1], to: .churned)
        #expect(ledger.evidenceCount == 24 && ledger.churnCount == 1)
        note(&ledger, .reused, 7)
        // 32 entries: the first one is the last that is still there.
        ledger.change(entries[0], to: .reused)
        #expect(ledger.evidenceCount == 23)
    }

    @Test("the entry of a connection that has left the window changes nothing")
    func changeOutside() {
        var ledger = Ledger()
        let first = ledger.note(.abandoned)
        note(&ledger, .reused, 32)
        ledger.change(first, to: .abandoned)
        ledger.change(first, to: .churned)
        #expect(ledger.evidenceCount == 0 && ledger.churnCount == 0)
    }

    @Test("a change alone can make the verdict")
    func changeMakesVerdict() {
        var ledger = Ledger()
        note(&ledger, .abandoned, 25)
        let entry = ledger.note(.idle)
        #expect(ledger.judge(now: .zero) == nil)
        ledger.change(entry, to: .abandoned)
        #expect(ledger.judge(now: .zero) == .healthy, "the former verdict is told")
        #expect(ledger.judge(now: .zero) == nil, "it is told once")
    }

    @Test("the evidence that made a verdict does not count against the next one")
    func startsAnew() {
        var ledger = leaking()
        #expect(ledger.evidenceCount == 0)
        note(&ledger, .abandoned, 32)
        for _ in 0..<8 { ledger.noteProbe(isReused: true) }
        #expect(ledger.judge(now: .zero) == .leaking)
        #expect(ledger.verdict == .healthy && ledger.evidenceCount == 0)
        note(&ledger, .abandoned, 25)
        #expect(ledger.verdict == .healthy)
        note(&ledger, .abandoned, 1)
        #expect(ledger.verdict == .leaking)
    }

    // MARK: Probes

    @Test("of eight probes four that are reused lift the verdict, three do not", arguments: 0...8)
    func probes(reused: Int) {
        var ledger = leaking()
        for index in 0..<8 {
            ledger.noteProbe(isReused: index < reused)
            if index < 7 { #expect(ledger.judge(now: .zero) == nil, "eight are needed") }
        }
        #expect(ledger.judge(now: .zero) == (reused >= 4 ? .leaking : nil))
        #expect(ledger.verdict == (reused >= 4 ? .healthy : .leaking))
    }

    @Test("a probe of eight probes ago counts no more")
    func probesSlide() {
        var ledger = leaking()
        for isReused in [true, true, true, false, false, false, false, false, true] {
            ledger.noteProbe(isReused: isReused)
        }
        // Three of the last eight: the first has left.
        #expect(ledger.judge(now: .zero) == nil)
        // Two more have left, and one has come.
        for isReused in [false, false, true, true, true] { ledger.noteProbe(isReused: isReused) }
        #expect(ledger.judge(now: .zero) == .leaking)
    }

    @Test("evidence neither lifts the verdict nor makes it twice")
    func evidenceUnderVerdict() {
        var ledger = leaking()
        for conduct in [Conduct.abandoned, .reused, .churned, .idle] { note(&ledger, conduct, 40) }
        #expect(ledger.verdict == .leaking)
    }

    @Test("probes of a former verdict do not lift the next one")
    func probesStartAnew() {
        var ledger = leaking()
        for _ in 0..<8 { ledger.noteProbe(isReused: true) }
        _ = ledger.judge(now: .zero)
        note(&ledger, .abandoned, 26)
        #expect(ledger.verdict == .leaking)
        for _ in 0..<7 { ledger.noteProbe(isReused: true) }
        #expect(ledger.judge(now: .zero) == nil)
    }

    @Test("where nothing hides the evidence, evidence stands for probes under the verdict only")
    func reconsider() {
        var ledger = Ledger()
        for _ in 0..<8 { ledger.reconsider(.reused) }
        note(&ledger, .abandoned, 26)
        #expect(ledger.judge(now: .zero) == nil && ledger.verdict == .leaking)
        for conduct in [Conduct.abandoned, .ignoredReuse, .abandoned, .ignoredReuse] {
            ledger.reconsider(conduct)
        }
        for _ in 0..<3 { ledger.reconsider(.reused) }
        for conduct in [Conduct.idle, .churned] { ledger.reconsider(conduct) }
        #expect(ledger.judge(now: .zero) == nil, "seven so far: idle and churned tell nothing")
        ledger.reconsider(.reused)
        #expect(ledger.judge(now: .zero) == .leaking)
    }

    // MARK: Churning

    @Test("26 of 32 that the app closed are churning, 25 are not", arguments: [25, 26])
    func churning(count: Int) {
        var ledger = Ledger()
        note(&ledger, .reused, 32 - count)
        note(&ledger, .churned, count)
        #expect(ledger.verdict == (count == 26 ? .churning : .healthy))
    }

    @Test("churning is lifted only below 20 of 32, so that it does not flicker")
    func hysteresis() {
        var ledger = Ledger()
        note(&ledger, .churned, 32)
        note(&ledger, .reused, 12)
        #expect(ledger.churnCount == 20 && ledger.verdict == .churning)
        note(&ledger, .reused, 1)
        // What the churning stood on counts no more.
        #expect(ledger.churnCount == 0 && ledger.verdict == .healthy)
        note(&ledger, .churned, 25)
        #expect(ledger.verdict == .healthy)
        note(&ledger, .churned, 1)
        #expect(ledger.verdict == .churning)
    }

    @Test("who churns can be found to leak, as fast as anybody")
    func churningToLeaking() {
        var ledger = Ledger()
        note(&ledger, .churned, 32)
        note(&ledger, .abandoned, 12)
        #expect(ledger.verdict == .churning)
        note(&ledger, .abandoned, 13)
        #expect(ledger.verdict == .healthy, "it churns no longer")
        note(&ledger, .abandoned, 1)
        #expect(ledger.verdict == .leaking)
        note(&ledger, .churned, 64)
        #expect(ledger.verdict == .leaking)
    }

    @Test("entries are found across the wrap-around of their numbers, and none is 0, which means none")
    func wrapAround() {
        var ledger = Ledger(judged: .max - 20)
        var entries: [UInt32] = []
        for _ in 0..<40 {
            entries.append(ledger.note(.abandoned))
            #expect(entries.last != 0)
        }
        // The number that is left out has a place in the window all the same.
        #expect(Set(entries).count == 40 && ledger.evidenceCount == 31)
        for (index, entry) in entries.enumerated() {
            ledger.change(entry, to: index < 9 ? .churned : .reused)
        }
        #expect(ledger.churnCount == 0, "those have left the window")
        #expect(ledger.evidenceCount == 0)
    }
}
