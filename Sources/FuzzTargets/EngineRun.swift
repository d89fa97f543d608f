import Basics
import ClientPolicy
import ProxyCore
import UpstreamPool

/// One input of the engine's target: a script of what peers, kernel, clock and operator do.
struct EngineRun {
    private var script: EngineScript
    private let model: EngineModel
    private var number = 0

    /// More would make an input slow rather than good.
    private static let mostSteps = 96
    private static let causes: [Cause] = [
        .nameNotFound, .nameTimeout, .nameError, .connectRefused, .connectUnreachable, .portsExhausted,
        .descriptorsExhausted, .connectFailed,
    ]
    private static let waits: [Interval] = [
        .milliseconds(1), .milliseconds(60), .milliseconds(150), .milliseconds(600), .milliseconds(1100),
        .seconds(3), .seconds(6), .seconds(20),
    ]

    init(_ input: [UInt8], _ mistake: PlantedMistake?) {
        script = EngineScript(input)
        let configuration = script.configuration()
        let bits = script.next()
        model = EngineModel(
            configuration,
            readBlock: [65536, 65536, 200, 1][bits & 3],
            dialsAtOnce: bits & 4 == 0,
            mistake: mistake
        )
    }

    mutating func check() throws(BrokenProperty) {
        var steps = 0
        while !script.isAtEnd && steps < EngineRun.mostSteps && model.isGoingOn {
            steps += 1
            step()
            model.readAll()
        }
        finish()
        for connection in model.all { connection.cut() }
        if let violation = model.violation { throw BrokenProperty(violation) }
    }

    private mutating func step() {
        let byte = script.next()
        let operand = byte >> 4
        switch byte & 15 {
        case 0: accept(operand)
        case 1: say(pick(model.clients, operand), CannedMessages.requests, script.next())
        case 2: hear(pick(model.clients, operand), script.take(script.next()))
        case 3: say(pick(model.upstreams, operand), CannedMessages.responses, script.next())
        case 4: hear(pick(model.upstreams, operand), script.take(script.next()))
        case 5: end(pick(side(operand), operand & 7))
        case 6: fail(pick(side(operand), operand & 7))
        case 7: pick(side(operand), operand & 7)?.window = script.next()
        case 8: drain(pick(side(operand), operand & 7))
        case 9: endDial(operand)
        case 10: wait(EngineRun.waits[operand & 7])
        case 11: intervene(operand)
        case 12: say(model.clients.last, CannedMessages.requests, operand)
        case 13: say(unanswered, CannedMessages.responses, operand)
        case 14:
            accept(0)
            say(model.clients.last, CannedMessages.requests, operand)
        default: sayPart(operand)
        }
    }

    // MARK: Peers

    private func side(_ operand: Int) -> [EngineConnection] {
        operand & 8 == 0 ? model.clients : model.upstreams
    }

    private func pick(_ connections: [EngineConnection], _ operand: Int) -> EngineConnection? {
        connections.isEmpty ? nil : connections[operand % connections.count]
    }

    /// An origin that owes an answer.
    private var unanswered: EngineConnection? {
        model.upstreams.last { $0.isTunnel || $0.sent.messages.count < $0.got.messages.count }
    }

    private func accept(_ owner: Int) {
        guard model.engine.canAccept else { return }
        model.call { [model] engine in
            let owner =
                owner & 4 == 0
                ? OwnerKey(high: 0, low: UInt64(owner & 3)) : .local(uid: UInt32(owner & 3), cgroup: 7)
            guard let id = engine.accepted(owner: owner, now: model.now) else { return }
            model.adopt(id)
        }
    }

    private mutating func say(_ connection: EngineConnection?, _ messages: [[UInt8]], _ index: Int) {
        number += 1
        hear(connection, CannedMessages.message(messages[index % messages.count], number: number))
    }

    /// The first part of a message; another step may bring the rest of it.
    private mutating func sayPart(_ operand: Int) {
        let isClient = operand & 8 == 0
        let messages = isClient ? CannedMessages.requests : CannedMessages.responses
        let connection = isClient ? model.clients.last : unanswered
        let whole = CannedMessages.message(messages[script.next() % messages.count], number: number)
        let cut = script.next() % whole.count
        let part = operand & 4 == 0 ? whole[..<cut] : whole[cut...]
        hear(connection, Array(part))
    }

