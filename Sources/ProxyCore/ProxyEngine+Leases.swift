import Basics
import HTTPWire
import UpstreamPool

// Between exchanges and the pool.
extension ProxyEngine {
    /// Asks the pool for a connection for the exchange's destination.
    mutating func seekUpstream(_ id: SlotID) {
        exchanges[id].stage = .waiting
        switch clients[id].interception == .none ? acquire(id) : acquireOriginal(id) {
        case .leased(let upstream): attach(id, upstream, isReused: true)
        case .waiting: arm(id, .queue)
        case .queueFull: answer(id, .queueFull)
        }
        applyPoolEffects()
    }

    private mutating func acquire(_ id: SlotID) -> Acquisition {
        let exchange = exchanges[id]
        let host = Int(exchange.hostOffset)..<Int(exchange.hostOffset + exchange.hostCount)
        if exchange.isThroughParent && !exchange.isConnect && configuration.hasParent {
            return acquireParent(id, host: host)
        }
        return pool.acquire(
            exchange.isConnect ? .tunnel : .http,
            host: heads[exchange.head].span.extracting(host),
            port: exchange.port,
            at: exchange.isThroughParent ? parentPlace : nil,
            for: id,
            need: exchange.need,
            now: now
        )
    }

    /// Carries out what the pool decided. Effects that follow from effects are appended and handled
    /// by the same loop.
    mutating func applyPoolEffects() {
        if isApplyingEffects { return }
        isApplyingEffects = true
        var index = 0
        while index < pool.effects.count {
            let effect = pool.effects[index]
            index += 1
            switch effect {
            case .dial(let upstream, _):
                let slot = upstream.id.index
                while links.count <= slot { links.append(UpstreamLink()) }
                links[slot] = UpstreamLink()
                links[slot].id = upstream.id
                if configuration.hasParent { noteDial(upstream) }
                armDial(upstream)
                actions.append(.dial(upstream))
            case .granted(let waiter, let upstream, let isReused):
                attach(waiter, upstream, isReused: isReused)
            case .failed(let waiter):
                answer(waiter, dialCause)
            case .close(let upstream, _):
                upstreamDeadlines.disarm(upstream.id.slot)
                actions.append(.close(.upstream(upstream), .reset))
            }
        }
        pool.clearEffects()
        isApplyingEffects = false
    }

    /// The exchange has its connection.
    private mutating func attach(_ id: SlotID, _ upstream: UpstreamID, isReused: Bool) {
        let slot = upstream.id.index
        links[slot].client = id
        links[slot].hasBytes = false
        links[slot].scanned = 0
        links[slot].isPersistent = false
        links[slot].responseDeadline = .never
        links[slot].acknowledgeBy = .never
        clientDeadlines.disarm(id.slot)
        exchanges[id].upstream = upstream
        // That of an intercepted one is known, and need not be what keeps it apart in the pool.
        let isShared = exchanges[id].isThroughParent && !exchanges[id].isConnect
        if clients[id].interception == .none && !isShared {
            clients[id].destination = pool.destinationHash(of: upstream)
        }
        exchanges[id].isReused = isReused
        exchanges[id].hasUpstream = true
        noteWait(id)
        if exchanges[id].isConnect {
            openTunnel(id, upstream)
        } else if isReused && !exchanges[id].isReplayable {
            // It cannot be sent twice, so the socket is looked at once more: its end may be queued
            // behind this very event (RFC 9112 §9.3.1, POLICY §6.5).
            exchanges[id].stage = .checking
            actions.append(.check(upstream))
        } else {
            sendHead(id, upstream)
        }
    }

    private mutating func noteWait(_ id: SlotID) {
        let waited = now.since(exchanges[id].startedAt)
        if waited == .zero || exchanges[id].isRetried { return }
        exchanges[id].waited = waited
        statistics.waits.note(waited)
    }

    /// Sends the head, and lets the content follow.
    mutating func sendHead(_ id: SlotID, _ upstream: UpstreamID) {
        let head = exchanges[id].head
        let start = outbox.count
        outbox.append(heads[head].span)
        if exchanges[id].isThroughParent { authorize(upstream) }
        actions.append(.send(.upstream(upstream), offset: start, count: outbox.count - start))
        exchanges[id].stage = .sent
        exchanges[id].sentAt = now
        if exchanges[id].request.isComplete {
            armResponse(upstream)
        } else {
            resumeClient(id)
        }
        if exchanges[id].isReused { armAcknowledge(upstream, after: configuration.ackTimeout) }
        armClient(id)
    }

