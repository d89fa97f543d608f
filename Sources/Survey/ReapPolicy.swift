public import Basics
internal import ClientPolicy

/// Watches an owner's connections from outside, look by look, and calls some of them leaked.
///
/// The rules are those for tunnels: evidence is drawn by ``Ledger``, a connection that was used twice is
/// *proven live* and left alone, one that awaits an answer is *working*, and a budget of idle ones is kept.
/// What weir's data plane sees byte by byte is here gathered from counters at each look.
///
/// Memory: one entry for each connection of the last look, and for at most 1,024 groups without any.
public struct ReapPolicy {
    /// An idle connection counts as lying idle from here on.
    static let leastIdle = Interval.milliseconds(100)
    /// What comes unasked after so long is no part of the last answer.
    static let unasked = Interval.milliseconds(500)
    /// So many idle ones beside which another is opened are evidence at once.
    static let manyIdle = 16
    /// A connection that lies idle for so long after its only exchange is entered in the ledger.
    static let idleEvidence = Interval.seconds(1)
    /// Looks between which a connection both sent and received that prove it live.
    static let busyLooks = 3
    /// More segments sent than one exchange takes, where it was opened before the first look.
    static let manySegments: UInt32 = 8
    /// Groups without a connection that are remembered.
    static let maxAbsent = 1024

    /// What is remembered of a connection from look to look.
    struct Watched {
        var group: ReapGroup
        var look: UInt64
        var firstSeen: MonotonicTime
        /// It was there at the first look: nobody saw it being opened.
        var isOld: Bool
        var last: ObservedConnection
        /// The ledger's entry; 0 for none.
        var entry: UInt32 = 0
        var wasOpenedBesideIdle = false
        var isProven = false
        /// Times that the far end spoke unasked after a pause.
        var lateBursts = 0
        var busyLooks = 0
        var peerClosedSince: MonotonicTime?
        /// It was decided on already.
        var isDecided = false
    }

    struct Group {
        var ledger: Ledger
        var report: ReapGroupReport
        /// What connections had received before an answer came late (``ReapPolicy/mayBeWaiting(_:_:)``).
        var lateLevels: [UInt64] = []
        /// What they have received once their answer came.
        var floor = AnswerFloor()
        /// The look that last saw a connection of it.
        var look: UInt64 = 0
    }

    private let limits: ReapLimits
    var watched: [UInt64: Watched] = [:]
    var groups: [ReapGroup: Group] = [:]
    private var look: UInt64 = 0
    private var lastLook: MonotonicTime?
    /// Verdicts that changed with the last look.
    public private(set) var changes: [ReapVerdict] = []

    /// Nothing seen yet.
    public init(limits: ReapLimits) { self.limits = limits }

    /// Takes in what a look shows: every connection that the owners in question have dialled.
    ///
    /// - Parameters:
    ///   - connections: those of one look; any that nobody holds are passed over.
    ///   - ports: use of ports by everybody, at the same look.
    ///   - now: when the look was taken.
    /// - Returns: what is to be closed, each connection once.
    public mutating func observe(
        _ connections: [ObservedConnection],
        ports: PortUse,
        now: MonotonicTime
    ) -> [ReapDecision] {
        changes.removeAll()
        look += 1
        let gap = lastLook.map { now.since($0) }
        var members: [ReapGroup: [UInt64]] = [:]
        for connection in connections {
            guard let owner = connection.owner, connection.phase != .timeWait, connection.phase != .closing
            else { continue }
            let group = ReapGroup(owner: owner, destination: connection.to)
            members[group, default: []].append(connection.id)
            watch(connection, group, now)
        }
        forgetGone(now)
        var decisions: [ReapDecision] = []
        for (key, ids) in members {
            judge(key, ids, gap: gap, now)
            decisions += decide(key, ids, ports, now)
        }
        forgetGroups()
        lastLook = now
        return decisions
    }

    // MARK: Each connection

    private mutating func watch(_ connection: ObservedConnection, _ group: ReapGroup, _ now: MonotonicTime) {
        if groups[group] == nil {
            let report = ReapGroupReport(group: group, verdict: .healthy)
            groups[group] = Group(ledger: Ledger(since: now), report: report)
        }
        guard var entry = watched[connection.id] else {
            var entry = Watched(
                group: group,
                look: look,
                firstSeen: now,
                isOld: lastLook == nil,
                last: connection
            )
            // Nobody watched it, but one exchange does not take so many segments: a connection of a database's
            // pool.
            entry.isProven = entry.isOld && connection.segmentsSent > ReapPolicy.manySegments
            if connection.phase == .peerClosed { entry.peerClosedSince = now }
            watched[connection.id] = entry
            return
        }
        entry.look = look
        learn(&entry, from: connection, now)
        entry.last = connection
        if connection.phase == .peerClosed && entry.peerClosedSince == nil { entry.peerClosedSince = now }
        watched[connection.id] = entry
    }

