import Basics
import ClientPolicy
import Dialling
import Logging
import ProxyCore
import Reactor
import Telemetry

/// Tells people who leaks: a line in the log for each change of a verdict, and `/leaks`. Names and processes are
/// looked up when somebody asks, by the directory's own thread.
final class LeakWatch {
    private struct Found {
        var processes: [OwnerLine.Process]
        /// Processes that could not be looked into, where some of the sockets were not found.
        var unreadable: Int
        var at: MonotonicTime
    }

    /// Connections of an owner by which its processes are found.
    private static let sample = 16
    /// Processes that are kept of an owner, and owners of which any are kept.
    private static let mostProcesses = 8
    private static let mostOwners = 256
    /// Owners whose processes one reading of `/leaks` has looked up.
    private static let mostSearches = 16
    /// What was found longer ago is looked up again.
    private static let lifetime = Interval.seconds(10)

    private let loop: EventLoop
    private unowned let dataPlane: DataPlane
    private let directory: OwnerDirectory
    private let log: Logger
    private var found: [SlotID: Found] = [:]
    private var pending: Set<SlotID> = []

    init(loop: EventLoop, dataPlane: DataPlane, log: Logger) {
        self.loop = loop
        self.dataPlane = dataPlane
        self.log = log
        directory = OwnerDirectory(loop: loop)
    }

    /// Ends the directory's thread.
    func close() { directory.close() }

    /// An owner seems to leak: finds out how many clients its connections may belong to, and what lies unread.
    func inquire(into owner: SlotID) {
        let (holders, unread) = dataPlane.evidence(against: owner)
        let answer = { [weak dataPlane] (clients: Int?) in
            dataPlane?.inquired(into: owner, clients: clients, unread: unread)
        }
        if let key = dataPlane.engine.policy.ownerReport(owner)?.key, let local = LocalOwner(key) {
            directory.countClients(of: local, among: holders) { answer($0) }
        } else {
            loop.afterTurn { answer(nil) }
        }
    }

    // MARK: The log

    /// A verdict has changed: one line, as soon as the owner has a name.
    func announce(_ notice: VerdictNotice) {
        let owner =
            switch notice {
            case .owner(let change): change.owner
            case .destination(let change): change.owner
            }
        guard let report = dataPlane.engine.policy.ownerReport(owner) else { return }
        // Asked first, so that the answer is there when the processes are.
        if let local = LocalOwner(report.key) { _ = directory.name(of: local) }
        search(owner) { [weak self] in self?.write(notice, report) }
    }

    private func write(_ notice: VerdictNotice, _ report: OwnerReport) {
        var line = named(report)
        var metadata: Logger.Metadata = ["owner": "\(line.name)"]
        if let process = line.processes.first {
            metadata["pid"] = "\(process.pid)"
            metadata["exe"] = "\(process.executable ?? process.command ?? "?")"
        }
        if !report.agent.isEmpty { metadata["agent"] = "\(report.agent)" }
        let verdict: Verdict
        let former: Verdict
        switch notice {
        case .owner(let change):
            (verdict, former) = (change.verdict, change.former)
            metadata["opened"] = "\(change.opened)"
            metadata["held"] = "\(change.held)"
            metadata["idle"] = "\(change.idle)"
            metadata["evidence"] = "\(change.evidence) of 32"
        case .destination(let change):
            (verdict, former) = (change.verdict, change.former)
            metadata["destination"] =
                "\(dataPlane.engine.destinations.report(change.destination)?.name ?? "?")"
            metadata["tunnels"] = "\(change.opened)"
            metadata["held"] = "\(change.held)"
            metadata["quiet"] = "\(change.quiet)"
            metadata["evidence"] = "\(change.evidence) of 32"
        }
        line.report.verdict = verdict
        if let remedy = line.remedy { metadata["remedy"] = "\(remedy)" }
        switch verdict {
        case .leaking: log.warning("an app leaks connections; they are ended early", metadata: metadata)
        case .churning: log.info("an app opens a connection for each request", metadata: metadata)
        case .healthy:
            let was = former == .leaking ? "leaks no longer" : "reuses its connections again"
            log.info("an app \(was)", metadata: metadata)
        }
    }

    // MARK: The page

