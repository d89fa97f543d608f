import Basics
import ClientPolicy
import UpstreamPool

// How client connections and exchanges end (POLICY §2, §3).
extension ProxyEngine {
    /// Gives the exchange its one outcome. The upstream connection, if any, is the caller's business.
    mutating func conclude(_ id: SlotID, _ cause: Cause) {
        let exchange = exchanges[id]
        precondition(exchange.isOpen, "two outcomes for one exchange")
        let duration = now.since(exchange.startedAt)
        statistics.outcomes[Int(cause.rawValue)] += 1
        if clients[id].phase == .tunnel {
            statistics.tunnelDurations.note(duration)
        } else {
            statistics.durations.note(duration)
        }
        // A request that cannot be read has no text, and is recorded all the same.
        if exchange.text >= 0 || configuration.accessLog {
            let start = outbox.count
            if exchange.text >= 0 { outbox.append(heads[exchange.text].span) }
            let textCount = outbox.count - start
            if clients[id].interception != .none { outbox.append(originals[id.index].text) }
            records.append(
                AccessRecord(
                    client: id,
                    isTunnel: exchange.isConnect || clients[id].phase == .tunnel,
                    status: exchange.status,
                    cause: cause,
                    phase: phase(of: id),
                    hasUpstream: exchange.hasUpstream,
                    isReused: exchange.isReused,
                    isRetried: exchange.isRetried,
                    bytesUp: exchange.bytesUp,
                    bytesDown: exchange.bytesDown,
                    duration: duration,
                    waited: exchange.waited,
                    firstByte: exchange.firstByte,
                    textOffset: start,
                    textCount: textCount,
                    originalCount: outbox.count - start - textCount
                )
            )
            actions.append(.record(index: records.count - 1))
        }
        clients[id].logIn = .none
        giveHeadsBack(id, exchange)
        if exchange.isCountedAsTunnel { tunnels -= 1 }
        destinations.leave(id)
        exchanges[id].isCountedAsTunnel = false
        exchanges[id].isOpen = false
    }

    private mutating func giveHeadsBack(_ id: SlotID, _ exchange: borrowing Exchange) {
        if exchange.text >= 0 { heads.give(exchange.text) }
        if exchange.head >= 0 { heads.give(exchange.head) }
        if exchange.requestNominations >= 0 { heads.give(exchange.requestNominations) }
        if exchange.responseNominations >= 0 { heads.give(exchange.responseNominations) }
        if exchange.offer >= 0 { heads.give(exchange.offer) }
        if exchange.opening >= 0 { heads.give(exchange.opening) }
        if exchange.via >= 0 { heads.give(exchange.via) }
        exchanges[id].head = -1
        exchanges[id].text = -1
        exchanges[id].requestNominations = -1
        exchanges[id].responseNominations = -1
        exchanges[id].offer = -1
        exchanges[id].opening = -1
        exchanges[id].via = -1
    }

    /// How far the exchange has come.
    private func phase(of id: SlotID) -> Phase {
        let exchange = exchanges[id]
        if clients[id].phase == .tunnel { return .tunnel }
        if exchange.hasResponse { return .content }
        if exchange.head < 0 { return .requestHead }
        return exchange.stage == .sent ? .response : .connect
    }

    /// The exchange is over: the connection is parked, or ended as announced.
    mutating func settleClient(_ id: SlotID) {
        if exchanges[id].announcedClose || clients[id].peerFinished {
            beginEnding(id, .afterResponse)
        } else if clients[id].isStalled {
            // Unread is not parked: nothing more happens until the client has taken its answer.
            exchanges[id].stage = .flushing
            // Counted first: the deadline depends on what is known of its owner there.
            noteStall(id)
            if clients.isAlive(id) { armClient(id) }
        } else {
            park(id)
        }
    }

    /// The shell reports a stall after the event that sent the bytes, so the connection may have been
    /// parked or ended as idle meanwhile. Unread is not idle: what is pending must not be cut (POLICY §2).
    mutating func becomeUnread(_ id: SlotID) {
        if clients[id].phase == .parked {
            policy.unpark(id)
            clients[id].phase = .exchange
            exchanges.begin(id)
            exchanges[id].stage = .flushing
        } else if clients[id].phase == .ending && clients[id].endingKind == .idle {
            clients[id].endingKind = .afterResponse
            arm(id, .linger)
        }
    }

    mutating func park(_ id: SlotID) {
        clients[id].phase = .parked
        exchanges.end(id)
        clients[id].isReaping = false
        let surplus = policy.park(id, now: now)
        armParked(id)
        resumeClient(id)
        if let surplus { endParked(surplus, .tooManyParked) }
    }

    /// Ends a connection that is idle: FIN, grace, RST.
    mutating func endParked(_ id: SlotID, _ why: ClientEnd) {
        policy.count(why)
        beginEnding(id, .idle)
    }