    /// Draws from two looks at a connection whether it is in use.
    private mutating func learn(_ entry: inout Watched, from new: ObservedConnection, _ now: MonotonicTime) {
        let old = entry.last
        let hasSpoken = new.bytesSent != old.bytesSent || new.unsent > 0
        let hasHeard = new.bytesReceived != old.bytesReceived
        if !hasSpoken && !hasHeard { return }
        // Decided on, it was found to be in use after all right before it was closed.
        entry.isDecided = false
        if hasSpoken && hasHeard { entry.busyLooks += 1 }
        if entry.isProven { return }
        if entry.busyLooks >= ReapPolicy.busyLooks { return prove(&entry, now) }
        guard old.isQuiet else { return }
        if hasSpoken {
            if old.idle >= ReapPolicy.leastIdle { prove(&entry, now) }
        } else if old.idle >= ReapPolicy.unasked {
            entry.lateBursts += 1
            // The first may be the very answer, where what came before was no more than the handshake's.
            if entry.lateBursts == 1 && old.isAnswerUnsure {
                teach(entry.group, old.bytesReceived)
            } else {
                prove(&entry, now)
            }
        }
    }

    private mutating func prove(_ entry: inout Watched, _ now: MonotonicTime) {
        entry.isProven = true
        note(&entry, .reused, now)
    }

    private mutating func teach(_ group: ReapGroup, _ level: UInt64) {
        guard var levels = groups[group]?.lateLevels else { return }
        if levels.contains(where: { ReapPolicy.isNear($0, level) }) { return }
        if levels.count == 4 { levels.removeFirst() }
        levels.append(level)
        groups[group]?.lateLevels = levels
    }

    /// What is no longer there was closed by the app, unless it was decided on.
    private mutating func forgetGone(_ now: MonotonicTime) {
        for (id, var entry) in watched where entry.look != look {
            if !entry.isDecided && !entry.isProven && !entry.isOld { note(&entry, .churned, now) }
            watched[id] = nil
        }
    }

    // MARK: Each group

    private mutating func judge(_ key: ReapGroup, _ ids: [UInt64], gap: Interval?, _ now: MonotonicTime) {
        var report = groups[key]?.report ?? ReapGroupReport(group: key, verdict: .healthy)
        report.held = ids.count
        report.idle = 0
        report.proven = 0
        // Those that lay idle at the last look already, and since: whoever has a pool would have taken one.
        var idleBefore = 0
        for id in ids {
            guard let entry = watched[id] else { continue }
            if entry.isProven { report.proven += 1 }
            guard isSuspect(entry) else { continue }
            report.idle += 1
            if let gap, entry.firstSeen < now, entry.last.idle >= gap + ReapPolicy.leastIdle {
                idleBefore += 1
            }
        }
        groups[key]?.report = report
        groups[key]?.look = look
        for id in ids {
            guard var entry = watched[id], !entry.isProven else { continue }
            if entry.firstSeen == now && !entry.isOld {
                entry.wasOpenedBesideIdle = idleBefore > 0
                if idleBefore >= ReapPolicy.manyIdle { note(&entry, .ignoredReuse, now) }
            } else if entry.entry == 0, !entry.isOld, isSuspect(entry),
                entry.last.idle >= ReapPolicy.idleEvidence
            {
                note(&entry, entry.wasOpenedBesideIdle ? .abandoned : .idle, now)
            } else {
                continue
            }
            watched[id] = entry
        }
    }

    /// Enters what became of a connection, and draws the conclusion.
    private mutating func note(_ entry: inout Watched, _ conduct: Conduct, _ now: MonotonicTime) {
        let key = entry.group
        guard var group = groups[key] else { return }
        if entry.entry == 0 {
            entry.entry = group.ledger.note(conduct)
        } else {
            group.ledger.change(entry.entry, to: conduct)
        }
        group.ledger.reconsider(conduct)
        let evidence = group.ledger.evidenceCount
        if let former = group.ledger.judge(now: now) {
            group.report.verdict = group.ledger.verdict
            changes.append(
                ReapVerdict(
                    group: key,
                    former: former,
                    verdict: group.ledger.verdict,
                    evidence: evidence,
                    held: group.report.held,
                    idle: group.report.idle
                )
            )
        }
        groups[key] = group
    }

