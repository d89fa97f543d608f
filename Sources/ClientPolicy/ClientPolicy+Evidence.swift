public import Basics

// What each connection tells of its owner, and what follows from the verdict.
extension ClientPolicy {
    /// An idle connection counts as lying idle from here on; below it the app may just not have got to it.
    static let leastIdle = Interval.milliseconds(100)
    /// So many idle ones beside which another is opened are evidence at once.
    static let manyIdle = 16
    /// Under the verdict one response in so many keeps the connection, and one in so long at least.
    static let responsesPerProbe = 64
    static let probeInterval = Interval.seconds(1)
    /// An app that goes round its connections is back at each within this time.
    static let restOfPool = Interval.seconds(5)
    /// Probes that an owner may have lying idle: what the verdict costs in ports.
    static let mostProbes = 2

    /// When a parked connection that carried one exchange is asked what became of it (`lieIdle`).
    public static let idleEvidence = Interval.seconds(1)

    /// How long a parked connection is kept.
    public enum Patience: Sendable {
        /// `client.idle_timeout` and a quarter more.
        case ordinary
        /// Longer: its owner is known to come back late, and a silent close would meet its request.
        case long
        /// `client.leak_idle_timeout`.
        case leaked
    }

    mutating func noteOpened(_ id: SlotID, _ now: MonotonicTime) {
        let owner = members[id.index].owner
        owners[owner].tally.opened += 1
        let clients = owners[owner].clients
        if hasParked(owner, clients, for: ClientPolicy.leastIdle, now) {
            members[id.index].isBesideIdle = true
            if hasParked(owner, clients - 1 + ClientPolicy.manyIdle, for: ClientPolicy.leastIdle, now) {
                members[id.index].entry = owners[owner].ledger.note(.ignoredReuse)
                judge(owner, now)
            }
        }
    }

    /// A request came on the connection. Nothing, unless it was parked, or its last answer was found unread
    /// while it was.
    public mutating func used(_ id: SlotID, wasUnread: Bool = false, now: MonotonicTime) {
        let wasParked = isParked(id)
        guard wasParked || wasUnread else { return }
        unpark(id)
        let owner = members[id.index].owner
        if wasParked {
            let gap = now.since(members[id.index].parkedAt)
            owners[owner].latestReuse = max(gap, owners[owner].latestReuse.fading)
        }
        let isUnasked = !members[id.index].isProbe && owners[owner].ledger.verdict == .leaking
        endProbe(id, isReused: true)
        // One that lay there before the verdict speaks as well as a probe does.
        if isUnasked { owners[owner].ledger.noteProbe(isReused: true) }
        if members[id.index].isReused { return judge(owner, now) }
        members[id.index].isReused = true
        owners[owner].tally.reused += 1
        enter(id, .reused)
        judge(owner, now)
    }

    /// The connection has been parked for `idleEvidence` after its only exchange.
    public mutating func lieIdle(_ id: SlotID, now: MonotonicTime) {
        guard isParked(id), members[id.index].entry == 0 || members[id.index].isExcused else { return }
        members[id.index].isExcused = false
        enter(id, members[id.index].isBesideIdle ? .abandoned : .idle)
        judge(members[id.index].owner, now)
    }

    /// The app closed the connection, or asked for its close, after `requests` exchanges.
    public mutating func closedByClient(_ id: SlotID, requests: Int, now: MonotonicTime) {
        if requests != 1 || members[id.index].isReused { return }
        enter(id, .churned)
        judge(members[id.index].owner, now)
    }

    private mutating func enter(_ id: SlotID, _ conduct: Conduct) {
        let owner = members[id.index].owner
        if members[id.index].entry == 0 {
            members[id.index].entry = owners[owner].ledger.note(conduct)
        } else {
            owners[owner].ledger.change(members[id.index].entry, to: conduct)
        }
    }

    private mutating func judge(_ owner: SlotID, _ now: MonotonicTime) {
        if owners[owner].ledger.isSuspect {
            if owners[owner].inquiry.isDue(now) { suspects.append(owner) }
        } else {
            conclude(owner, now)
        }
    }

    mutating func conclude(_ owner: SlotID, _ now: MonotonicTime) {
        let evidence = owners[owner].ledger.evidenceCount
        let idle = Int(owners[owner].parked.count)
        guard let former = owners[owner].ledger.judge(now: now) else { return }
        changes.append(
            VerdictChange(
                owner: owner,
                key: owners[owner].key,
                former: former,
                verdict: owners[owner].ledger.verdict,
                evidence: evidence,
                opened: owners[owner].tally.opened,
                held: owners[owner].held,
                idle: idle
            )
        )
    }

