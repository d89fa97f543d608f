import ArgumentParser
import Basics
import Glibc
import Reactor
import Survey

/// Looks, judges and closes, again and again.
struct ReapLoop {
    /// Lines about single connections for each look; beyond it they are counted.
    private static let linesPerLook = 10
    private static let linesOnce = 1000
    /// How often it is told how many were closed.
    private static let summaryInterval = Interval.seconds(10)

    private var owners: ReapOwners
    private var policy: ReapPolicy
    private var pace: LookPace
    private var names: OwnerNames
    /// Nil in a dry run.
    private let diagnostics: SocketDiagnostics?
    private let isOnce: Bool
    private let isVerbose: Bool
    private var summarised: [ReapGroup: Int] = [:]
    private var nextSummary = MonotonicTime.zero
    private var toldAbsent: [String] = []
    /// Connections that were in use again, or gone, when they were looked at right before their end.
    private var spared = 0
    private var closed = 0
    private var toldCut = false
    /// Where from and whereto connections are watched.
    private var pairs: Set<PortUse.Pair> = []

    init(
        owners: ReapOwners,
        limits: ReapLimits,
        interval: Interval,
        groups: ControlGroups?,
        enforces: Bool,
        isOnce: Bool,
        isVerbose: Bool
    ) throws(SystemError) {
        self.owners = owners
        self.isOnce = isOnce
        self.isVerbose = isVerbose
        policy = ReapPolicy(limits: limits)
        pace = LookPace(longest: interval)
        names = OwnerNames(groups)
        diagnostics = enforces ? try SocketDiagnostics(activity: true) : nil
    }

    /// Until a signal ends it, nobody reads what it says any more, or once. Returns how many were closed, or
    /// would have been.
    mutating func run() throws -> Int {
        var termination = Termination()
        let mode =
            diagnostics == nil ? "dry run, nothing is closed (--enforce closes)" : "closing what is leaked"
        guard say("watching \(owners.description): \(mode)") else { return 0 }
        let notifier = ServiceNotifier()
        notifier?.ready(status: "watching \(owners.description)")
        while true {
            let look = try HostLook.take()
            let started = ThreadClock.now()
            let isRead = try act(on: look)
            if !isRead || isOnce { break }
            let cost = Interval(nanoseconds: look.cost.nanoseconds + ThreadClock.now() - started)
            let isPressed = pairs.contains { look.ports.isPressed($0) }
            let pause = pace.next(
                held: policy.held,
                isLeaking: policy.isLeaking,
                isPressed: isPressed,
                cost: cost
            )
            if termination.wait(pause) { break }
        }
        notifier?.stopping(status: "ended by a signal")
        summarise(EventLoop.readClock(), isLast: true)
        let total = policy.reports().reduce(0) { $0 + $1.reaped }
        if diagnostics == nil {
            say("would have closed \(total)")
        } else {
            say("closed \(closed); spared \(spared) that were in use again or gone")
        }
        return total
    }

    /// One look's work; false where nobody reads any more.
    private mutating func act(on look: HostLook) throws -> Bool {
        owners.refresh(look.time)
        if owners.absent != toldAbsent {
            toldAbsent = owners.absent
            if !toldAbsent.isEmpty {
                say("waiting for \(Printable.text(toldAbsent.joined(separator: ", "))), which does not run")
            }
        }
        if owners.needGroups, !look.tellsGroups, look.dialled.contains(where: { $0.owner != nil }) {
            throw AdminError(
                "this kernel tells no control groups of sockets (Linux 5.8 does); choose with --uid"
            )
        }
        if !look.isWhole && !toldCut {
            toldCut = true
            say("there are more sockets than are looked at; some are not watched")
        }
        let watched = look.dialled.filter { $0.owner.map(owners.include) ?? false }
        pairs = Set(watched.map { PortUse.Pair($0) })
        let decisions = policy.observe(watched, ports: look.ports, now: look.time)
        for change in policy.changes {
            say(ReapText.verdict(change, owner: names.name(of: change.group.owner)))
        }
        try carryOut(decisions)
        summarise(look.time, isLast: false)
        return isRead
    }

    private var isRead = true

    /// Writes a line; false where nobody reads any more.
    @discardableResult
    private mutating func say(_ line: String) -> Bool {
        isRead = StandardStream.output.write(line + "\n") && isRead
        return isRead
    }

    private mutating func carryOut(_ decisions: [ReapDecision]) throws {
        var lines = isOnce ? ReapLoop.linesOnce : ReapLoop.linesPerLook
        let tells = diagnostics == nil || isVerbose || isOnce
        for decision in decisions {
            if let diagnostics {
                guard try destroy(decision, diagnostics) else {
                    spared += 1
                    continue
                }
                closed += 1
            }
            if !tells { continue }
            lines -= 1
            if lines < 0 { continue }
            let owner = names.name(of: decision.group.owner)
            say(ReapText.line(decision, owner: owner, verb: diagnostics == nil ? "would close" : "closed"))
        }
        if tells && lines < 0 { say("… and \(-lines) more") }
    }

    /// Closes a connection unless it was in use since the look. Between this second look and the end lie some
    /// microseconds, in which a request can still go out; that one is lost, as by any end of an idle connection.
    private func destroy(_ decision: ReapDecision, _ diagnostics: SocketDiagnostics) throws -> Bool {
        let seen = decision.connection
        guard let report = diagnostics.report(from: seen.from, to: seen.to, cookie: seen.id),
            let now = ObservedConnection(from: seen.from, to: seen.to, report), decision.holds(for: now)
        else { return false }
        switch diagnostics.destroy(from: seen.from, to: seen.to, cookie: seen.id) {
        case 0: return true
        case ENOENT, ESTALE, EAGAIN: return false
        case EPERM: throw ReapCommand.lackOfPrivilege
        case EOPNOTSUPP:
            throw AdminError(
                "this kernel cannot close connections of others (CONFIG_INET_DIAG_DESTROY is off)"
            )
        case let code: throw SystemError("close \(seen.from) -> \(seen.to)", code: code)
        }
    }

    /// How many were closed since it was told last, by owner and destination.
    private mutating func summarise(_ now: MonotonicTime, isLast: Bool) {
        if now < nextSummary && !isLast { return }
        nextSummary = now + ReapLoop.summaryInterval
        let verb = diagnostics == nil ? "would have closed" : "closed"
        let reports = policy.reports()
        for report in reports {
            let new = report.reaped - (summarised[report.group] ?? 0)
            if new == 0 { continue }
            let owner = names.name(of: report.group.owner)
            say(ReapText.summary(report, closed: new, owner: owner, verb: verb))
        }
        summarised = Dictionary(
            reports.map { ($0.group, $0.reaped) },
            uniquingKeysWith: { first, _ in first }
        )
    }
}