    /// Appends `/leaks`.
    func writeLeaks(to buffer: inout ByteBuffer) {
        let lines = owners()
        var searches = 0
        for line in lines where line.report.held > 0 && searches < LeakWatch.mostSearches {
            let owner = line.report.owner
            if found[owner].map({ loop.now.since($0.at) < LeakWatch.lifetime }) ?? false { continue }
            searches += 1
            search(owner) {}
        }
        let isPending = !pending.isEmpty || directory.pendingCount > 0
        LeaksJSON.write(lines, isPending: isPending, unseen: unseen, now: loop.now, to: &buffer)
    }

    /// All owners that are remembered, with what they have to single destinations.
    func owners() -> [OwnerLine] {
        let destinations = Dictionary(grouping: dataPlane.engine.destinations.reports(), by: \.owner)
        return dataPlane.engine.policy.ownerReports().map { report in
            var line = named(report)
            line.destinations = (destinations[report.owner] ?? []).filter { $0.opened > 0 || $0.stalled > 0 }
                .sorted { ($0.verdict.rawValue, $0.tunnels) > ($1.verdict.rawValue, $1.tunnels) }
            return line
        }
    }

    /// Why not everybody can be told apart; nil where nothing is known to be hidden.
    private var unseen: String? {
        if let obstacle = dataPlane.identity.obstacle {
            return "clients of this host are told apart by address only: \(obstacle)"
        }
        var reasons: [String] = []
        let ungrouped = dataPlane.identity.local.ungrouped
        if ungrouped > 0 {
            reasons.append(
                "the control groups of \(ungrouped) connections over Unix sockets are not seen from here; their users are"
            )
        }
        if dataPlane.identity.unseen > 0 {
            reasons.append(
                "\(dataPlane.identity.unseen) connections from loopback have no socket that is seen from here"
            )
        }
        let unreadable = found.values.map(\.unreadable).max() ?? 0
        if unreadable > 0 {
            reasons.append(
                "the processes of other users are hidden (\(unreadable); CAP_SYS_PTRACE shows them)"
            )
        }
        return reasons.isEmpty ? nil : reasons.joined(separator: "; ")
    }

    /// A line with what is known of its names.
    private func named(_ report: OwnerReport) -> OwnerLine {
        var line = OwnerLine(report)
        line.portless = dataPlane.identity.local.count(of: report.key)
        if let local = LocalOwner(report.key) {
            let name = directory.name(of: local)
            line.user = name?.user
            line.cgroup = name?.cgroupPath
            line.unit = name?.unit
        } else {
            line.address = report.key.addressText
        }
        line.processes = found[report.owner]?.processes ?? []
        return line
    }

    // MARK: Processes

    /// Finds the owner's processes, and then does what is left to do, in any case once.
    private func search(_ owner: SlotID, then: @escaping () -> Void) {
        let holders = dataPlane.holders(of: owner, limit: LeakWatch.sample)
        pending.insert(owner)
        directory.findProcesses(holders) { [weak self] search in
            guard let self else { return }
            pending.remove(owner)
            if found.count >= LeakWatch.mostOwners { found.removeAll(keepingCapacity: true) }
            let isWhole = holders.inodes.isSubset(
                of: search.findings.reduce(into: []) { $0.formUnion($1.inodes) }
            )
            func share(_ finding: ProcessFinding) -> Int {
                finding.inodes.count + (holders.pids[finding.pid] ?? 0)
            }
            // Those that hold most of the sample first: a child may have inherited one socket.
            let processes = search.findings.sorted { (share($0), -$0.pid) > (share($1), -$1.pid) }
                .prefix(LeakWatch.mostProcesses).map {
                    OwnerLine.Process(
                        pid: Int($0.pid),
                        executable: $0.executable,
                        command: $0.command.isEmpty ? nil : $0.command
                    )
                }
            found[owner] = Found(
                processes: Array(processes),
                unreadable: isWhole ? 0 : search.unreadable,
                at: loop.now
            )
            then()
        }
    }
}

extension LocalOwner {
    /// Nil for an owner that is known by its address.
    init?(_ key: OwnerKey) {
        guard key.kind == .local, let uid = UInt32(exactly: key.high) else { return nil }
        self.init(uid: uid, cgroup: key.low == 0 ? nil : key.low)
    }
}

extension OwnerKey {
    /// The address, of an owner that is known by it.
    var addressText: String {
        if high == 0 && low >> 32 == 0xFFFF {
            return Endpoint.Address.v4(UInt32(truncatingIfNeeded: low)).description
        }
        return Endpoint.Address.v6(high: high, low: low, scope: 0).description
    }
}
