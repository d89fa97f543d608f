import ClientPolicy
import UpstreamPool

// Several engines of one process keep its bounds together.
extension EngineConfiguration {
    /// The part of one engine among several: every bound of the process is divided, so that the parts add up to it
    /// and what each engine keeps, all keep.
    ///
    /// - Parameters:
    ///   - index: Which engine it is, from 0.
    ///   - count: How many there are; no more than the smallest bound.
    public func share(of index: Int, among count: Int) -> EngineConfiguration {
        if count == 1 { return self }
        func part(_ bound: Int) -> Int { EngineConfiguration.part(of: bound, index, count) }
        var share = self
        share.clients.maxConnections = part(clients.maxConnections)
        share.clients.ports = part(clients.ports)
        share.clients.maxParkedPerOwner = part(clients.maxParkedPerOwner)
        share.clients.maxAbsentOwners = part(clients.maxAbsentOwners)
        share.maxStalledPerOwner = part(maxStalledPerOwner)
        share.maxTunnels = part(maxTunnels)
        share.maxQuietPerDestination = part(maxQuietPerDestination)
        share.pool.maxConnections = part(pool.maxConnections)
        share.pool.maxPerDestination = part(pool.maxPerDestination)
        share.pool.ports = part(pool.ports)
        share.pool.maxIdle = part(pool.maxIdle)
        share.pool.maxIdlePerDestination = part(pool.maxIdlePerDestination)
        share.pool.maxDialsPerDestination = part(pool.maxDialsPerDestination)
        share.pool.maxQueue = part(pool.maxQueue)
        return share
    }

    /// What is no bound (`Int.max`) stays none. The first engines have one more where it does not divide evenly.
    private static func part(of bound: Int, _ index: Int, _ count: Int) -> Int {
        bound == .max ? .max : bound / count + (index < bound % count ? 1 : 0)
    }
}
