import Basics
import ClientPolicy
import ProxyCore
import UpstreamPool

// Several workers of one process are shown as if they were one.
extension ProxySnapshot {
    /// What the workers were doing in all, in the order of the workers.
    ///
    /// Counters and gauges add up; an origin or owner that several of them know is one. Two figures cannot be exact
    /// and are the most that it may have been: the peak of upstream connections, and the ports in use towards the
    /// origin with most, are the sums of what each worker had. The limits, and what belongs to the process and not to
    /// a worker, are those of the first.
    ///
    /// - Parameter owners: Those of all workers, merged.
    public init(merging parts: [ProxySnapshot], owners lines: [OwnerLine]) {
        self = parts.first ?? ProxySnapshot()
        if parts.count < 2 { return }
        for part in parts.dropFirst() { add(part) }
        origins = UpstreamPool.OriginReport.merged(parts.flatMap(\.origins))
        poolCounts.origins = origins.count
        owners = lines.count { $0.report.held > 0 }
        ownersByVerdict = ownersByVerdict.indices.map { verdict in
            lines.count { Int($0.report.verdict.rawValue) == verdict }
        }
    }

    private mutating func add(_ other: ProxySnapshot) {
        engine.add(other.engine)
        pool.add(other.pool)
        poolCounts.add(other.poolCounts)
        clients.add(other.clients)
        clientEnds.add(other.clientEnds)
        clientRefusals += other.clientRefusals
        ownersForgotten += other.ownersForgotten
        quietTunnels += other.quietTunnels
        stalled += other.stalled
        clientPorts.add(other.clientPorts)
        upstreamPorts.add(other.upstreamPorts)
        tunnels += other.tunnels
        isDraining = isDraining || other.isDraining
        process.add(other.process)
        workers += other.workers
    }
}

extension [Int] {
    /// Adds counter by counter.
    mutating func add(_ other: [Int]) {
        if other.count > count { append(contentsOf: repeatElement(0, count: other.count - count)) }
        for index in other.indices { self[index] += other[index] }
    }
}

extension PortUse {
    fileprivate mutating func add(_ other: PortUse) {
        used += other.used
        timeWaits += other.timeWaits
        growth += other.growth
    }
}

extension ProcessFigures {
    /// What each worker counts for itself.
    fileprivate mutating func add(_ other: ProcessFigures) {
        dialsSucceeded += other.dialsSucceeded
        dialFailures.add(other.dialFailures)
        loopDelays.add(other.loopDelays)
        dialDurations.add(other.dialDurations)
        connectDurations.add(other.connectDurations)
        nameLookUps.known += other.nameLookUps.known
        nameLookUps.asked += other.nameLookUps.asked
        nameLookUps.joined += other.nameLookUps.joined
        nameLookUps.refused += other.nameLookUps.refused
        namesKnown += other.namesKnown
        namesInFlight += other.namesInFlight
        namesQueued += other.namesQueued
    }
}

extension EngineStatistics {
    fileprivate mutating func add(_ other: EngineStatistics) {
        clientsAccepted += other.clientsAccepted
        requests += other.requests
        intercepted.add(other.intercepted)
        responses.add(other.responses)
        ownResponses += other.ownResponses
        tunnelsOpened += other.tunnelsOpened
        outcomes.add(other.outcomes)
        limits.add(other.limits)
        leaksFound += other.leaksFound
        stallsCut += other.stallsCut
        retries += other.retries
        bytesUp &+= other.bytesUp
        bytesDown &+= other.bytesDown
        idleClosedByUpstream += other.idleClosedByUpstream
        unsolicitedBytes += other.unsolicitedBytes
        staleEvents += other.staleEvents
        gracefulCloses += other.gracefulCloses
        resetAfterGrace += other.resetAfterGrace
        lateRequests += other.lateRequests
        durations.add(other.durations)
        tunnelDurations.add(other.tunnelDurations)
        waits.add(other.waits)
        firstBytes.add(other.firstBytes)
    }
}

extension PoolStatistics {
    fileprivate mutating func add(_ other: PoolStatistics) {
        dialsStarted += other.dialsStarted
        dialsFailed += other.dialsFailed
        leasesFresh += other.leasesFresh
        leasesReused += other.leasesReused
        waits += other.waits
        queueRefusals += other.queueRefusals
        backoffs += other.backoffs
        refusals.add(other.refusals)
        peakConnections += other.peakConnections
    }
}

extension UpstreamPool.Counts {
    fileprivate mutating func add(_ other: UpstreamPool.Counts) {
        dialling += other.dialling
        idle += other.idle
        leased += other.leased
        waiting += other.waiting
    }
}

extension ProxyEngine.ClientReport {
    fileprivate mutating func add(_ other: ProxyEngine.ClientReport) {
        fresh += other.fresh
        readingHead += other.readingHead
        waiting += other.waiting
        exchanging += other.exchanging
        parked += other.parked
        unread += other.unread
        tunnels += other.tunnels
        ending += other.ending
    }
}

extension UpstreamPool.OriginReport {
    private struct Key: Hashable {
        var host: String
        var port: UInt16
        var kind: OriginKind
        var name: String
    }

    /// One report for each origin, in the order in which they come first.
    static func merged(_ reports: [UpstreamPool.OriginReport]) -> [UpstreamPool.OriginReport] {
        var merged: [UpstreamPool.OriginReport] = []
        var places: [Key: Int] = [:]
        for report in reports {
            let key = Key(host: report.host, port: report.port, kind: report.kind, name: report.name)
            guard let place = places[key] else {
                places[key] = merged.count
                merged.append(report)
                continue
            }
            merged[place].dialling += report.dialling
            merged[place].idle += report.idle
            merged[place].leased += report.leased
            merged[place].waiting += report.waiting
        }
        return merged
    }
}
