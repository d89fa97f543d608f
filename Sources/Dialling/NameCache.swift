public import Basics

/// Remembers what names resolve to and decides which look-ups are made: answers are kept for their time to
/// live, one name is asked for once however many wait for it, and both the names kept and the look-ups under
/// way are bounded.
///
/// A value without I/O: the owner carries out `startQuery` and reports `finished`. A waiter is named by a
/// token of the owner's choice; it waits for one name at a time.
public struct NameCache {
    /// Bounds and times.
    public struct Limits: Hashable, Sendable {
        /// Answers kept at most; the one unused for longest goes first.
        public var maxNames = 1024
        /// Look-ups under way at most.
        public var maxQueries = 64
        /// Names that wait for a look-up of their own at most; a further one is refused.
        public var maxQueued = 256
        /// What a shorter time to live is raised to.
        public var minTTL = Interval.seconds(1)
        /// What a longer time to live is cut to.
        public var maxTTL = Interval.seconds(300)
        /// How long it is remembered that a name does not exist; zero: not at all.
        public var negativeTTL = Interval.seconds(5)

        /// The defaults.
        public init() {}
    }

    /// Names one look-up; an answer to a look-up that is over is ignored.
    public struct QueryID: Hashable, Sendable {
        let slot: SlotID

        init(slot: SlotID) { self.slot = slot }

        /// The look-up as one number, to be handed through a resolver.
        public var rawValue: UInt64 { UInt64(slot.generation) << 32 | UInt64(slot.slot) }

        /// The look-up that was handed through a resolver under this number.
        public init(rawValue: UInt64) {
            slot = SlotID(
                slot: UInt32(truncatingIfNeeded: rawValue),
                generation: UInt32(rawValue >> 32)
            )
        }
    }

    /// What a look-up found.
    public struct Answer: Hashable, Sendable {
        /// At least one.
        public var addresses: [Endpoint.Address]
        /// The least time to live of all records on the way to the addresses, aliases included.
        public var timeToLive: Interval

        /// Puts an answer together.
        public init(addresses: [Endpoint.Address], timeToLive: Interval) {
            self.addresses = addresses
            self.timeToLive = timeToLive
        }
    }

    /// What becomes of one `lookUp`.
    public enum Decision: Hashable, Sendable {
        /// Known already; nobody waits.
        case addresses([Endpoint.Address])
        /// Known to fail; nobody waits.
        case failed(DialFailure)
        /// The token waits; the owner starts this look-up of `name(of:)`.
        case startQuery(QueryID)
        /// The token waits for a look-up that is under way or will be.
        case waiting
        /// Too much is under way; nobody waits.
        case refused
    }

    /// What the end of a look-up brings.
    public struct Completion: Sendable {
        /// Tokens that waited, longest first; each is told the result and waits no more.
        public var waiters: [UInt64] = []
        /// Look-ups that may begin now that one has ended.
        public var next: [QueryID] = []
    }

    /// What became of the names that were asked for, since start. Literals and loopback names are no look-ups.
    public struct LookUps: Hashable, Sendable {
        /// Known already, be it that there is no such name.
        public var known = 0
        /// Asked of a name server.
        public var asked = 0
        /// Joined a look-up that was under way.
        public var joined = 0
        /// Refused, because too many were under way.
        public var refused = 0

        /// None.
        public init() {}
    }

    private struct Entry {
        var name: String
        var result: Result<[Endpoint.Address], DialFailure> = .failure(.dnsNotFound)
        var expires = MonotonicTime.zero
        var waiters: [UInt64] = []
        var phase: Phase
    }

    private enum Phase { case queued, inFlight, answered }

    /// Counters since start.
    public private(set) var lookUps = LookUps()
    private var limits: Limits
    private var entries = SlotMap<Entry>()
    private var byName: [String: SlotID] = [:]
    private var waiting: [UInt64: SlotID] = [:]
    private var links = LinkTable()
    private var queued = ListEnds()
    private var inFlight = ListEnds()
    /// Least recently used first.
    private var answered = ListEnds()

    /// An empty cache.
    public init(limits: Limits = Limits()) { self.limits = limits }

    /// Answers kept, look-ups under way, names that wait for one.
    public var counts: (answered: Int, inFlight: Int, queued: Int) {
        (Int(answered.count), Int(inFlight.count), Int(queued.count))
    }

    /// Changes bounds and times (they hold from the next event on) and forgets every answer: the name
    /// servers may be others now. Who waits goes on waiting.
    public mutating func reconfigure(_ limits: Limits) {
        self.limits = limits
        while let oldest = slot(answered.first) { forget(oldest) }
    }

    /// The name a look-up asks for: lower case, otherwise as given.
    ///
    /// - Precondition: the look-up has been started and has not finished.
    public func name(of query: QueryID) -> String { entries[query.slot].name }

    /// Asks for the addresses of `host`: a name or an address literal.
    ///
    /// - Precondition: `token` waits for nothing.
    public mutating func lookUp(host: String, token: UInt64, now: MonotonicTime) -> Decision {
        precondition(waiting[token] == nil, "token waits already")
        if let address = Endpoint.Address(literal: host) { return .addresses([address]) }
        guard let name = HostName.normalised(host) else { return .failed(.dnsNotFound) }
        if HostName.isLoopback(name) {
            return .addresses([.v6(high: 0, low: 1, scope: 0), .v4(0x7F00_0001)])
        }
        if let known = byName[name] {
            if entries[known].phase != .answered {
                wait(token, for: known)
                lookUps.joined += 1
                return .waiting
            }
            if now < entries[known].expires { return recall(known) }
            forget(known)
        }
        return ask(name, for: token)
    }

