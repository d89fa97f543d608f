import Basics
import Dialling
import Glibc
import Reactor
import Redirection

/// Keeps a redirection in force while weir is there, and while nobody takes it away.
///
/// The kernel holds the rules behind a lease of less than a second, which is renewed four times as often. So nothing that
/// happens to this process leaves an app without a way out; what happens to weir is seen at once by its process
/// handle, and within a tick by its listeners.
final class RedirectKeeper {
    static let tick = Interval.milliseconds(200)
    static let lease = 800
    /// How often weir is asked whether it is back, in ticks.
    private static let ticksPerInquiry = 3
    /// How often a unit that does not run is looked for everywhere, in ticks.
    private static let ticksPerSearch = 10
    /// How often it is looked whether what stayed of a former redirection may go, in ticks.
    private static let ticksPerSweep = 50

    /// How the keeping ended.
    enum End: Equatable {
        /// Asked to by a signal; nothing is left.
        case asked
        /// Nobody confirmed; nothing is left.
        case notConfirmed
        /// Another keeper has the table now.
        case replaced
        /// Somebody removed the table.
        case removed
        /// It cannot go on.
        case failed(String)
    }

    let plan: RedirectPlan
    let inquiry: InterceptorInquiry
    let nft: NftProgram
    let log: (String) -> Void
    let loop: EventLoop
    private let sets: NetfilterSets
    private let diagnostics: SocketDiagnostics
    private let tree = ControlGroups()
    private let lease: String

    private(set) var ruleset: Ruleset
    private var pid: Int32
    private var process: (handle: ProcessHandle, watch: DescriptorWatch)?
    private var isInForce = true
    private var ticks = 0
    private var hasRemnants = true
    /// The numbers of the groups that the kernel was told, by selector; 0 where there is none.
    private var groups: [Int: UInt64] = [:]
    private let since: Int
    private var confirmBy: MonotonicTime
    private var timer: LoopTimer?
    private var signals: [SignalWatch] = []
    private var directories: DirectoryWatch?
    private var end: End?
    /// The ports of weir's at which connections were open at the end.
    private(set) var keptPorts: [UInt16] = []

    /// Puts the rules in place.
    ///
    /// - Parameters:
    ///   - secondsToConfirm: then they go by themselves unless they were confirmed.
    ///   - mayWait: whether a unit that does not run yet, or a group that does not exist, is waited for.
    init(
        _ plan: RedirectPlan,
        _ inquiry: InterceptorInquiry,
        secondsToConfirm: Int?,
        mayWait: Bool,
        log: @escaping (String) -> Void
    ) throws(RedirectionError) {
        (self.plan, self.inquiry, self.log) = (plan, inquiry, log)
        nft = try NftProgram()
        lease = Lease.set(of: getpid())
        since = Int(time(nil))
        do throws(SystemError) {
            loop = try EventLoop()
            sets = try NetfilterSets()
            diagnostics = try SocketDiagnostics()
        } catch {
            throw RedirectionError("\(error)")
        }
        // Asked of a table that nobody has, the kernel tells only whether it may be asked.
        if sets.replace(lease, of: "weir-none", by: []) == EPERM { throw NftProgram.lacksPrivilege }
        let found = try inquiry.find()
        let selectors = try plan.selectors(in: tree)
        if !mayWait { for group in selectors.compactMap(\.group) { try Self.mustExist(group) } }
        ruleset = try plan.ruleset(selectors, found.interceptor, in: tree)
        pid = found.pid
        let now = loop.now
        confirmBy = secondsToConfirm.map { now + .seconds($0) } ?? .never
        try nft.load(ruleset.text(.leased(leaseTerms())))
    }

    private static func mustExist(_ group: Selector.Group) throws(RedirectionError) {
        if group.exists { return }
        throw RedirectionError(
            group.isUnit
                ? "\(group.label) does not run, so it has no control group yet: start it first, or enable "
                    + "weir-redirect@.service for it, which waits for it"
                : "there is no control group \(group.path)"
        )
    }

    private func leaseTerms() -> Lease {
        let left =
            confirmBy == .never ? nil : max(1, Int(confirmBy.since(loop.now).nanoseconds / 1_000_000_000))
        return Lease(holder: getpid(), milliseconds: Self.lease, secondsToConfirm: left, since: since)
    }