    /// Sends our FIN and waits for the peer's, discarding what still comes: an RST on bytes that
    /// arrive after close(2) would destroy a response the client has not read (RFC 9112 §9.6).
    mutating func beginEnding(_ id: SlotID, _ kind: EndingKind) {
        policy.unpark(id)
        if clients[id].askedClose && kind == .afterResponse {
            policy.closedByClient(id, requests: Int(clients[id].requests), now: now)
        }
        let isLeaking = policy.isCured(id)
        clients[id].phase = .ending
        clients[id].isReaping = false
        clients[id].endingKind = kind
        clients[id].waitsSince = now
        exchanges.end(id)
        actions.append(.finish(.client(id)))
        endingLinks.append(Int32(id.slot), to: &ending)
        arm(id, isLeaking ? .leakGrace : .grace)
        if clients[id].peerFinished && !clients[id].isStalled {
            // Not within this event: its bytes may not all fit the kernel, which the shell reports only
            // afterwards, and a close drops what is pending.
            clientDeadlines.arm(id.slot, lane: ClientLane.flush.rawValue, at: now)
        } else {
            resumeClient(id)
        }
    }

    /// The response cannot be completed. The client must see that: framed content stops short, and
    /// content that only the close would end is ended by a reset (RFC 9112 §8). An origin's reset is passed
    /// on as one: there are clients that do not count, and take an early FIN for the end.
    mutating func truncate(_ id: SlotID, _ cause: Cause, byReset: Bool = false) {
        let response = exchanges[id].response
        let endsWithClose = response.kind == .untilClose || response.rewrite == .unchunk
        let isFramed = !endsWithClose || response.rewrite == .chunk
        conclude(id, cause)
        if isFramed && !byReset {
            beginEnding(id, .afterResponse)
        } else {
            closeClient(id, .reset)
        }
    }

    /// The connection is over, now. Its exchange has had its outcome.
    mutating func closeClient(_ id: SlotID, _ manner: CloseManner) {
        precondition(!exchanges[id].isOpen, "closed with an exchange in flight")
        if endingLinks.isLinked(Int32(id.slot)) { endingLinks.remove(Int32(id.slot), from: &ending) }
        clientDeadlines.disarm(id.slot)
        destinations.leave(id)
        policy.left(id)
        exchanges.end(id)
        clients.remove(id)
        actions.append(.close(.client(id), manner))
    }

    // MARK: What the client does

    /// The client's FIN. A half-closed client still gets its answer.
    mutating func clientEnded(_ id: SlotID) {
        if clients[id].peerFinished { return }
        clients[id].peerFinished = true
        if !clients[id].isPaused {
            clients[id].isPaused = true
            actions.append(.pauseReading(.client(id)))
        }
        switch clients[id].phase {
        case .fresh where clients[id].interception.isOpen: firstBytesEnded(id)
        case .fresh, .parked, .unread, .head:
            if clients[id].phase == .parked {
                policy.closedByClient(id, requests: Int(clients[id].requests), now: now)
            }
            closeClient(id, .normal)
        case .ending:
            statistics.gracefulCloses += 1
            if !clients[id].isStalled { closeClient(id, .normal) }
        case .tunnel:
            if let upstream = exchanges[id].upstream { clientFinishedTunnel(id, upstream) }
        case .exchange:
            let exchange = exchanges[id]
            if !exchange.isOpen { return }
            let isQueued = exchange.stage == .waiting && !pool.isDialPending(for: id)
            // In the queue nobody can tell a half-close from a departure; its place is worth more to
            // those who are certainly there.
            if !exchange.request.isComplete || isQueued {
                let manner = clients[id].interception == .tunnel ? CloseManner.reset : .normal
                return abortExchange(id, .clientGone, manner)
            }
            armClient(id)
        }
    }

    /// The client's connection failed.
    mutating func clientFailed(_ id: SlotID) {
        switch clients[id].phase {
        case .exchange where exchanges[id].isOpen: abortExchange(id, .clientGone, .reset)
        case .tunnel: closeTunnel(id, .clientGone)
        case .fresh, .head, .parked, .unread, .exchange, .ending: closeClient(id, .reset)
        }
    }

    /// Ends an exchange whose client will get nothing more.
    mutating func abortExchange(_ id: SlotID, _ cause: Cause, _ manner: CloseManner) {
        abandonUpstream(id)
        conclude(id, cause)
        closeClient(id, manner)
        applyPoolEffects()
    }

    mutating func clientDrained(_ id: SlotID) {
        clients[id].isStalled = false
        endStall(id)
        if clients[id].phase == .ending {
            if clients[id].peerFinished { closeClient(id, .normal) }
            return
        }
        if let upstream = exchanges[id].upstream, !exchanges[id].tunnel.upstreamFinished {
            resume(upstream)
        }
        if clients[id].phase == .tunnel, let upstream = exchanges[id].upstream {
            endTunnelIfFinished(id, upstream)
        } else if clients[id].phase == .exchange && exchanges[id].stage == .flushing {
            settleClient(id)
        } else {
            armClient(id)
        }
    }

    mutating func upstreamDrained(_ upstream: UpstreamID) {
        let slot = upstream.id.index
        links[slot].isStalled = false
        armUpstream(upstream)
        let id = links[slot].client
        if id == .none { return }
        if clients[id].phase == .tunnel {
            resumeClient(id)
            endTunnelIfFinished(id, upstream)
        } else if !exchanges[id].request.isComplete {
            resumeClient(id)
            armClient(id)
        } else if !exchanges[id].hasResponse {
            armResponse(upstream)
        }
    }
}
