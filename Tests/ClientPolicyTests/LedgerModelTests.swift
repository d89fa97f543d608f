import Basics
import Testing

@testable import ClientPolicy

/// A ledger as one would write it without thinking of its size: what is known of the last 32 connections.
private struct LedgerModel {
    private struct Entry {
        var number: UInt32
        var conduct: Conduct
    }

    var verdict = Verdict.healthy
    private var entries: [Entry] = []
    private var probes: [Bool] = []

    var evidence: Int { entries.count { $0.conduct == .abandoned || $0.conduct == .ignoredReuse } }
    var churned: Int { entries.count { $0.conduct == .churned } }
    var oldest: UInt32? { entries.first?.number }
    var newest: UInt32? { entries.last?.number }

    mutating func note(_ conduct: Conduct, _ number: UInt32) {
        entries.append(Entry(number: number, conduct: conduct))
        if entries.count > 32 { entries.removeFirst() }
    }

    mutating func change(_ number: UInt32, to conduct: Conduct) {
        if let index = entries.firstIndex(where: { $0.number == number }) { entries[index].conduct = conduct }
    }

    mutating func noteProbe(isReused: Bool) {
        probes.append(isReused)
        if probes.count > 8 { probes.removeFirst() }
    }

    mutating func judge() -> Verdict? {
        switch verdict {
        case .leaking where probes.count == 8 && probes.count { $0 } >= 4: return become(.healthy)
        case .leaking: return nil
        case .healthy where evidence >= 26, .churning where evidence >= 26: return become(.leaking)
        case .healthy where churned >= 26: return become(.churning)
        case .churning where churned < 20: return become(.healthy)
        case .healthy, .churning: return nil
        }
    }

    private mutating func become(_ new: Verdict) -> Verdict {
        let former = verdict
        verdict = new
        probes = []
        // Nobody remembers what became of those connections; their places in the window stay.
        for index in entries.indices {
            let isForgotten =
                entries[index].conduct == .churned ? new != .churning : new == .leaking || former == .leaking
            if isForgotten { entries[index].conduct = .reused }
        }
        return former
    }
}

/// What can happen to a ledger, in portions that reach its figures within a few steps.
private enum LedgerStep: CaseIterable {
    case leaks, churns, reuses, takesBack, findsOut, learnsTooLate, probesWell, probesBadly
}

@Suite("Ledger: sequences")
struct LedgerModelTests {
    private struct Pair {
        var ledger: Ledger
        var model = LedgerModel()
        var steps: [LedgerStep] = []
        var isBroken = false

        mutating func note(_ conduct: Conduct, _ times: Int) {
            for _ in 0..<times {
                model.note(conduct, ledger.note(conduct))
                agree()
            }
        }

        mutating func change(_ entry: UInt32?, to conduct: Conduct) {
            guard let entry else { return }
            ledger.change(entry, to: conduct)
            model.change(entry, to: conduct)
            agree()
        }

        mutating func probe(isReused: Bool) {
            ledger.noteProbe(isReused: isReused)
            model.noteProbe(isReused: isReused)
            agree()
        }

        private mutating func agree() {
            let isAlike =
                ledger.evidenceCount == model.evidence && ledger.churnCount == model.churned
                && ledger.judge(now: .zero) == model.judge() && ledger.verdict == model.verdict
            // One line is enough: what follows differs because of it.
            if !isAlike && !isBroken { Issue.record("after \(steps): \(ledger) but \(model)") }
            isBroken = isBroken || !isAlike
        }

        mutating func take(_ step: LedgerStep) {
            steps.append(step)
            switch step {
            case .leaks: note(steps.count.isMultiple(of: 2) ? .abandoned : .ignoredReuse, 13)
            case .churns: note(.churned, 13)
            case .reuses: note(steps.count.isMultiple(of: 2) ? .reused : .idle, 5)
            case .takesBack: change(model.oldest, to: .reused)
            case .findsOut: change(model.newest, to: .abandoned)
            case .learnsTooLate where model.oldest == 1: break
            case .learnsTooLate: change(model.oldest.map { $0 &- 1 }, to: .abandoned)
            case .probesWell: for _ in 0..<4 { probe(isReused: true) }
            case .probesBadly: for _ in 0..<4 { probe(isReused: false) }
            }
        }
    }

    private func explore(_ pair: Pair, depth: Int) {
        if depth == 0 { return }
        for step in LedgerStep.allCases {
            var next = pair
            next.take(step)
            explore(next, depth: depth - 1)
        }
    }

    @Test("every sequence of four steps agrees with a plain model")
    func everySequence() { explore(Pair(ledger: Ledger()), depth: 4) }

    @Test("long random sequences agree with a plain model", arguments: UInt64(0)..<8)
    func longSequences(seed: UInt64) {
        var random = RandomSource(seed: seed)
        var pair = Pair(ledger: Ledger())
        for _ in 0..<500 {
            // Only the latest steps, for the report.
            if pair.steps.count > 40 { pair.steps.removeFirst(20) }
            pair.take(LedgerStep.allCases[random.below(LedgerStep.allCases.count)])
        }
    }
}