    private func hear(_ connection: EngineConnection?, _ bytes: [UInt8]) {
        guard let connection, !connection.hasPeerFinished, !bytes.isEmpty else { return }
        connection.wire += bytes
        model.watch(connection)
    }

    private func end(_ connection: EngineConnection?) {
        guard let connection, !connection.hasPeerFinished else { return }
        connection.hasPeerFinished = true
        model.watch(connection)
    }

    private func fail(_ connection: EngineConnection?) {
        guard let connection, connection.isOpen else { return }
        model.call { [now = model.now] in $0.failed(connection.id, now: now) }
        if connection.isOpen { model.violate("a connection that failed stays open") }
    }

    private func drain(_ connection: EngineConnection?) {
        guard let connection, connection.isOpen else { return }
        connection.window = nil
        connection.pending = 0
        guard connection.isStallReported else { return }
        connection.isStallReported = false
        model.call { [now = model.now] in $0.drained(connection.id, now: now) }
    }

    private mutating func endDial(_ operand: Int) {
        guard !model.dials.isEmpty else { return }
        let id = model.dials[operand % model.dials.count]
        if operand < 8 {
            model.dialSucceeded(id)
        } else {
            model.dialFailed(id, EngineRun.causes[script.next() % EngineRun.causes.count])
        }
    }

    // MARK: Clock and operator

    private func wait(_ interval: Interval) {
        let end = model.now + interval
        var rounds = 0
        while model.engine.nextDeadline <= end && model.isGoingOn && rounds < 200 {
            rounds += 1
            model.now = max(model.now, model.engine.nextDeadline)
            model.call { [now = model.now] in $0.timePassed(now: now) }
            model.readAll()
        }
        model.now = max(model.now, end)
    }

    private mutating func intervene(_ operand: Int) {
        let now = model.now
        switch operand {
        case 0: model.call { $0.drain(now: now) }
        case 1: model.call { $0.stop(now: now) }
        case 2, 3: model.call { $0.descriptorsExhausted(now: now) }
        case 4, 5, 6: model.reconfigure(script.configuration())
        case 7, 8, 9: haunt(script.next())
        default: pick(model.upstreams, operand)?.isDead = true
        }
    }

    /// An event for a connection that is gone.
    private func haunt(_ choice: Int) {
        guard !model.graveyard.isEmpty else { return }
        let id = model.graveyard[choice % model.graveyard.count]
        let now = model.now
        let bytes = CannedMessages.requests[0]
        let upstream = UpstreamID(id.id)
        model.call { engine in
            switch (choice >> 4, id.side) {
            case (0, _): _ = engine.received(id, bytes.span, now: now)
            case (1, _): engine.ended(id, now: now)
            case (2, _): engine.failed(id, now: now)
            case (3, _): engine.stalled(id, now: now)
            case (4, _): engine.relayed(id, 1, now: now)
            case (10, _): engine.progressed(id, now: now)
            case (5, .upstream): engine.dialSucceeded(upstream, now: now)
            case (6, .upstream): engine.dialFailed(upstream, .connectFailed, now: now)
            case (7, .upstream): engine.checked(upstream, isSilent: true, now: now)
            case (9, .client): engine.unreadInspected(id.id, unread: choice % 2 == 0 ? 0 : 9, now: now)
            case (8, .upstream): engine.inspected(upstream, silentFor: .seconds(9), now: now)
            default: engine.drained(id, now: now)
            }
        }
    }

    // MARK: The end

    /// Everybody leaves and every timeout passes: nothing may be left.
    private func finish() {
        for client in model.clients where model.violation == nil { fail(client) }
        model.call { [now = model.now] in $0.drain(now: now) }
        var rounds = 0
        while model.violation == nil && model.engine.nextDeadline != .never {
            rounds += 1
            if rounds > 2000 { return model.violate("deadlines without end") }
            model.now = max(model.now, model.engine.nextDeadline)
            model.call { [now = model.now] in $0.timePassed(now: now) }
        }
        if model.violation != nil { return }
        let counts = [
            ("clients", model.engine.clientCount),
            ("upstream connections", model.engine.pool.connectionCount),
            ("tunnels", model.engine.tunnels), ("waiters", model.engine.pool.waiting),
            ("origins", model.engine.pool.originCount), ("dials", model.dials.count),
        ]
        for (what, count) in counts where count > 0 { model.violate("\(count) \(what) are left at the end") }
    }
}
