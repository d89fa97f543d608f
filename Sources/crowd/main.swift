import Basics
import ClientPolicy
import Glibc
import ProxyCore
import UpstreamPool

/// The engine alone among a crowd, for callgrind: so many parked clients, of so many owners, with so many origins, and
/// then work whose cost must not depend on them. Benchmarks/curve has the table.
///
/// usage: crowd exchange|newcomer CLIENTS OWNERS ORIGINS REPETITIONS
struct Crowd: ~Copyable {
    private var engine: ProxyEngine
    private var now = MonotonicTime(nanoseconds: 1_000_000_000)
    private var actions: [Action] = []
    private var followUps: [Action] = []
    private let origins: Int
    private static let response = Array("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nweir".utf8)

    init(clients: Int, owners: Int, origins: Int) {
        self.origins = origins
        var configuration = EngineConfiguration()
        // Full but for one, so that whoever comes makes somebody go.
        configuration.clients.maxConnections = clients + 1
        configuration.clients.maxParkedPerOwner = .max
        configuration.clients.curesLeaks = false
        configuration.clients.maxAbsentOwners = owners
        configuration.pool.maxConnections = origins + 16
        configuration.pool.maxIdle = origins + 16
        engine = ProxyEngine(configuration: configuration, seed: 1)
        for index in 0..<clients { exchange(come(owner: index % owners), origin: index % origins) }
        // What is told of a connection by its first second has been told.
        now = now + .seconds(3)
        while engine.nextDeadline <= now { step { $0.timePassed(now: $1) } }
    }

    /// A client that connects; nil is a mistake of this program.
    mutating func come(owner: Int) -> ConnectionID {
        var id: ConnectionID?
        step { id = $0.accepted(owner: .local(uid: UInt32(owner), cgroup: 7), now: $1) }
        guard let id else { fatalError("no room") }
        return id
    }

    /// One request and its response.
    mutating func exchange(_ client: ConnectionID, origin: Int) {
        let host = "o\(origin % origins).test"
        let request = Array("GET http://\(host)/ HTTP/1.1\r\nHost: \(host)\r\nUser-Agent: crowd\r\n\r\n".utf8)
        step { _ = $0.received(client, request.span, now: $1) }
    }

    /// One event, and whatever follows from it.
    private mutating func step(_ event: (inout ProxyEngine, MonotonicTime) -> Void) {
        now = now + Interval(nanoseconds: 10_000)
        event(&engine, now)
        takeActions()
        while let action = followUps.popLast() {
            switch action {
            case .dial(let id): engine.dialSucceeded(id, now: now)
            case .check(let id): engine.checked(id, isSilent: true, now: now)
            case .inspectUnread(let id): engine.unreadInspected(id, unread: 0, now: now)
            // Without an answer there is no verdict, whose work is sliced but would be counted here.
            case .inquire: continue
            case .send(let id, _, _) where id.side == .upstream:
                _ = engine.received(id, Crowd.response.span, now: now)
            default: continue
            }
            takeActions()
        }
        if engine.nextDeadline <= now { engine.timePassed(now: now) }
        takeActions()
    }

    private mutating func takeActions() {
        engine.takeActions(&actions)
        followUps.append(contentsOf: actions)
        actions.removeAll(keepingCapacity: true)
    }
}

/// What callgrind counts; found by its name.
@inline(never)
func crowdMeasured(_ crowd: inout Crowd, _ work: String, _ repetitions: Int) {
    let busy = crowd.come(owner: 0)
    for index in 0..<repetitions {
        let client = work == "exchange" ? busy : crowd.come(owner: index)
        crowd.exchange(client, origin: index)
    }
}

let arguments = CommandLine.arguments.dropFirst(2).compactMap { Int($0) }
guard arguments.count == 4, ["exchange", "newcomer"].contains(CommandLine.arguments[1]) else {
    print("usage: crowd exchange|newcomer CLIENTS OWNERS ORIGINS REPETITIONS")
    exit(2)
}
var crowd = Crowd(clients: arguments[0], owners: arguments[1], origins: arguments[2])
crowdMeasured(&crowd, CommandLine.arguments[1], arguments[3])
