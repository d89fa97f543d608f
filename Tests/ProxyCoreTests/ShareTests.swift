import ClientPolicy
import ProxyCore
import Testing
import UpstreamPool

@Suite("Shares of the bounds")
struct ShareTests {
    private let bounds: [KeyPath<EngineConfiguration, Int>] = [
        \.clients.maxConnections, \.clients.ports, \.clients.maxParkedPerOwner, \.clients.maxAbsentOwners,
        \.maxStalledPerOwner, \.maxTunnels, \.maxQuietPerDestination, \.pool.maxConnections,
        \.pool.maxPerDestination, \.pool.ports, \.pool.maxIdle, \.pool.maxIdlePerDestination,
        \.pool.maxDialsPerDestination, \.pool.maxQueue,
    ]

    private var whole: EngineConfiguration {
        var whole = EngineConfiguration()
        whole.clients.ports = 28_231
        whole.pool.ports = 25_409
        whole.maxQuietPerDestination = 9
        return whole
    }

    @Test("the shares of every bound add up to it, and differ by one at most", arguments: [1, 2, 3, 7, 9])
    func sums(count: Int) {
        let shares = (0..<count).map { whole.share(of: $0, among: count) }
        for bound in bounds {
            let parts = shares.map { $0[keyPath: bound] }
            #expect(parts.reduce(0, +) == whole[keyPath: bound])
            #expect((parts.max() ?? 0) - (parts.min() ?? 0) <= 1)
            #expect(parts.allSatisfy { $0 > 0 })
        }
    }

    @Test("what is unlimited stays unlimited, and what is no bound of the process stays")
    func unlimited() {
        var whole = whole
        whole.clients.maxParkedPerOwner = .max
        whole.pool.maxRequests = 10
        for index in 0..<2 {
            let share = whole.share(of: index, among: 2)
            #expect(share.clients.maxParkedPerOwner == .max)
            #expect(share.clients.maxRequests == .max)
            #expect(share.pool.maxRequests == 10)
        }
    }
}