    /// From the request's last byte on the origin may take `response_timeout` for its head.
    mutating func armResponse(_ upstream: UpstreamID) {
        let slot = upstream.id.index
        if links[slot].responseDeadline == .never {
            links[slot].responseDeadline = now + configuration.responseTimeout
        }
        armUpstream(upstream)
    }

    /// A flow that the network forgot is found by the missing acknowledgement, not by a missing
    /// answer: a slow origin acknowledges.
    mutating func armAcknowledge(_ upstream: UpstreamID, after interval: Interval) {
        links[upstream.id.index].acknowledgeBy = now + interval
        armUpstream(upstream)
    }

    /// Sets the deadline that the state of the lease calls for. A missing acknowledgement tells sooner
    /// than a full window or a missing response, and one deadline must not hide the other.
    mutating func armUpstream(_ upstream: UpstreamID) {
        let link = links[upstream.id.index]
        // A dial has one deadline, for the parent proxy's part of it too.
        if link.isOpening { return }
        var lane = UpstreamLane.response
        var deadline = link.responseDeadline
        if link.isStalled {
            lane = .stall
            deadline = now + configuration.writeTimeout
        }
        if link.acknowledgeBy < deadline {
            lane = .acknowledge
            deadline = link.acknowledgeBy
        }
        upstreamDeadlines.arm(upstream.id.slot, lane: lane.rawValue, at: deadline)
    }

    /// Response or tunnel: nothing of the request is awaited any more.
    mutating func forgetResponseDeadlines(_ upstream: UpstreamID) {
        links[upstream.id.index].responseDeadline = .never
        links[upstream.id.index].acknowledgeBy = .never
        armUpstream(upstream)
    }

    /// The dial is over without a connection.
    mutating func failDial(_ upstream: UpstreamID, _ cause: Cause) {
        upstreamDeadlines.disarm(upstream.id.slot)
        parentDials[upstream.id.slot] = nil
        dialCause = cause
        let isPressure = cause == .portsExhausted || cause == .descriptorsExhausted
        if isPressure { pressureCause = cause }
        pool.dialFailed(upstream, isPressure: isPressure, now: now)
        if cause == .descriptorsExhausted { pool.closeIdle(limit: 4, .evicted) }
        applyPoolEffects()
    }

    /// Parts the exchange from its connection and closes the latter.
    mutating func abandonUpstream(_ id: SlotID) {
        pool.waiterLeft(id, now: now)
        guard let upstream = exchanges[id].upstream else { return }
        closeUpstream(upstream, .reset)
        exchanges[id].upstream = nil
    }

    /// Closes an upstream connection that stands, whatever state it is in.
    mutating func closeUpstream(_ upstream: UpstreamID, _ manner: CloseManner) {
        links[upstream.id.index].client = .none
        upstreamDeadlines.disarm(upstream.id.slot)
        actions.append(.close(.upstream(upstream), manner))
        pool.lost(upstream, now: now)
    }

    /// A reused connection proved dead before anything was sent on it.
    mutating func replaceUpstream(_ id: SlotID, _ upstream: UpstreamID) {
        exchanges[id].upstream = nil
        closeUpstream(upstream, .reset)
        seekUpstream(id)
    }

    /// The leased connection failed or misbehaved before the response was complete. What the client
    /// gets is decided here: a second try, an error, or a visibly broken end.
    ///
    /// - Parameter error: What is wrong with the response, where that is the cause.
    mutating func upstreamLost(
        _ upstream: UpstreamID,
        _ cause: Cause,
        _ error: WireError? = nil,
        manner: CloseManner = .reset
    ) {
        let slot = upstream.id.index
        let id = links[slot].client
        let hasBytes = links[slot].hasBytes
        closeUpstream(upstream, manner)
        guard id != .none else { return applyPoolEffects() }
        exchanges[id].upstream = nil
        let exchange = exchanges[id]
        if RetryRules.mayRetry(
            isReused: exchange.isReused,
            isConnectionDead: cause == .upstreamGone || cause == .upstreamSilent,
            hasResponseBytes: hasBytes,
            isReplayable: exchange.isReplayable,
            isRetried: exchange.isRetried
        ) {
            statistics.retries += 1
            exchanges[id].isRetried = true
            exchanges[id].need = .fresh
            seekUpstream(id)
        } else if exchange.hasResponse {
            noteLimit(error, isResponse: true)
            truncate(id, cause, byReset: cause == .upstreamGone && manner == .reset)
        } else {
            answer(id, cause == .upstreamGone && hasBytes ? .responseIncomplete : cause, error)
        }
        applyPoolEffects()
    }
}
