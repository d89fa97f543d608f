import Basics
import ClientPolicy
import ProxyCore
import UpstreamPool

/// Drives an engine by hand, one event at a time, where a test needs one exact order of events.
final class EngineDriver {
    var engine: ProxyEngine
    var now = MonotonicTime(nanoseconds: 1_000_000_000)
    /// The actions of the last event.
    private(set) var actions: [Action] = []
    private var areBoundsLowered = false

    init(_ change: (inout EngineConfiguration) -> Void = { _ in }) {
        var configuration = EngineConfiguration()
        change(&configuration)
        engine = ProxyEngine(configuration: configuration, seed: 1)
    }

    // The engine cannot be copied, and what an expectation looks at is.
    var statistics: EngineStatistics { engine.statistics }
    var nextDeadline: MonotonicTime { engine.nextDeadline }
    var isAtRest: Bool { engine.isAtRest }
    var parked: Int { engine.clientReport().parked }
    var clients: Int { engine.clientCount }
    var upstreams: Int { engine.pool.connectionCount }
    func ended(_ cause: Cause) -> Int { engine.statistics.outcomes[Int(cause.rawValue)] }

    /// Everything happens at `now`, and the engine is sound afterwards.
    func take(_ event: (inout ProxyEngine, MonotonicTime) -> Void) {
        event(&engine, now)
        actions = engine.actions
        engine.checkInvariants()
        if !areBoundsLowered { engine.checkBounds() }
    }

    /// A reload; from now on bounds may be below what is in use.
    func reload(_ change: (inout EngineConfiguration) -> Void = { _ in }) {
        var configuration = EngineConfiguration()
        change(&configuration)
        areBoundsLowered = true
        take { $0.reconfigure(configuration, now: $1) }
    }

    func accept() -> ConnectionID? {
        var id: ConnectionID?
        take { id = $0.accepted(owner: OwnerKey(high: 0, low: 1), now: $1) }
        return id
    }

    @discardableResult
    func receive(_ id: ConnectionID, _ text: String) -> Int {
        let bytes = Array(text.utf8)
        var consumed = 0
        take { consumed = $0.received(id, bytes.span, now: $1) }
        return consumed
    }

    /// Lets time pass, deadline by deadline; every action on the way is kept.
    func wait(_ interval: Interval) {
        let end = now + interval
        var all: [Action] = []
        var rounds = 0
        while engine.nextDeadline <= end && rounds < 10_000 {
            rounds += 1
            now = max(now, engine.nextDeadline)
            take { $0.timePassed(now: $1) }
            all += actions
            // These clients are on another host, of which the kernel knows nothing.
            for case .inspectUnread(let id) in actions {
                take { $0.unreadInspected(id, unread: nil, now: $1) }
                all += actions
            }
        }
        now = end
        actions = all
    }

    /// The connections that the last event's actions dial.
    var dialled: [UpstreamID] {
        actions.compactMap { if case .dial(let id) = $0 { id } else { nil } }
    }

    /// Whether the last event closed the connection, and how.
    func closed(_ id: ConnectionID) -> CloseManner? {
        for case .close(id, let manner) in actions { return manner }
        return nil
    }

    /// What the engine itself wrote to the connection in the last event.
    func sent(_ id: ConnectionID) -> String {
        var text: [UInt8] = []
        for case .send(id, let offset, let count) in actions {
            for index in offset..<offset + count { text.append(engine.outbox.span[index]) }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// A client with a request on its way to a connected origin; the origin's connection too.
    func exchange(_ request: String) -> (client: ConnectionID, upstream: UpstreamID)? {
        guard let client = accept() else { return nil }
        receive(client, request)
        guard let upstream = dialled.first else { return nil }
        take { $0.dialSucceeded(upstream, now: $1) }
        return (client, upstream)
    }

    /// A client whose first exchange is over, and the idle connection it left in the pool.
    func warm() -> (client: ConnectionID, upstream: UpstreamID)? {
        guard let (client, upstream) = exchange(EngineDriver.get) else { return nil }
        receive(.upstream(upstream), EngineDriver.empty)
        return (client, upstream)
    }

    static let get = "GET http://o.test/ HTTP/1.1\r\nHost: o.test\r\n\r\n"
    static let post = "POST http://o.test/ HTTP/1.1\r\nHost: o.test\r\nContent-Length: 4\r\n\r\n"
    static let empty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
}