    /// Whether it may be a leak: idle, not proven live, and surely not waiting for an answer.
    func isSuspect(_ entry: Watched) -> Bool {
        entry.last.isQuiet && !entry.isProven && !mayBeWaiting(entry)
    }

    /// Whether an answer may be awaited though bytes came last. Other connections of the group had received
    /// as much, to a few bytes, when their answer was still to come: the handshake's own, which differ by no
    /// more than the length of a signature.
    private func mayBeWaiting(_ entry: Watched) -> Bool {
        guard entry.last.phase == .established, entry.lateBursts == 0, entry.last.isAnswerUnsure,
            let levels = groups[entry.group]?.lateLevels
        else { return false }
        return levels.contains { ReapPolicy.isNear($0, entry.last.bytesReceived) }
    }

    private static func isNear(_ one: UInt64, _ other: UInt64) -> Bool {
        (one > other ? one - other : other - one) <= 8
    }

    private mutating func decide(
        _ key: ReapGroup,
        _ ids: [UInt64],
        _ ports: PortUse,
        _ now: MonotonicTime
    ) -> [ReapDecision] {
        let suspects = ids.compactMap { watched[$0] }.filter { isSuspect($0) && !$0.isDecided }
        guard suspects.count > limits.maxIdle, let group = groups[key] else { return [] }
        let isLeak = group.ledger.verdict == .leaking
        var due: [(entry: Watched, limit: Interval)] = []
        for entry in suspects {
            let isPressed = ports.isPressed(PortUse.Pair(entry.last))
            var limit = limits.idleTimeout
            if isLeak { limit = isPressed ? limits.pressedLeakIdleTimeout : limits.leakIdleTimeout }
            let idle = entry.peerClosedSince.map { min(entry.last.idle, now.since($0)) } ?? entry.last.idle
            // What was there before anybody looked gets the time to show that it is in use.
            let mustBeWatched = entry.isOld && !limits.trustsFirstLook && !isPressed
            if mustBeWatched && now.since(entry.firstSeen) < limits.idleTimeout { continue }
            if idle >= limit { due.append((entry, limit)) }
        }
        if due.isEmpty { return [] }
        let spared = ReapPolicy.belowFloor(suspects, group.floor)
        let kept = IdleBudget(suspects.filter { !spared.contains($0.last.id) }, limits.maxIdle).kept
            .union(spared)
        due.removeAll { kept.contains($0.entry.last.id) }
        groups[key]?.report.reaped += due.count
        return due.map { entry, limit in
            watched[entry.last.id]?.isDecided = true
            groups[key]?.floor.note(entry.last.bytesReceived)
            return ReapDecision(connection: entry.last, group: key, limit: limit, isLeak: isLeak)
        }
    }

    /// Those that have received less than their kind, so that their answer may be still to come; those that
    /// have been there longest, where they are too many.
    private static func belowFloor(_ suspects: [Watched], _ floor: AnswerFloor) -> Set<UInt64> {
        let level = floor.level(among: suspects.lazy.map(\.last.bytesReceived))
        // However late it came: a server that is busy sends its tickets late.
        let below = suspects.filter { $0.last.bytesReceived < level && $0.last.phase == .established }
        let oldest = below.sorted { $0.firstSeen < $1.firstSeen }.prefix(AnswerFloor.mostSpared)
        return Set(oldest.map(\.last.id))
    }

    private mutating func forgetGroups() {
        let absent = groups.filter { $0.value.look != look }
        for key in absent.keys {
            groups[key]?.report.held = 0
            groups[key]?.report.idle = 0
            groups[key]?.report.proven = 0
        }
        let surplus = absent.count - ReapPolicy.maxAbsent
        if surplus <= 0 { return }
        for (key, _) in absent.sorted(by: { $0.value.look < $1.value.look }).prefix(surplus) {
            groups[key] = nil
        }
    }

    // MARK: Reports

    /// Groups that hold connections, or had any reaped: those with the most idle ones first.
    public func reports() -> [ReapGroupReport] {
        groups.values.map(\.report).filter { $0.held > 0 || $0.reaped > 0 }.sorted {
            ($0.idle, $0.held, $0.reaped) > ($1.idle, $1.held, $1.reaped)
        }
    }

    /// Connections that are watched.
    public var held: Int { watched.count }

    /// Whether any owner is called leaking while it holds connections.
    public var isLeaking: Bool {
        groups.values.contains { $0.ledger.verdict == .leaking && $0.report.held > 0 }
    }
}
