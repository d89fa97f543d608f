import Basics
import Dialling
import ProxyCore
import Reactor
import UpstreamPool

// Carries out what the engine decided, in order. Nothing here calls the engine's events.
extension DataPlane {
    /// Performs the engine's actions once, and tells it at once which connections took less than all:
    /// before it is offered more for them, and before time passes. `spanOffset` is where in the block the
    /// span began that `forward` refers to.
    func perform(spanOffset: Int = 0) {
        carryOut(spanOffset)
        while !stalls.isEmpty {
            let id = stalls.removeFirst()
            engine.stalled(id, now: loop.now)
            carryOut(0)
        }
    }

    private func carryOut(_ spanOffset: Int) {
        engine.takeActions(&taken)
        if taken.isEmpty { return }
        // A local owner, so that the loop touches no property of this object.
        var actions: [Action] = []
        swap(&actions, &taken)
        var index = 0
        while index < actions.count {
            switch actions[index] {
            case .send(let id, _, _), .forward(let id, _, _):
                index = write(to: id, actions, from: index, spanOffset)
            default:
                performControl(actions[index])
                index += 1
            }
        }
        actions.removeAll(keepingCapacity: true)
        swap(&actions, &taken)
    }

    /// Writes what the next actions send to one connection, with one system call where it can be.
    ///
    /// - Returns: the index of the action behind them.
    private func write(to id: ConnectionID, _ actions: [Action], from start: Int, _ spanOffset: Int) -> Int {
        // To one that is gone or broken nothing is written: the engine is about to know.
        let connection = find(id)
        let isOpen = connection?.isBroken == false
        var index = start
        run: while index < actions.count {
            switch actions[index] {
            case .send(let receiver, let offset, let count) where receiver == id:
                makeRoom(connection)
                if isOpen { writer.addOutbox(offset..<offset + count) }
            case .forward(let receiver, let offset, let count) where receiver == id:
                makeRoom(connection)
                if isOpen { writer.addReceived(spanOffset + offset..<spanOffset + offset + count) }
            default: break run
            }
            index += 1
        }
        if let connection, isOpen {
            // An app that does not know of the proxy has its port towards the origin blocked for a minute
            // if it closes first (TIME_WAIT). It cannot where our FIN comes with the last byte.
            let isLast = connection.original != nil && isEnded(connection, by: actions[index...])
            flush(connection, isLast: isLast)
        }
        return index
    }

    /// More pieces than fit go out in more than one call; the last of them together with the end.
    private func makeRoom(_ connection: Connection?) {
        if let connection, writer.isFull { flush(connection) }
    }

    private func isEnded(_ connection: Connection, by actions: ArraySlice<Action>) -> Bool {
        actions.contains { action in
            if case .finish(let id) = action { id == connection.id } else { false }
        }
    }

    private func flush(_ connection: Connection, isLast: Bool = false) {
        let result = writer.write(
            to: connection.descriptor,
            isLast: isLast,
            outbox: engine.outbox,
            received: block,
            queue: &connection.output
        )
        note(result, of: connection)
    }

    /// What is to be done about how far a write got.
    func note(_ result: FlushResult, of connection: Connection) {
        switch result {
        case .flushed: break
        case .pending:
            if !connection.isStalled {
                connection.isStalled = true
                connection.flushed = 0
                connection.setWriting(true)
                stalls.append(connection.id)
            }
        case .failed:
            if writeFailed(connection) { followUps.append(.failed(connection.id)) }
        }
    }

    /// A write failed. Whether that is to be told now: an origin that refuses the rest of a request may
    /// have answered before it closed (RFC 9112 §9.5), so what it sent is read first; the end of that
    /// is reported as the failure.
    func writeFailed(_ connection: Connection) -> Bool {
        connection.isBroken = true
        connection.output.removeAll()
        return connection.id.side == .client || !connection.isReading
    }

    private func performControl(_ action: Action) {
        switch action {
        case .send, .forward: break
        case .dial(let id):
            let (host, port, _) = engine.destination(of: id)
            // The engine bounds the dial by `connect_timeout` and takes it back.
            dialer.dial(
                token: ConnectionID.upstream(id).token,
                host: host,
                port: port,
                timeout: .unlimited,
                permits: engine.leadsToParent(id) ? nil : permission(toDial: host, port)
            )
        case .cancelDial(let id):
            dialer.cancel(token: ConnectionID.upstream(id).token)
        case .check(let id):
            followUps.append(.checked(id, isSilent: isSilent(id)))
        case .inspect(let id):
            followUps.append(.inspected(id, silence: silence(of: id)))
        case .acknowledge(let id):
            if let connection = find(.upstream(id)) { Sockets.acknowledge(connection.descriptor) }
        case .inspectUnread(let id):
            followUps.append(.unreadInspected(id, unread: unread(at: id)))
        case .inquire(let owner): onSuspect(owner)
        case .authenticate(let id, let offset, let count): authenticate(id, offset..<offset + count)
        case .verdict(let index): onVerdict(engine.verdicts[index])
        case .pauseReading(let id):
            guard let connection = find(id) else { return }
            connection.isPaused = true
            connection.setReading(false)
        case .resumeReading(let id):
            resume(id)
        case .finish(let id):
            guard let connection = find(id), !connection.isBroken else { return }
            if connection.output.isEmpty {
                Sockets.shutdownWrite(connection.descriptor)
            } else {
                connection.finishesWhenFlushed = true
            }
        case .close(let id, let manner):
            close(id, manner)
        case .record(let index):
            let record = engine.records[index]
            guard let client = find(.client(record.client)) else { return }
            onRecord(record, engine.outbox, client.peer)
        }
    }

    private func resume(_ id: ConnectionID) {
        guard let connection = find(id) else { return }
        connection.isPaused = false
        if !connection.setReading(true) {
            connection.isBroken = true
            followUps.append(.failed(id))
        }
        if !connection.unconsumed.isEmpty { followUps.append(.offer(id)) }
    }

    private func close(_ id: ConnectionID, _ manner: CloseManner) {
        guard let connection = find(id) else {
            // A dial that was finished but not yet told, or one that is under way.
            if id.side == .upstream { dialer.cancel(token: id.token) }
            return
        }
        connection.isClosed = true
        connection.output.removeAll()
        connection.invalidate()
        closer.close(connection.descriptor, isReset: manner == .reset)
        switch id.side {
        case .client:
            clients[id.id.index] = nil
            if let owner = connection.localOwner { identity.local.closed(owner) }
        case .upstream: upstreams[id.id.index] = nil
        }
    }

    /// Neither bytes nor end of file wait on the socket.
    private func isSilent(_ id: UpstreamID) -> Bool {
        guard let connection = find(.upstream(id)) else { return false }
        return Sockets.peek(connection.descriptor) == .wouldBlock
    }

    /// For how long the peer has acknowledged nothing of what is outstanding.
    private func silence(of id: UpstreamID) -> Interval {
        guard let connection = find(.upstream(id)),
            let health = Sockets.unacknowledged(connection.descriptor)
        else { return .zero }
        if health.unacknowledged == 0 && health.unsentBytes == 0 { return .zero }
        return health.sinceAcknowledgement
    }
}
