import Basics
import ClientPolicy
import Dialling
import ProxyCore
import Reactor
import Telemetry
import UpstreamPool

/// What one worker contributes to the pages.
struct WorkerFigures: Sendable {
    var snapshot: ProxySnapshot
    /// Owners without their names.
    var owners: [OwnerLine]
    /// Why owners may not be told apart.
    var obstacle: String?
    var unseen: Int
    var ungrouped: Int
}

// What others ask a worker.
extension Worker {
    /// Connections of an owner by which its processes are found.
    private static let mostHolders = 16

    /// Everything that pages show; walks its connections, origins and owners.
    func figures() -> WorkerFigures {
        WorkerFigures(
            snapshot: snapshot(),
            owners: owners(),
            obstacle: dataPlane.identity.obstacle,
            unseen: dataPlane.identity.unseen,
            ungrouped: dataPlane.identity.local.ungrouped
        )
    }

    private func snapshot() -> ProxySnapshot {
        var process = ProcessFigures()
        process.dialsSucceeded = dataPlane.dialsSucceeded
        process.dialFailures = dataPlane.dialFailures
        process.loopDelays = dataPlane.loopDelays
        process.dialDurations = dataPlane.dialDurations
        process.connectDurations = dataPlane.connectDurations
        let names = dataPlane.dialer.nameCounts
        process.namesKnown = names.answered
        process.namesInFlight = names.inFlight
        process.namesQueued = names.queued
        process.nameLookUps = NameLookUps(dataPlane.dialer.nameLookUps)
        dataPlane.noteTrends()
        var snapshot = ProxySnapshot(dataPlane.engine, process, withOrigins: true)
        snapshot.clientPorts.used = dataPlane.clientPortsInUse
        snapshot.clientPorts.growth = dataPlane.clientTrend.growth
        snapshot.upstreamPorts.growth = dataPlane.upstreamTrend.growth
        return snapshot
    }

    /// All owners that are remembered, with what they have to single destinations.
    private func owners() -> [OwnerLine] {
        let destinations = Dictionary(grouping: dataPlane.engine.destinations.reports(), by: \.owner)
        return dataPlane.engine.policy.ownerReports().map { report in
            var line = OwnerLine(report)
            line.portless = dataPlane.identity.local.count(of: report.key)
            line.destinations = (destinations[report.owner] ?? []).filter { $0.opened > 0 || $0.stalled > 0 }
                .sorted(by: OwnerLine.mattersMore)
            return line
        }
    }

    /// By what the processes of owners are found.
    func holders(of owners: [OwnerKey]) -> [OwnerKey: Holders] {
        var found: [OwnerKey: Holders] = [:]
        for key in owners {
            guard let owner = dataPlane.engine.policy.owner(of: key) else { continue }
            found[key] = dataPlane.holders(of: owner, limit: Worker.mostHolders)
        }
        return found
    }

    /// What goes on now, in short.
    func sample() -> WorkerSample {
        WorkerSample(
            history: HistorySample(dataPlane.engine, clientPorts: dataPlane.clientPortsInUse),
            idle: dataPlane.engine.pool.idleCount,
            leaking: Set(dataPlane.engine.policy.owners(judged: .leaking))
        )
    }

    /// What speaks against an owner that seems to leak.
    func suspicion(against owner: SlotID) -> Suspicion {
        let (holders, unread) = dataPlane.evidence(against: owner)
        let key = dataPlane.engine.policy.ownerReport(owner)?.key
        return Suspicion(owner: owner, key: key, holders: holders, unread: unread)
    }

    /// Passes on a verdict that has changed, unless its owner is forgotten by now.
    func notice(_ notice: VerdictNotice) {
        var destination: String?
        let owner: SlotID
        switch notice {
        case .owner(let change): owner = change.owner
        case .destination(let change):
            owner = change.owner
            destination = dataPlane.engine.destinations.report(change.destination)?.name
        }
        guard let report = dataPlane.engine.policy.ownerReport(owner) else { return }
        let holders = dataPlane.holders(of: owner, limit: Worker.mostHolders)
        notify(
            .verdict(VerdictReport(notice: notice, owner: report, destination: destination, holders: holders))
        )
    }
}

extension Holders {
    /// Takes over what another worker knows.
    mutating func add(_ other: Holders) {
        inodes.formUnion(other.inodes)
        pids.merge(other.pids, uniquingKeysWith: +)
        isWhole = isWhole && other.isWhole
    }
}

extension NameLookUps {
    /// The cache's figures.
    fileprivate init(_ counted: NameCache.LookUps) {
        self.init()
        known = counted.known
        asked = counted.asked
        joined = counted.joined
        refused = counted.refused
    }
}