    /// Keeps on until a signal comes, or the table is no longer this one's to keep. `onReady` is called once the
    /// rules are kept.
    func run(onReady: () -> Void) -> End {
        SignalWatch.ignore(SIGPIPE)
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            signals.append(SignalWatch(loop: loop, signal: signal) { [unowned self] in finish(.asked) })
        }
        timer = LoopTimer(loop: loop) { [unowned self] in passTick() }
        directories = try? DirectoryWatch(loop: loop) { [unowned self] in followGroups(everywhere: false) }
        watchProcess()
        renew()
        if end == nil { onReady() }
        followGroups(everywhere: false)
        timer?.arm(at: loop.now + Self.tick)
        if end == nil { loop.run() }
        forgetProcess()
        directories?.invalidate()
        timer = nil
        signals = []
        return end ?? .asked
    }

    private func finish(_ end: End) {
        if self.end != nil { return }
        self.end = end
        if end == .asked || end == .notConfirmed {
            // The table may be another keeper's by now.
            if sets.replace(lease, of: plan.name.table, by: []) == 0 {
                forgetTranslations(onlyEnded: true)
                do throws(RedirectionError) {
                    keptPorts = try OpenConnections(nft: nft).remove(plan.name, ports: ports)
                } catch {
                    log("the rules match nothing any more, but stay: \(error)")
                }
            }
        }
        loop.stop()
    }

    private func passTick() {
        ticks += 1
        if loop.now >= confirmBy { settleConfirmation() }
        if end != nil { return }
        followGroups(everywhere: ticks % Self.ticksPerSearch == 0)
        if hasRemnants, ticks % Self.ticksPerSweep == 0 { sweep() }
        if isInForce {
            if process?.handle.hasEnded == true {
                processEnded()
            } else if isListening {
                renew()
            } else {
                lapse("weir (process \(pid)) no longer listens for redirected traffic")
            }
        } else {
            if ticks % Self.ticksPerInquiry == 0 { resume() }
            if !isInForce { checkTable() }
        }
        if end == nil { timer?.arm(at: loop.now + Self.tick) }
    }

    private var ports: Set<UInt16> { Set(ruleset.weir.listen.map(\.port)) }

    /// Whether somebody is there to take connections.
    private var isListening: Bool { ruleset.weir.listen.allSatisfy(diagnostics.isListening) }

    /// weir is gone, or another process has taken over from it, as in an upgrade. Then all goes on, and its
    /// connections must not be forgotten.
    private func processEnded() {
        if isInForce, isListening, let found = try? inquiry.find(), found.pid != pid,
            found.interceptor == ruleset.weir
        {
            pid = found.pid
            forgetProcess()
            watchProcess()
            renew()
            log("weir goes on as process \(pid)")
        } else {
            lapse("weir (process \(pid)) has ended")
        }
    }

    private func sweep() { hasRemnants = (try? OpenConnections(nft: nft).sweep().isEmpty) == false }

    /// Renews the lease.
    private func renew() {
        if end != nil || !isInForce { return }
        let element = NetfilterElement(key: [Lease.key], milliseconds: UInt64(Self.lease))
        judge(sets.replace(lease, of: plan.name.table, by: [element]))
    }

    /// What a change of our own table answered.
    private func judge(_ code: Int32) {
        switch code {
        case 0: break
        case ENOENT:
            let other = try? nft.redirection(plan.name)
            finish(other == nil ? .removed : .replaced)
        default: finish(.failed("the lease cannot be renewed: \(SystemError.text(of: code))"))
        }
    }

    /// Shuts the gate at once.
    private func lapse(_ reason: String) {
        if end != nil || !isInForce { return }
        isInForce = false
        judge(sets.replace(lease, of: plan.name.table, by: []))
        // What weir had is lost with it; of one that only ended its listening it goes on.
        forgetTranslations(onlyEnded: process?.handle.hasEnded != true)
        forgetProcess()
        if end == nil { log("\(reason): new connections go directly") }
    }

    /// Between ports that were redirected lately a new connection would be, too, whatever the rules say now.
    private func forgetTranslations(onlyEnded: Bool) {
        let targets = [true, false].compactMap { ruleset.weir.target(ipv4: $0) }
        do throws(SystemError) {
            try ConnectionTracking.forget(translatedTo: targets, onlyEnded: onlyEnded)
        } catch {
            log("the kernel may redirect some new connections for two minutes yet: \(error)")
        }
    }

    /// Whether the table is there while nothing is renewed.
    private func checkTable() { judge(sets.replace(lease, of: plan.name.table, by: [])) }

    /// Asks weir whether it is back. Its mark, user or group may be others now, so the rules are made anew.
    private func resume() {
        do throws(RedirectionError) {
            let found = try inquiry.find()
            // What was confirmed meanwhile must not be asked for again.
            if confirmBy != .never { refreshConfirmation() }
            let selectors = try plan.selectors(in: tree, known: knownPaths)
            let ruleset = try plan.ruleset(selectors, found.interceptor, in: tree)
            checkTable()
            if end != nil { return }
            try nft.load(ruleset.text(.leased(leaseTerms())))
            (self.ruleset, pid, isInForce, groups) = (ruleset, found.pid, true, [:])
            watchProcess()
            followGroups(everywhere: false)
            log("weir (process \(pid)) is back: redirecting \(ruleset.summary)")
        } catch {
            // It is asked again; until then connections go directly.
        }
    }

    private func watchProcess() {
        // A number from another namespace of processes would be a stranger's.
        guard let identity = ProcessHandle.identity(of: pid), identity.uid == ruleset.weir.uid,
            let handle = ProcessHandle(pid)
        else { return }
        let watch = DescriptorWatch(loop: loop, descriptor: handle.descriptor) { [unowned self] _, _ in
            processEnded()
        }
        watch.setReading(true)
        process = (handle, watch)
    }

    private func forgetProcess() {
        process?.watch.invalidate()
        process = nil
    }
}

