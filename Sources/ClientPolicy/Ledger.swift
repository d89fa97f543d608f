public import Basics

/// What the evidence says of an owner, or of an owner's tunnels to one destination.
public enum Verdict: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// Nothing speaks against it.
    case healthy
    /// Nearly every connection served one exchange and was closed by the app: a waste, but no leak.
    case churning
    /// Nearly every connection served one exchange and was then left lying.
    case leaking
}

/// What became of one connection of an owner.
public enum Conduct: UInt8, Sendable, BitwiseCopyable {
    /// It carried a second exchange.
    case reused
    /// It lies idle after its only exchange, but the app had no idle one when it opened it: a burst looks so.
    case idle
    /// It lies idle after its only exchange, and was opened while others lay idle. Evidence of a leak.
    case abandoned
    /// It was opened while many others had been lying idle. Evidence of a leak, known at once.
    case ignoredReuse
    /// Its app left the answer unread until it was cut. Evidence of a leak, whatever else is unread.
    case cut
    /// The app closed it after one exchange.
    case churned

    /// Whether it speaks for a leak.
    @inlinable public var isEvidence: Bool { self == .abandoned || self == .ignoredReuse || self == .cut }
}

/// Judges by the last connections: a sliding window of evidence, and of probes under the verdict `leaking`.
///
/// A client with a pool opens a connection only when it has none idle, so a connection is evidence of a leak
/// only where it was opened beside idle ones and is left lying itself. What is told too early is taken back:
/// the entry of a connection that is used again after all changes. The figures were tuned by simulation over
/// populations of apps (`LedgerPopulationTests`).
public struct Ledger: Sendable {
    /// Connections that the window holds.
    static let window = 32
    /// Entries of one kind that make a verdict: 80 % of the window.
    static let enough = 26
    /// Below this a verdict of `churning` is lifted; less than `enough`, so that it does not flicker.
    static let fewer = 20
    /// Probes that the window of probes holds, and how many of them must be reused to lift the verdict.
    static let probeWindow = 8
    static let probesToLift = 4

    /// What the evidence says.
    public private(set) var verdict = Verdict.healthy
    /// Since when.
    public private(set) var since = MonotonicTime.zero
    /// Connections judged since the ledger began; the number of the newest entry.
    public private(set) var judged: UInt32 = 0
    /// Bit `n % window` belongs to entry `n`.
    private var evidence: UInt32 = 0
    /// Those of them that were cut.
    private var cut: UInt32 = 0
    private var churned: UInt32 = 0
    /// The last probes, newest in bit 0; set where it was reused.
    private var probes: UInt8 = 0
    private var probeCount: UInt8 = 0

    /// No evidence at all; healthy since then.
    public init(since: MonotonicTime = .zero) { self.since = since }

    /// As if so many connections had been judged already, and left the window.
    init(judged: UInt32) { self.judged = judged }

    /// Evidence of a leak in the window.
    public var evidenceCount: Int { evidence.nonzeroBitCount }

    /// Connections in the window that were closed by the app after one exchange.
    public var churnCount: Int { churned.nonzeroBitCount }

    /// Adds a connection. Returns the number of its entry, for `change`.
    public mutating func note(_ conduct: Conduct) -> UInt32 {
        if judged == .max {
            // The number 0 means that there is no entry, so nobody gets it.
            set(0, .reused)
            judged = 0
        }
        judged += 1
        set(judged, conduct)
        return judged
    }

    /// More became known of a connection. Nothing happens where its entry has left the window.
    public mutating func change(_ entry: UInt32, to conduct: Conduct) {
        if holds(entry) { set(entry, conduct) }
    }

    /// Whether the entry is in the window still.
    func holds(_ entry: UInt32) -> Bool { entry != 0 && judged &- entry < UInt32(Ledger.window) }

    private mutating func set(_ entry: UInt32, _ conduct: Conduct) {
        let bit: UInt32 = 1 << (entry & UInt32(Ledger.window - 1))
        evidence = conduct.isEvidence ? evidence | bit : evidence & ~bit
        cut = conduct == .cut ? cut | bit : cut & ~bit
        churned = conduct == .churned ? churned | bit : churned & ~bit
    }

    /// Whether the evidence is enough for a verdict of `leaking`, which is not spoken yet.
    var isSuspect: Bool { verdict != .leaking && evidenceCount >= Ledger.enough }

    /// What seemed to lie idle was no evidence: it rested on a wrong idea of the owner.
    mutating func forgetIdle() { evidence = cut }

    /// Draws the conclusion. Returns the former verdict where it changed.
    ///
    /// What counts as evidence lies idle still, or was ended by weir: an app that closes what it has left lying
    /// takes the evidence back.
    public mutating func judge(now: MonotonicTime) -> Verdict? {
        switch verdict {
        case .leaking:
            // The cure hides the evidence; only probes lift it.
            guard probeCount >= Ledger.probeWindow, probes.nonzeroBitCount >= Ledger.probesToLift else {
                return nil
            }
            return become(.healthy, now)
        case .healthy, .churning:
            if evidenceCount >= Ledger.enough { return become(.leaking, now) }
            if verdict == .healthy && churnCount >= Ledger.enough { return become(.churning, now) }
            if verdict == .churning && churnCount < Ledger.fewer { return become(.healthy, now) }
            return nil
        }
    }

    private mutating func become(_ new: Verdict, _ now: MonotonicTime) -> Verdict {
        let former = verdict
        verdict = new
        since = now
        // What the former verdict stood on must not count against the new one.
        if new == .leaking || former == .leaking {
            evidence = 0
            cut = 0
        }
        if new != .churning { churned = 0 }
        probes = 0
        probeCount = 0
        return former
    }

    /// One of the probes that counted as reused was not.
    mutating func takeProofBack() { probes &= probes &- 1 }

    /// A probe has ended: the connection was kept under the verdict, and used again or not.
    public mutating func noteProbe(isReused: Bool) {
        probes = probes << 1 | (isReused ? 1 : 0)
        probeCount = min(UInt8(Ledger.probeWindow), probeCount + 1)
    }
}

extension Ledger {
    /// Under the verdict, lets evidence itself stand for probes: for connections whose end cannot be
    /// announced, so that the cure does not hide what they do.
    public mutating func reconsider(_ conduct: Conduct) {
        if verdict != .leaking { return }
        switch conduct {
        case .reused: noteProbe(isReused: true)
        case .abandoned, .ignoredReuse, .cut: noteProbe(isReused: false)
        case .idle, .churned: break
        }
    }
}
