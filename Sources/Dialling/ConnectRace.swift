public import Basics

/// One connect race after RFC 8305 ("Happy Eyeballs"): which address is tried when, and which attempt wins.
///
/// A value without I/O. Every event answers with at most one action, which the owner carries out before it
/// reports the next event.
public struct ConnectRace {
    /// What the owner has to do.
    public enum Action: Hashable, Sendable {
        /// Connect to the address; report the outcome under the attempt's number.
        case begin(attempt: Int, address: Endpoint.Address)
        /// The attempt has won; close the losers, which are still connecting.
        case win(attempt: Int, losers: [Int])
        /// Every address failed.
        case fail(DialFailure)
    }

    private enum State: Hashable {
        case waiting
        case running
        case failed
        case connected
    }

    /// Addresses of one race at most: a name with hundreds of addresses must not open hundreds of sockets.
    public static let maxAttempts = 8
    /// RFC 8305 §5: the recommended delay between the starts of two attempts.
    public static let defaultStagger = Interval.milliseconds(250)

    /// The addresses in the order in which they are tried; an attempt's number is its index here.
    public let addresses: [Endpoint.Address]
    private let stagger: Interval
    private var states: [State]
    private var nextAttempt = 0
    private var worst: DialFailure?
    /// Whether the race has been decided; every further event is ignored.
    public private(set) var isOver = false
    /// When the next attempt begins although the running one has not failed, or `never`.
    public private(set) var nextDeadline = MonotonicTime.never

    /// A race over what the resolver answered, in the resolver's order.
    ///
    /// - Parameters:
    ///   - resolved: addresses in any order of families; doubles are dropped, and only the first
    ///     `maxAttempts` after interleaving are tried.
    ///   - stagger: the delay between two starts, more than zero.
    public init(_ resolved: [Endpoint.Address], stagger: Interval = defaultStagger) {
        addresses = ConnectRace.interleaved(resolved)
        states = Array(repeating: .waiting, count: addresses.count)
        self.stagger = stagger
    }

    /// RFC 8305 §4: IPv6 first, then the families in turn, each in its own order.
    static func interleaved(_ resolved: [Endpoint.Address]) -> [Endpoint.Address] {
        var seen: Set<Endpoint.Address> = []
        let unique = resolved.filter { seen.insert($0).inserted }
        let sixes = unique.filter(\.isIPv6)
        let fours = unique.filter { !$0.isIPv6 }
        var ordered: [Endpoint.Address] = []
        for index in 0..<max(sixes.count, fours.count) {
            if index < sixes.count { ordered.append(sixes[index]) }
            if index < fours.count { ordered.append(fours[index]) }
        }
        return Array(ordered.prefix(maxAttempts))
    }

    /// The attempts that are connecting.
    public var running: [Int] { states.indices.filter { states[$0] == .running } }

    /// Begins the first attempt, or fails at once where there is no address.
    public mutating func start(now: MonotonicTime) -> Action {
        precondition(nextAttempt == 0 && !isOver, "started twice")
        return beginNext(now: now) ?? end(.fail(.dnsNotFound))
    }

    /// A running attempt failed. The next one begins at once if nothing newer is already under way.
    public mutating func attemptFailed(_ attempt: Int, _ cause: DialFailure, now: MonotonicTime) -> Action? {
        guard !isOver, states[attempt] == .running else { return nil }
        states[attempt] = .failed
        let told = worst.map { DialFailure.moreTelling($0, cause) } ?? cause
        worst = told
        // While a newer attempt runs its stagger is what paces the race; the failure of an older one
        // must not make a burst of connections out of it.
        if attempt == nextAttempt - 1 || running.isEmpty {
            if let action = beginNext(now: now) { return action }
        }
        return running.isEmpty ? end(.fail(told)) : nil
    }

    /// A running attempt is connected: the first one wins.
    public mutating func attemptConnected(_ attempt: Int) -> Action? {
        guard !isOver, states[attempt] == .running else { return nil }
        states[attempt] = .connected
        return end(.win(attempt: attempt, losers: running))
    }

    /// The clock reached `nextDeadline`.
    public mutating func deadlinePassed(now: MonotonicTime) -> Action? {
        guard !isOver, now >= nextDeadline else { return nil }
        return beginNext(now: now)
    }

    /// The dial's own time is up.
    ///
    /// - Returns: the most telling cause (silence, unless an attempt learnt more).
    public mutating func expire() -> DialFailure {
        let cause = worst.map { DialFailure.moreTelling($0, .timedOut) } ?? .timedOut
        isOver = true
        nextDeadline = .never
        return cause
    }

    private mutating func beginNext(now: MonotonicTime) -> Action? {
        guard nextAttempt < addresses.count else { return nil }
        let attempt = nextAttempt
        states[attempt] = .running
        nextAttempt += 1
        nextDeadline = nextAttempt < addresses.count ? now + stagger : .never
        return .begin(attempt: attempt, address: addresses[attempt])
    }

    private mutating func end(_ action: Action) -> Action {
        isOver = true
        nextDeadline = .never
        return action
    }
}
