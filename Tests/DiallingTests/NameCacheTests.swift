import Basics
import Dialling
import Testing

@Suite("Name cache")
struct NameCacheTests {
    private let addresses: [Endpoint.Address] = [.v4(0x0A00_0001), .v6(high: 1, low: 2, scope: 0)]

    private func at(_ seconds: Int) -> MonotonicTime { .zero + .seconds(seconds) }

    private func answer(_ seconds: Int) -> Result<NameCache.Answer, DialFailure> {
        .success(NameCache.Answer(addresses: addresses, timeToLive: .seconds(seconds)))
    }

    private func started(_ decision: NameCache.Decision) throws -> NameCache.QueryID {
        guard case .startQuery(let query) = decision else { throw Unexpected.decision }
        return query
    }

    private enum Unexpected: Error { case decision }

    private func smallLimits() -> NameCache.Limits {
        var limits = NameCache.Limits()
        limits.maxNames = 2
        limits.maxQueries = 2
        limits.maxQueued = 1
        return limits
    }

    @Test("address literals and localhost need no look-up")
    func bypasses() {
        var cache = NameCache()
        let loopback: [Endpoint.Address] = [.v6(high: 0, low: 1, scope: 0), .v4(0x7F00_0001)]
        #expect(cache.lookUp(host: "10.0.0.1", token: 1, now: .zero) == .addresses([.v4(0x0A00_0001)]))
        #expect(cache.lookUp(host: "[::1]", token: 1, now: .zero) == .addresses([loopback[0]]))
        #expect(cache.lookUp(host: "LocalHost", token: 1, now: .zero) == .addresses(loopback))
        #expect(cache.lookUp(host: "x.localhost.", token: 1, now: .zero) == .addresses(loopback))
        #expect(cache.lookUp(host: "no such name", token: 1, now: .zero) == .failed(.dnsNotFound))
        #expect(cache.counts == (0, 0, 0))
    }

    @Test("look-ups are counted by what became of them")
    func counts() throws {
        var cache = NameCache(limits: smallLimits())
        let query = try started(cache.lookUp(host: "a", token: 1, now: at(0)))
        _ = cache.lookUp(host: "A", token: 2, now: at(0))
        _ = cache.finished(query, answer(30), now: at(1))
        for token in 3...5 { _ = cache.lookUp(host: "a", token: UInt64(token), now: at(2)) }
        for (token, name) in [(6, "b"), (7, "c"), (8, "d"), (9, "e"), (10, "f")] {
            _ = cache.lookUp(host: name, token: UInt64(token), now: at(2))
        }
        _ = cache.lookUp(host: "10.0.0.1", token: 11, now: at(2))
        let counted = cache.lookUps
        #expect(counted.known == 3 && counted.asked == 4 && counted.joined == 1 && counted.refused == 2)
    }

    @Test("an answer is kept for its time to live, whatever the case of the name")
    func keepsAnswer() throws {
        var cache = NameCache()
        let query = try started(cache.lookUp(host: "A.example", token: 1, now: at(0)))
        #expect(cache.name(of: query) == "a.example")
        let completion = cache.finished(query, answer(30), now: at(1))
        #expect(completion.waiters == [1])
        #expect(cache.lookUp(host: "a.EXAMPLE", token: 2, now: at(30)) == .addresses(addresses))
        _ = try started(cache.lookUp(host: "a.example", token: 3, now: at(31)))
    }

    @Test(
        "the time to live is kept between its bounds",
        arguments: [(0, 1), (1, 1), (300, 300), (86_400, 300)]
    )
    func clampsTimeToLive(seconds: Int, kept: Int) throws {
        var cache = NameCache()
        let query = try started(cache.lookUp(host: "a", token: 1, now: at(0)))
        _ = cache.finished(query, answer(seconds), now: at(0))
        let last = MonotonicTime(nanoseconds: at(kept).nanoseconds - 1)
        #expect(cache.lookUp(host: "a", token: 2, now: last) == .addresses(addresses))
        _ = try started(cache.lookUp(host: "a", token: 3, now: at(kept)))
    }

    @Test("that a name does not exist is remembered; an error is not")
    func negativeAnswers() throws {
        var cache = NameCache()
        let missing = try started(cache.lookUp(host: "a", token: 1, now: at(0)))
        #expect(cache.finished(missing, .failure(.dnsNotFound), now: at(0)).waiters == [1])
        #expect(cache.lookUp(host: "a", token: 2, now: at(4)) == .failed(.dnsNotFound))
        _ = try started(cache.lookUp(host: "a", token: 2, now: at(5)))
        for cause in [DialFailure.dnsTimeout, .dnsFailed] {
            let query = try started(cache.lookUp(host: "b", token: 9, now: at(0)))
            #expect(cache.finished(query, .failure(cause), now: at(0)).waiters == [9])
        }
        _ = try started(cache.lookUp(host: "b", token: 9, now: at(0)))
    }