    /// A look-up ended. Only answers and the certainty that there is none are kept: after a time-out or an
    /// error the next one who asks causes a new look-up.
    public mutating func finished(
        _ query: QueryID,
        _ result: Result<Answer, DialFailure>,
        now: MonotonicTime
    ) -> Completion {
        var completion = Completion()
        guard entries.isAlive(query.slot), entries[query.slot].phase == .inFlight else { return completion }
        let waiters = entries[query.slot].waiters
        for token in waiters { waiting[token] = nil }
        completion.waiters = waiters
        entries[query.slot].waiters = []
        switch result {
        case .success(let answer):
            let life = min(max(answer.timeToLive, limits.minTTL), limits.maxTTL)
            keep(query.slot, .success(answer.addresses), until: now + life)
        case .failure(.dnsNotFound) where limits.negativeTTL > .zero:
            keep(query.slot, .failure(.dnsNotFound), until: now + limits.negativeTTL)
        case .failure:
            forget(query.slot)
        }
        while let next = startQueued() { completion.next.append(next) }
        return completion
    }

    /// The token no longer wants to know. A look-up that was started goes on, for its answer will be of use;
    /// one that still waits for its turn is dropped with its last waiter.
    public mutating func cancel(_ token: UInt64) {
        guard let slot = waiting.removeValue(forKey: token) else { return }
        entries[slot].waiters.removeAll { $0 == token }
        if entries[slot].phase == .queued && entries[slot].waiters.isEmpty { forget(slot) }
    }

    private mutating func ask(_ name: String, for token: UInt64) -> Decision {
        let starts = inFlight.count < limits.maxQueries
        guard starts || queued.count < limits.maxQueued else {
            lookUps.refused += 1
            return .refused
        }
        lookUps.asked += 1
        let slot = entries.insert(Entry(name: name, phase: starts ? .inFlight : .queued))
        byName[name] = slot
        if starts {
            links.append(Int32(slot.slot), to: &inFlight)
        } else {
            links.append(Int32(slot.slot), to: &queued)
        }
        wait(token, for: slot)
        return starts ? .startQuery(QueryID(slot: slot)) : .waiting
    }

    private mutating func wait(_ token: UInt64, for slot: SlotID) {
        entries[slot].waiters.append(token)
        waiting[token] = slot
    }

    private mutating func recall(_ slot: SlotID) -> Decision {
        lookUps.known += 1
        links.remove(Int32(slot.slot), from: &answered)
        links.append(Int32(slot.slot), to: &answered)
        switch entries[slot].result {
        case .success(let addresses): return .addresses(addresses)
        case .failure(let cause): return .failed(cause)
        }
    }

    private mutating func keep(
        _ slot: SlotID,
        _ result: Result<[Endpoint.Address], DialFailure>,
        until expires: MonotonicTime
    ) {
        entries[slot].result = result
        entries[slot].expires = expires
        entries[slot].phase = .answered
        links.remove(Int32(slot.slot), from: &inFlight)
        links.append(Int32(slot.slot), to: &answered)
        while answered.count > limits.maxNames, let oldest = self.slot(answered.first) { forget(oldest) }
    }

    private mutating func startQueued() -> QueryID? {
        guard inFlight.count < limits.maxQueries, let oldest = slot(queued.first) else { return nil }
        links.remove(Int32(oldest.slot), from: &queued)
        links.append(Int32(oldest.slot), to: &inFlight)
        entries[oldest].phase = .inFlight
        return QueryID(slot: oldest)
    }

    private mutating func forget(_ slot: SlotID) {
        switch entries[slot].phase {
        case .queued: links.remove(Int32(slot.slot), from: &queued)
        case .inFlight: links.remove(Int32(slot.slot), from: &inFlight)
        case .answered: links.remove(Int32(slot.slot), from: &answered)
        }
        byName[entries[slot].name] = nil
        // The slot map keeps a freed slot's value in place: let go of what it holds.
        entries[slot].name = ""
        entries[slot].result = .failure(.dnsNotFound)
        entries.remove(slot)
    }

    private func slot(_ index: Int32) -> SlotID? {
        index < 0 ? nil : entries.occupant(of: Int(index))
    }

    /// Walks everything and stops the process where the bookkeeping contradicts itself; for tests.
    public func checkInvariants() {
        precondition(entries.count == byName.count, "a name without an entry")
        precondition(entries.count == counts.answered + counts.inFlight + counts.queued, "entry off list")
        precondition(counts.inFlight <= limits.maxQueries, "too many look-ups")
        precondition(counts.queued <= limits.maxQueued, "too many waiting names")
        precondition(counts.answered <= limits.maxNames, "too many answers")
        precondition(counts.queued == 0 || counts.inFlight == limits.maxQueries, "waits beside a free place")
        var tokens = 0
        for list in [answered, inFlight, queued] {
            for index in links.members(of: list) {
                guard let slot = slot(index) else { preconditionFailure("dead entry on a list") }
                let entry = entries[slot]
                precondition(byName[entry.name] == slot, "entry under another name")
                precondition(entry.phase != .answered || entry.waiters.isEmpty, "waits for an answer")
                precondition(entry.phase != .queued || !entry.waiters.isEmpty, "queued for nobody")
                for token in entry.waiters { precondition(waiting[token] == slot, "lost waiter") }
                tokens += entry.waiters.count
            }
        }
        precondition(tokens == waiting.count, "token waits for nothing")
    }
}
