import Basics
import Dialling
import Testing

@Suite("Connect race")
struct ConnectRaceTests {
    private func four(_ number: UInt32) -> Endpoint.Address { .v4(number) }
    private func six(_ number: UInt64) -> Endpoint.Address {
        .v6(high: 0x2001_0db8 << 32, low: number, scope: 0)
    }
    private func at(_ milliseconds: Int) -> MonotonicTime { .zero + .milliseconds(milliseconds) }

    @Test("IPv6 goes first and the families take turns")
    func interleaves() {
        let race = ConnectRace([four(1), four(2), four(3), six(1), six(2), four(1)])
        #expect(race.addresses == [six(1), four(1), six(2), four(2), four(3)])
    }

    @Test("a name with many addresses is tried at eight of them")
    func bounded() {
        let race = ConnectRace((0..<100).map { four($0) } + (0..<100).map { six($0) })
        #expect(race.addresses.count == ConnectRace.maxAttempts)
        #expect(race.addresses.filter(\.isIPv6).count == 4)
    }

    @Test("a race without addresses fails at once")
    func empty() {
        var race = ConnectRace([])
        #expect(race.start(now: .zero) == .fail(.dnsNotFound))
        #expect(race.isOver)
    }

    @Test("the next attempt begins after 250 ms of silence")
    func staggers() {
        var race = ConnectRace([six(1), four(1), four(2)])
        #expect(race.start(now: at(0)) == .begin(attempt: 0, address: six(1)))
        #expect(race.nextDeadline == at(250))
        #expect(race.deadlinePassed(now: at(249)) == nil)
        #expect(race.deadlinePassed(now: at(250)) == .begin(attempt: 1, address: four(1)))
        #expect(race.nextDeadline == at(500))
        #expect(race.deadlinePassed(now: at(500)) == .begin(attempt: 2, address: four(2)))
        #expect(race.nextDeadline == .never)
        #expect(race.attemptConnected(1) == .win(attempt: 1, losers: [0, 2]))
        #expect(race.nextDeadline == .never)
    }

    @Test("the next attempt begins at once when the running one fails, and the stagger starts anew")
    func failsOver() {
        var race = ConnectRace([six(1), four(1), four(2)])
        _ = race.start(now: at(0))
        #expect(
            race.attemptFailed(0, .unreachable, now: at(10)) == .begin(attempt: 1, address: four(1))
        )
        #expect(race.nextDeadline == at(260))
    }

    @Test("the failure of an older attempt leaves the pace to the newer one")
    func olderFailure() {
        var race = ConnectRace([six(1), four(1), four(2)])
        _ = race.start(now: at(0))
        _ = race.deadlinePassed(now: at(250))
        #expect(race.attemptFailed(0, .unreachable, now: at(260)) == nil)
        #expect(race.nextDeadline == at(500))
    }

    @Test(
        "the most telling cause is reported, whatever the order of failures",
        arguments: [
            ([.unreachable, .connectionRefused, .timedOut], .connectionRefused),
            ([.timedOut, .unreachable], .unreachable),
            ([.connectionRefused, .portsExhausted, .unreachable], .portsExhausted),
            ([.descriptorsExhausted, .portsExhausted], .descriptorsExhausted),
            ([.timedOut, .timedOut], .timedOut),
            ([.unreachable, .other(errno: 1)], .other(errno: 1)),
        ] as [([DialFailure], DialFailure)]
    )
    func reportsCause(causes: [DialFailure], expected: DialFailure) {
        for order in [causes, causes.reversed()] {
            var race = ConnectRace((0..<UInt32(order.count)).map { four($0) })
            var action: ConnectRace.Action? = race.start(now: .zero)
            for (attempt, cause) in order.enumerated() {
                action = race.attemptFailed(attempt, cause, now: .zero)
            }
            #expect(action == .fail(expected))
        }
    }

    @Test("a dial that runs out of time says what its attempts learnt")
    func expires() {
        var silent = ConnectRace([four(1)])
        _ = silent.start(now: .zero)
        #expect(silent.expire() == .timedOut)
        #expect(silent.running == [0])
        var refused = ConnectRace([six(1), four(1)])
        _ = refused.start(now: .zero)
        _ = refused.attemptFailed(0, .connectionRefused, now: .zero)
        #expect(refused.expire() == .connectionRefused)
        #expect(refused.attemptConnected(1) == nil)
    }

    @Test("every short sequence of events keeps the rules of the race")
    func exhaustive() {
        var explored = 0
        for addressCount in 1...4 {
            let addresses = (0..<addressCount).map { $0 % 2 == 0 ? six(UInt64($0)) : four(UInt32($0)) }
            var race = ConnectRace(addresses)
            var model = RaceModel(count: addressCount)
            model.apply(race.start(now: .zero), race)
            explored += explore(race, model, depth: 6, now: 0)
        }
        #expect(explored > 10_000)
    }

    /// Applies every possible event to copies of the race, recursively; returns how many were applied.
    private func explore(_ race: ConnectRace, _ model: RaceModel, depth: Int, now: Int) -> Int {
        guard depth > 0 else { return 0 }
        var explored = 0
        func step(_ later: Int, _ event: (inout ConnectRace, inout RaceModel) -> ConnectRace.Action?) {
            var race = race
            var model = model
            model.apply(event(&race, &model), race)
            explored += 1 + explore(race, model, depth: depth - 1, now: now + later)
        }
        for attempt in race.addresses.indices {
            step(1) { race, model in
                model.willEnd(attempt)
                return race.attemptFailed(attempt, .connectionRefused, now: at(now + 1))
            }
            step(1) { race, model in
                model.willConnect(attempt)
                return race.attemptConnected(attempt)
            }
        }
        step(250) { race, _ in race.deadlinePassed(now: at(now + 250)) }
        return explored
    }
}

/// What must hold of any race: the independent reference for the exhaustive walk.
private struct RaceModel {
    private var untried: Int
    private var begun = 0
    private var running: Set<Int> = []
    private var over = false
    private var connecting: Int?

    init(count: Int) { untried = count }

    mutating func willEnd(_ attempt: Int) {
        if !over { running.remove(attempt) }
    }

    mutating func willConnect(_ attempt: Int) {
        connecting = running.contains(attempt) && !over ? attempt : nil
    }

    mutating func apply(_ action: ConnectRace.Action?, _ race: ConnectRace) {
        switch action {
        case .begin(let attempt, let address):
            check(!over && untried > 0 && attempt == begun && address == race.addresses[attempt])
            running.insert(attempt)
            begun += 1
            untried -= 1
        case .win(let attempt, let losers):
            check(!over && attempt == connecting)
            check(Set(losers) == running.subtracting([attempt]))
            over = true
        case .fail:
            check(!over && running.isEmpty && untried == 0)
            over = true
        case nil:
            check(over || connecting == nil, "a connected attempt must win")
            check(over || !running.isEmpty, "a race that is not over has something running")
        }
        connecting = nil
        check(race.isOver == over)
        check((race.nextDeadline == .never) == (over || untried == 0))
    }

    /// `#expect` records what it looks at, which is too slow for hundreds of thousands of calls.
    private func check(_ holds: Bool, _ rule: Comment = "the race and its reference disagree") {
        if !holds { Issue.record(rule) }
    }
}
