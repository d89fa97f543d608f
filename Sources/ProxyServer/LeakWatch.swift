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

    /// Processes that are kept of an owner, and owners of which any are kept.
    private static let mostProcesses = 8
    private static let mostOwners = 256
    /// Owners whose processes one reading of `/leaks` has looked up.
    private static let mostSearches = 16
    /// What was found longer ago is looked up again.
    private static let lifetime = Interval.seconds(10)

    private let loop: EventLoop
    private unowned let workers: Workers
    private let directory: OwnerDirectory
    private let log: Logger
    private var found: [OwnerKey: Found] = [:]
    private var pending: Set<OwnerKey> = []

    init(workers: Workers, log: Logger) {
        loop = workers.local.loop
        self.workers = workers
        self.log = log
        directory = OwnerDirectory(loop: loop)
    }

    /// Ends the directory's thread.
    func close() { directory.close() }

    /// An owner seems to leak: finds out how many clients its connections may belong to, and tells the worker.
    func inquire(into suspicion: Suspicion, at worker: Int) {
        let answer = { [weak workers] (clients: Int?) in
            let (owner, unread) = (suspicion.owner, suspicion.unread)
            workers?.tell(worker) { $0.dataPlane.inquired(into: owner, clients: clients, unread: unread) }
        }
        if let key = suspicion.key, let local = LocalOwner(key) {
            directory.countClients(of: local, among: suspicion.holders) { answer($0) }
        } else {
            loop.afterTurn { answer(nil) }
        }
    }

    // MARK: The log

    /// A verdict has changed: one line, as soon as the owner has a name.
    func announce(_ report: VerdictReport) {
        // Asked first, so that the answer is there when the processes are.
        if let local = LocalOwner(report.owner.key) { _ = directory.name(of: local) }
        search(report.owner.key, report.holders) { [weak self] in self?.write(report) }
    }

    private func write(_ report: VerdictReport) {
        var line = named(OwnerLine(report.owner))
        var metadata: Logger.Metadata = ["owner": "\(line.name)"]
        if let process = line.processes.first {
            metadata["pid"] = "\(process.pid)"
            metadata["exe"] = "\(process.executable ?? process.command ?? "?")"
        }
        if !report.owner.agent.isEmpty { metadata["agent"] = "\(report.owner.agent)" }
        let verdict: Verdict
        let former: Verdict
        switch report.notice {
        case .owner(let change):
            (verdict, former) = (change.verdict, change.former)
            metadata["opened"] = "\(change.opened)"
            metadata["held"] = "\(change.held)"
            metadata["idle"] = "\(change.idle)"
            metadata["evidence"] = "\(change.evidence) of 32"
        case .destination(let change):
            (verdict, former) = (change.verdict, change.former)
            metadata["destination"] = "\(report.destination ?? "?")"
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

    /// Appends `/leaks`, and looks for the processes of owners that have none yet.
    func write(_ owners: [OwnerLine], _ figures: [WorkerFigures], to buffer: inout ByteBuffer) {
        let wanted = owners.filter { owner in
            owner.report.held > 0 && !(found[owner.report.key].map(isFresh) ?? false)
        }
        searchAll(wanted.prefix(LeakWatch.mostSearches).map(\.report.key))
        let isPending = !pending.isEmpty || directory.pendingCount > 0
        LeaksJSON.write(owners, isPending: isPending, unseen: unseen(figures), now: loop.now, to: &buffer)
    }

    private func isFresh(_ found: Found) -> Bool { loop.now.since(found.at) < LeakWatch.lifetime }

    /// Why not everybody can be told apart; nil where nothing is known to be hidden.
    private func unseen(_ figures: [WorkerFigures]) -> String? {
        if let obstacle = figures.lazy.compactMap(\.obstacle).first {
            return "clients of this host are told apart by address only: \(obstacle)"
        }
        var reasons: [String] = []
        let ungrouped = figures.reduce(0) { $0 + $1.ungrouped }
        if ungrouped > 0 {
            reasons.append(
                "the control groups of \(ungrouped) connections over Unix sockets are not seen from here; their users are"
            )
        }
        let hidden = figures.reduce(0) { $0 + $1.unseen }
        if hidden > 0 {
            reasons.append("\(hidden) connections from loopback have no socket that is seen from here")
        }
        let unreadable = found.values.map(\.unreadable).max() ?? 0
        if unreadable > 0 {
            reasons.append(
                "the processes of other users are hidden (\(unreadable); CAP_SYS_PTRACE shows them)"
            )
        }
        return reasons.isEmpty ? nil : reasons.joined(separator: "; ")
    }

    /// The lines with what is known of names.
    func named(_ lines: [OwnerLine]) -> [OwnerLine] { lines.map { named($0) } }

    private func named(_ owner: OwnerLine) -> OwnerLine {
        var line = owner
        let key = owner.report.key
        if let local = LocalOwner(key) {
            let name = directory.name(of: local)
            line.user = name?.user
            line.cgroup = name?.cgroupPath
            line.unit = name?.unit
        } else {
            line.address = key.addressText
        }
        line.processes = found[key]?.processes ?? []
        return line
    }

    // MARK: Processes

    /// Finds the processes of owners by what all workers know of them.
    private func searchAll(_ owners: [OwnerKey]) {
        if owners.isEmpty { return }
        pending.formUnion(owners)
        workers.gather({ $0.holders(of: owners) }) { [weak self] parts in
            guard let self else { return }
            for owner in owners {
                var holders: Holders?
                for case let part? in (parts ?? []).map({ $0[owner] }) {
                    if holders == nil { holders = part } else { holders?.add(part) }
                }
                if let holders { search(owner, holders) {} } else { pending.remove(owner) }
            }
        }
    }

    /// Finds the owner's processes, and then does what is left to do, in any case once.
    private func search(_ owner: OwnerKey, _ holders: Holders, then: @escaping () -> Void) {
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
