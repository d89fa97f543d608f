public import Basics
import ClientPolicy
import UpstreamPool

// Who makes room where no more client connections may come soon, or may not come at all (POLICY §3.4, §7).
extension ProxyEngine {
    /// Makes sure that one more client connection fits: one that is ending already, else the longest
    /// parked of the heaviest owner, is reset. The bound is exact.
    mutating func makeRoomForClient() -> Bool {
        // One goes for one, but after a reload that lowered the bound it takes more.
        var steps = 0
        while policy.held >= policy.limits.maxConnections {
            steps += 1
            if steps > 32 { return false }
            if let oldest = ending.first >= 0 ? clients.occupant(of: Int(ending.first)) : nil {
                closeClient(oldest, .reset)
            } else if let victim = policy.longestParkedOfHeaviestOwner() {
                policy.count(.evicted)
                closeClient(victim, .reset)
            } else {
                return false
            }
        }
        return true
    }

    /// Near a bound the heaviest owner's longest parked connection goes in good order, so that at the bound
    /// nobody must be reset. Where nothing is parked, its longest quiet tunnel does, unless its last answer was not
    /// read yet or it is proven live.
    mutating func relieve() {
        isReliefDue = false
        if policy.crowding == .none { return }
        if let victim = policy.surplus() { return endParked(victim, .evicted) }
        if let quiet = longestQuietOfHeaviest(isLocal: policy.crowding == .ofThisHost) { reapQuiet(quiet) }
    }

    /// The unproven tunnel that has been quiet longest, of those that have most such, if it has been quiet for
    /// `leak_idle_timeout`. A pool of connections to a database lies quiet for a living, so it is never one.
    func longestQuietOfHeaviest(isLocal: Bool = false) -> SlotID? {
        let longest = destinations.longestUnprovenOfHeaviest { owner, member in
            (!isLocal || policy.isLocal(owner)) && !exchanges[member].tunnel.isRaw
        }
        guard let longest, now.since(destinations.quietSince(longest)) >= configuration.leakIdleTimeout else {
            return nil
        }
        return longest
    }

    /// accept(2) or connect(2) met the limit of descriptors: idle and parked connections make room, then quiet
    /// tunnels, then what nobody reads.
    public mutating func descriptorsExhausted(now: MonotonicTime) {
        begin(now)
        pool.closeIdle(limit: 8, .evicted)
        applyPoolEffects()
        var found = 0
        while found < 8 {
            if let victim = policy.longestParkedOfHeaviestOwner() {
                policy.count(.evicted)
                closeClient(victim, .reset)
            } else if let quiet = longestQuietOfHeaviest() {
                reapQuiet(quiet)
            } else {
                break
            }
            found += 1
        }
        if found == 0, let victim = destinations.longestStalledOfHeaviest() { cutStalled(victim) }
        applyPoolEffects()
        applyVerdicts()
    }
}
