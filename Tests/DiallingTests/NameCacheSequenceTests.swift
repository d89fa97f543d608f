import Basics
import Dialling
import Testing

/// Every short sequence of events over a cache with tiny bounds, against an account of who waits.
@Suite("Name cache, exhaustively")
struct NameCacheSequenceTests {
    private struct World {
        var cache: NameCache
        var now = MonotonicTime.zero
        var waiting: Set<UInt64> = []
        var running: [NameCache.QueryID] = []
        var nextToken: UInt64 = 0
    }

    private enum Event: CaseIterable {
        case lookUpA, lookUpB, lookUpC
        case succeedOldest, succeedNewest, failOldest, missNewest
        case cancelOldest, cancelNewest
        case secondPasses
    }

    @Test("no waiter is lost or told twice, and no bound is passed, in any sequence")
    func exhaustive() {
        var limits = NameCache.Limits()
        limits.maxNames = 1
        limits.maxQueries = 1
        limits.maxQueued = 1
        limits.negativeTTL = .seconds(1)
        var sequences = 0
        explore(World(cache: NameCache(limits: limits)), depth: 6, &sequences)
        #expect(sequences > 50_000)
    }

    private func explore(_ world: World, depth: Int, _ sequences: inout Int) {
        for event in Event.allCases {
            var next = world
            guard apply(event, to: &next) else { continue }
            next.cache.checkInvariants()
            sequences += 1
            if depth > 1 { explore(next, depth: depth - 1, &sequences) }
        }
    }

    /// Returns false where the event cannot happen in this state.
    private func apply(_ event: Event, to world: inout World) -> Bool {
        switch event {
        case .lookUpA: return lookUp("a", &world)
        case .lookUpB: return lookUp("b", &world)
        case .lookUpC: return lookUp("c", &world)
        case .succeedOldest:
            let answer = NameCache.Answer(addresses: [.v4(1)], timeToLive: .seconds(1))
            return finish(world.running.first, .success(answer), &world)
        case .succeedNewest:
            guard world.running.count > 1 else { return false }
            let answer = NameCache.Answer(addresses: [.v4(1)], timeToLive: .seconds(1))
            return finish(world.running.last, .success(answer), &world)
        case .failOldest: return finish(world.running.first, .failure(.dnsTimeout), &world)
        case .missNewest: return finish(world.running.last, .failure(.dnsNotFound), &world)
        case .cancelOldest: return cancel(world.waiting.min(), &world)
        case .cancelNewest: return world.waiting.count > 1 && cancel(world.waiting.max(), &world)
        case .secondPasses:
            world.now = world.now + .seconds(1)
            return true
        }
    }

    private func lookUp(_ host: String, _ world: inout World) -> Bool {
        let token = world.nextToken
        world.nextToken += 1
        switch world.cache.lookUp(host: host, token: token, now: world.now) {
        case .startQuery(let query):
            if world.cache.name(of: query) != host { Issue.record("asked for another name") }
            world.running.append(query)
            world.waiting.insert(token)
        case .waiting: world.waiting.insert(token)
        case .addresses, .failed, .refused: break
        }
        return true
    }

    private func finish(
        _ query: NameCache.QueryID?,
        _ result: Result<NameCache.Answer, DialFailure>,
        _ world: inout World
    ) -> Bool {
        guard let query else { return false }
        world.running.removeAll { $0 == query }
        let completion = world.cache.finished(query, result, now: world.now)
        for token in completion.waiters where world.waiting.remove(token) == nil {
            Issue.record("token \(token) is told although it does not wait")
        }
        world.running += completion.next
        if world.running.isEmpty && !world.waiting.isEmpty { Issue.record("waits for nothing") }
        return true
    }

    private func cancel(_ token: UInt64?, _ world: inout World) -> Bool {
        guard let token else { return false }
        world.cache.cancel(token)
        world.waiting.remove(token)
        return true
    }
}