// Control groups that come and go.

extension RedirectKeeper {
    /// Where units were last found.
    private var knownPaths: [String: String] {
        var paths: [String: String] = [:]
        for group in ruleset.selectors.compactMap(\.group) where group.isUnit {
            paths[group.label] = group.path
        }
        return paths
    }

    /// A unit that is started again has a new group of the same name: the kernel's rule would go on to mean the
    /// former. The new one is told to it as soon as it is made, before its first program runs.
    private func followGroups(everywhere: Bool) {
        guard let tree, end == nil else { return }
        let groups = ruleset.selectors.enumerated().compactMap { index, selector in
            selector.group.map { (index: index, group: $0) }
        }
        // First, so that no change falls between the look and the watch.
        directories?.set(Set(groups.compactMap { nearestParent(of: $0.group.path, tree) }))
        for (index, group) in groups {
            let id = tree.id(of: group.path) ?? 0
            if id == 0, group.isUnit, everywhere, let path = tree.path(ofUnit: group.label),
                path != group.path
            {
                return move()
            }
            if self.groups[index] != id {
                tell(index, group, id)
                if end != nil { return }
            }
        }
    }

    private func tell(_ index: Int, _ group: Selector.Group, _ id: UInt64) {
        let elements = id == 0 ? [] : [NetfilterElement(key: withUnsafeBytes(of: id, Array.init))]
        judge(sets.replace(Ruleset.groupSet(index), of: plan.name.table, by: elements))
        if end != nil { return }
        if id == 0 {
            log("\(group.label) does not run: its connections are redirected once it does")
        } else if groups[index] != nil {
            log("\(group.label) runs in a new control group")
        }
        groups[index] = id
    }

    /// A unit runs in another place than it was expected in: the rule has the level of its place in it.
    private func move() {
        do throws(RedirectionError) {
            if confirmBy != .never { refreshConfirmation() }
            let selectors = try plan.selectors(in: tree, known: knownPaths)
            let moved = try plan.ruleset(selectors, ruleset.weir, in: tree)
            checkHolding()
            if end != nil { return }
            try nft.load(moved.text(.leased(leaseTerms())))
            (ruleset, groups) = (moved, [:])
            if !isInForce { checkTable() }
        } catch {
            log("a unit runs in another place than expected, but: \(error)")
        }
    }

    /// Whether the table is still this keeper's, without changing what it does.
    private func checkHolding() {
        if isInForce { renew() } else { checkTable() }
    }

    /// The directory whose changes tell of a group that comes or goes.
    private func nearestParent(of path: String, _ tree: ControlGroups) -> String? {
        var parent = path[...]
        while let slash = parent.lastIndex(of: "/") {
            parent = parent[..<slash]
            let above = parent.isEmpty ? "/" : String(parent)
            if tree.id(of: above) != nil { return tree.directory(of: above) }
        }
        return nil
    }
}

// The time to confirm.

extension RedirectKeeper {
    /// Asks the kernel, which knows, whether somebody confirmed.
    private func refreshConfirmation() {
        guard let now = try? nft.redirection(plan.name) else { return }
        if now.isOpen && now.secondsToConfirm == nil { confirmBy = .never }
    }

    private func settleConfirmation() {
        refreshConfirmation()
        if confirmBy == .never { return }
        log("nobody confirmed in time: the rules are taken back")
        finish(.notConfirmed)
    }
}