    @Test("many who ask for one name share one look-up and are told in order")
    func sharesQuery() throws {
        var cache = NameCache()
        let query = try started(cache.lookUp(host: "a", token: 1, now: at(0)))
        for token in UInt64(2)...5 { #expect(cache.lookUp(host: "a", token: token, now: at(0)) == .waiting) }
        cache.cancel(3)
        #expect(cache.finished(query, answer(1), now: at(0)).waiters == [1, 2, 4, 5])
    }

    @Test("a look-up whose waiters have all left goes on, and its answer is kept")
    func abandonedQuery() throws {
        var cache = NameCache()
        let query = try started(cache.lookUp(host: "a", token: 1, now: at(0)))
        cache.cancel(1)
        #expect(cache.counts.inFlight == 1)
        #expect(cache.finished(query, answer(9), now: at(1)).waiters.isEmpty)
        #expect(cache.lookUp(host: "a", token: 2, now: at(2)) == .addresses(addresses))
    }

    @Test("beyond the bound look-ups wait in order, and beyond that are refused")
    func boundsQueries() throws {
        var cache = NameCache(limits: smallLimits())
        let first = try started(cache.lookUp(host: "a", token: 1, now: at(0)))
        _ = try started(cache.lookUp(host: "b", token: 2, now: at(0)))
        #expect(cache.lookUp(host: "c", token: 3, now: at(0)) == .waiting)
        #expect(cache.lookUp(host: "d", token: 4, now: at(0)) == .refused)
        #expect(cache.lookUp(host: "c", token: 5, now: at(0)) == .waiting)
        let completion = cache.finished(first, answer(9), now: at(0))
        let next = try #require(completion.next.first)
        #expect(cache.name(of: next) == "c")
        #expect(cache.finished(next, answer(9), now: at(0)).waiters == [3, 5])
    }

    @Test("a name that waits for its turn is dropped with its last waiter")
    func dropsQueued() throws {
        var cache = NameCache(limits: smallLimits())
        let first = try started(cache.lookUp(host: "a", token: 1, now: at(0)))
        _ = try started(cache.lookUp(host: "b", token: 2, now: at(0)))
        #expect(cache.lookUp(host: "c", token: 3, now: at(0)) == .waiting)
        cache.cancel(3)
        #expect(cache.counts.queued == 0)
        #expect(cache.finished(first, answer(9), now: at(0)).next.isEmpty)
    }

    @Test("the answer unused for longest makes room")
    func evicts() throws {
        var cache = NameCache(limits: smallLimits())
        for (token, host) in ["a", "b"].enumerated() {
            let query = try started(cache.lookUp(host: host, token: UInt64(token), now: at(0)))
            _ = cache.finished(query, answer(99), now: at(0))
        }
        #expect(cache.lookUp(host: "a", token: 7, now: at(1)) == .addresses(addresses))
        let query = try started(cache.lookUp(host: "c", token: 8, now: at(1)))
        _ = cache.finished(query, answer(99), now: at(1))
        #expect(cache.lookUp(host: "a", token: 9, now: at(2)) == .addresses(addresses))
        _ = try started(cache.lookUp(host: "b", token: 9, now: at(2)))
    }

    @Test("a second answer to one look-up is ignored")
    func ignoresLateAnswer() throws {
        var cache = NameCache()
        let query = try started(cache.lookUp(host: "a", token: 1, now: at(0)))
        _ = cache.finished(query, .failure(.dnsTimeout), now: at(0))
        let again = try started(cache.lookUp(host: "a", token: 2, now: at(0)))
        #expect(cache.finished(query, answer(9), now: at(0)).waiters.isEmpty)
        #expect(cache.finished(again, answer(9), now: at(0)).waiters == [2])
    }

    @Test("a reload forgets the answers and keeps who waits")
    func reconfigures() throws {
        var cache = NameCache()
        let known = try started(cache.lookUp(host: "a", token: 1, now: at(0)))
        _ = cache.finished(known, answer(99), now: at(0))
        let pending = try started(cache.lookUp(host: "b", token: 2, now: at(0)))
        cache.reconfigure(NameCache.Limits())
        cache.checkInvariants()
        #expect(cache.counts == (0, 1, 0))
        #expect(cache.finished(pending, answer(9), now: at(0)).waiters == [2])
    }
}