    /// Forgets verdict changes that the caller has read.
    public mutating func clearChanges() { changes.removeAll(keepingCapacity: true) }

    /// Forgets the suspects that the caller has read.
    public mutating func clearSuspects() { suspects.removeAll(keepingCapacity: true) }

    // MARK: The cure

    /// Whether a connection that has carried `requests` exchanges is kept after the present one.
    /// Asked when the response head is written, so that the end can be announced.
    public mutating func reasonToEnd(_ id: SlotID, requests: Int, now: MonotonicTime) -> ClientEnd? {
        if !limits.keepAlive { return .keepAliveOff }
        if requests >= limits.maxRequests { return .usedUp }
        if now >= members[id.index].expiresAt { return .tooOld }
        let owner = members[id.index].owner
        if isCured(id) && !chooseAsProbe(id, owner, now) { return .leaking }
        return isBusyPool(owner, now) ? .tooManyParked : nil
    }

    /// Whether one connection more of the owner would make the longest parked one go, though that one may be used
    /// the next moment: an app that uses all its connections in turn is told on this one instead.
    private func isBusyPool(_ owner: SlotID, _ now: MonotonicTime) -> Bool {
        let most = limits.maxParkedPerOwner
        guard most > 0, owners[owner].parked.count >= most else { return false }
        return !hasParked(owner, 1, for: ClientPolicy.restOfPool, now)
    }

    /// Keeps one connection now and then, to see whether the app has been mended.
    private mutating func chooseAsProbe(_ id: SlotID, _ owner: SlotID, _ now: MonotonicTime) -> Bool {
        if members[id.index].isProbe { return true }
        owners[owner].responsesSinceProbe += 1
        let isDue =
            owners[owner].responsesSinceProbe >= ClientPolicy.responsesPerProbe
            || now.since(owners[owner].probedAt) >= ClientPolicy.probeInterval
        guard isDue, owners[owner].probesOut < ClientPolicy.mostProbes else { return false }
        owners[owner].responsesSinceProbe = 0
        owners[owner].probedAt = now
        owners[owner].probesOut += 1
        members[id.index].isProbe = true
        return true
    }

    mutating func endProbe(_ id: SlotID, isReused: Bool) {
        guard members[id.index].isProbe else { return }
        members[id.index].isProbe = false
        let owner = members[id.index].owner
        owners[owner].probesOut -= 1
        owners[owner].ledger.noteProbe(isReused: isReused)
    }

    /// How long the connection, just parked, may stay so. `idleTimeout` is `client.idle_timeout`.
    public func patience(with id: SlotID, requests: Int, idleTimeout: Interval) -> Patience {
        if requests <= 1 && !members[id.index].isProbe && isCured(id) { return .leaked }
        let latestReuse = owners[members[id.index].owner].latestReuse
        return latestReuse.nanoseconds >= idleTimeout.nanoseconds >> 1 ? .long : .ordinary
    }

    /// Whether the connection's owner leaks, and is to be cured of it.
    public func isCured(_ id: SlotID) -> Bool {
        limits.curesLeaks && owners[members[id.index].owner].ledger.verdict == .leaking
    }

    /// The owner of a connection, for `parked(of:)` and the like.
    public func owner(of id: SlotID) -> SlotID { members[id.index].owner }

    /// Longest User-Agent that is kept of an owner, in bytes.
    public static let longestAgent = 80

    /// Whether nothing is known yet of what software the connection's owner runs.
    public func needsAgent(_ id: SlotID) -> Bool { owners[members[id.index].owner].agent.isEmpty }

    /// The User-Agent of a request of the connection's owner.
    public mutating func noteAgent(_ id: SlotID, _ agent: Span<UInt8>) {
        let owner = members[id.index].owner
        for index in 0..<min(agent.count, ClientPolicy.longestAgent) {
            owners[owner].agent.append(agent[index])
        }
    }

    /// Counts a connection of the owner that weir ended because of a leak.
    public mutating func countReaped(_ id: SlotID) { owners[members[id.index].owner].tally.reaped += 1 }

    /// When the connection was parked.
    public func parkedAt(_ id: SlotID) -> MonotonicTime { members[id.index].parkedAt }
}
