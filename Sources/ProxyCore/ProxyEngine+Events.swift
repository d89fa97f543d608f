public import Basics
public import ClientPolicy
import HTTPWire
public import UpstreamPool

// What the shell may tell the engine. Each call replaces `actions`, `records` and `outbox`.
extension ProxyEngine {
    /// A client connection was accepted. Nil if there is no room (see `canAccept`): close it.
    ///
    /// - Parameter isDenied: Whether it may not use the proxy; it is told so when it asks for something.
    public mutating func accepted(
        owner: OwnerKey,
        isDenied: Bool = false,
        now: MonotonicTime
    ) -> ConnectionID? {
        begin(now)
        if isClosed || !makeRoomForClient() { return nil }
        let id = clients.insert(ClientSession())
        clients[id].isDenied = isDenied
        guard policy.admit(id, owner: owner, now: now) == .admitted else {
            preconditionFailure("room was made, and is gone")
        }
        statistics.clientsAccepted += 1
        arm(id, .request)
        relieve()
        applyVerdicts()
        return .client(id)
    }

    /// Bytes came: everything unconsumed so far plus what is new. Returns how many were consumed; the
    /// rest is offered again with more bytes, after `resumeReading`, or at once if reading is not
    /// paused and something was consumed.
    public mutating func received(
        _ connection: ConnectionID,
        _ bytes: Span<UInt8>,
        now: MonotonicTime
    ) -> Int {
        begin(now)
        guard isAlive(connection) else {
            statistics.staleEvents += 1
            return bytes.count
        }
        defer { applyVerdicts() }
        switch connection.side {
        case .client: return clientBytes(connection.id, bytes)
        case .upstream: return upstreamBytes(UpstreamID(connection.id), bytes)
        }
    }

    /// The peer has finished sending (FIN).
    public mutating func ended(_ connection: ConnectionID, now: MonotonicTime) {
        begin(now)
        guard isAlive(connection) else {
            statistics.staleEvents += 1
            return
        }
        switch connection.side {
        case .client: clientEnded(connection.id)
        case .upstream: upstreamEnded(UpstreamID(connection.id), isReset: false)
        }
        applyVerdicts()
    }

    /// The connection failed (reset, time-out of the kernel, write error); the shell still holds it.
    public mutating func failed(_ connection: ConnectionID, now: MonotonicTime) {
        begin(now)
        guard isAlive(connection) else {
            statistics.staleEvents += 1
            return
        }
        switch connection.side {
        case .client: clientFailed(connection.id)
        case .upstream: upstreamEnded(UpstreamID(connection.id), isReset: true)
        }
        applyVerdicts()
    }

    /// The kernel would not take all that was sent: the rest is pending in the shell.
    public mutating func stalled(_ connection: ConnectionID, now: MonotonicTime) {
        begin(now)
        guard isAlive(connection) else { return }
        switch connection.side {
        case .client:
            clients[connection.id].isStalled = true
            becomeUnread(connection.id)
            if let upstream = exchanges[connection.id].upstream { pause(upstream) }
            // Counted first: the deadline depends on what is known of its owner there.
            noteStall(connection.id)
            if clients.isAlive(connection.id) { armClient(connection.id) }
        case .upstream:
            let slot = connection.id.index
            links[slot].isStalled = true
            if links[slot].client != .none {
                pauseClient(links[slot].client)
                armClient(links[slot].client)
            }
            armUpstream(UpstreamID(connection.id))
        }
        applyVerdicts()
    }

    /// Nothing is pending any more on a connection that had stalled.
    public mutating func drained(_ connection: ConnectionID, now: MonotonicTime) {
        begin(now)
        guard isAlive(connection) else { return }
        switch connection.side {
        case .client: clientDrained(connection.id)
        case .upstream: upstreamDrained(UpstreamID(connection.id))
        }
        applyVerdicts()
    }

    /// A dial ended with an established connection, which reads from now on.
    ///
    /// - Parameter address: Where it leads, without brackets; nil where nobody knows.
    public mutating func dialSucceeded(_ id: UpstreamID, at address: String? = nil, now: MonotonicTime) {
        begin(now)
        guard pool.isAlive(id), pool.isDialling(id) else {
            statistics.staleEvents += 1
            return
        }
        if parentDials[id.id.slot] != nil {
            parentReached(id, at: address)
        } else {
            let place = address.map { pool.placeHash(of: id, address: $0.utf8.span) }
            dialEnded(id, at: place)
        }
        applyVerdicts()
    }

    /// The connection stands, all the way.
    mutating func dialEnded(_ id: UpstreamID, at place: UInt64?) {
        upstreamDeadlines.disarm(id.id.slot)
        pool.connected(id, at: place, now: now)
        applyPoolEffects()
    }

    /// A dial ended without a connection.
    public mutating func dialFailed(_ id: UpstreamID, _ cause: Cause, now: MonotonicTime) {
        begin(now)
        guard pool.isAlive(id), pool.isDialling(id) else {
            statistics.staleEvents += 1
            return
        }
        failDial(id, cause)
        applyVerdicts()
    }

    /// Answer to `check`: whether the socket is silent (neither bytes nor end of file).
    public mutating func checked(_ id: UpstreamID, isSilent: Bool, now: MonotonicTime) {
        begin(now)
        guard pool.isAlive(id) else {
            statistics.staleEvents += 1
            return
        }
        let client = links[id.id.index].client
        guard client != .none, exchanges[client].stage == .checking else { return }
        if isSilent {
            sendHead(client, id)
        } else {
            statistics.idleClosedByUpstream += 1
            replaceUpstream(client, id)
        }
        applyPoolEffects()
        applyVerdicts()
    }

    /// Answer to `inspect`: for how long the peer has acknowledged nothing of what is outstanding;
    /// zero where nothing is.
    public mutating func inspected(_ id: UpstreamID, silentFor silence: Interval, now: MonotonicTime) {
        begin(now)
        guard pool.isAlive(id), links[id.id.index].client != .none, !links[id.id.index].hasBytes else {
            return
        }
        // The kernel's clock of acknowledgements also runs while the connection is idle in the pool.
        let sentAt = exchanges[links[id.id.index].client].sentAt
        let silence = min(silence, now.since(sentAt))
        if silence >= configuration.ackTimeout {
            upstreamLost(id, .upstreamSilent)
        } else if silence > .zero {
            armAcknowledge(
                id,
                after: Interval(nanoseconds: configuration.ackTimeout.nanoseconds - silence.nanoseconds)
            )
        }
        applyPoolEffects()
        applyVerdicts()
    }

    /// Deadlines may have passed. At most `limit` are handled; call again while `nextDeadline` is not
    /// after `now`.
    public mutating func timePassed(now: MonotonicTime, limit: Int = 32) {
        begin(now)
        if !unarmed.isEmpty { return rearmSome() }
        var steps = 0
        while steps < limit, let (slot, lane) = clientDeadlines.popExpired(at: now) {
            steps += 1
            if let id = clients.occupant(of: Int(slot)), let lane = ClientLane(rawValue: lane) {
                clientDeadlinePassed(id, lane)
            }
        }
        while steps < limit, let (slot, lane) = upstreamDeadlines.popExpired(at: now) {
            steps += 1
            let id = UpstreamID(links[Int(slot)].id)
            if pool.isAlive(id), let lane = UpstreamLane(rawValue: lane) { upstreamDeadlinePassed(id, lane) }
        }
        if pool.nextDeadline <= now { pool.expire(now: now, limit: limit) }
        if isReliefDue { relieve() }
        applyVerdicts()
        applyPoolEffects()
    }
}
