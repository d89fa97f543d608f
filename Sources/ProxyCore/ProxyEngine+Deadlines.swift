import Basics
import ClientPolicy
import UpstreamPool

// One deadline per connection and side; which one follows from the state.
extension ProxyEngine {
    mutating func arm(_ id: SlotID, _ lane: ClientLane) { arm(id, lane, since: now) }

    /// Sets a deadline that counts from a moment in the past; never before now.
    mutating func arm(_ id: SlotID, _ lane: ClientLane, since start: MonotonicTime) {
        let length = length(of: lane)
        let deadline = length.isUnlimited ? .never : max(now, start + length)
        clientDeadlines.arm(id.slot, lane: lane.rawValue, at: deadline)
    }

    /// How long a deadline of the lane is; one for all, so that a lane is in order by itself.
    func length(of lane: ClientLane) -> Interval {
        switch lane {
        case .request: configuration.requestTimeout
        case .header: configuration.headerTimeout
        case .queue: configuration.queueTimeout
        case .expect: configuration.expectContinueTimeout
        case .stall, .content, .linger: configuration.writeTimeout
        case .evidence, .quietEvidence: ClientPolicy.idleEvidence
        case .parkedOnce, .parked: configuration.clientIdleTimeout.scaled(by: 5, over: 4)
        case .parkedLong: configuration.clientIdleTimeout.scaled(by: 4, over: 1)
        case .leaked:
            min(configuration.leakIdleTimeout, configuration.clientIdleTimeout).scaled(by: 5, over: 4)
        case .lastCall: lastCall
        case .unread, .graceAgain: ProxyEngine.unreadInterval
        case .grace: configuration.closeGrace
        case .leakGrace: configuration.closeGrace.scaled(by: 1, over: 4)
        case .flush: .zero
        case .handshake: max(configuration.requestTimeout, configuration.tunnelIdleTimeout)
        case .halfClose: configuration.halfCloseTimeout
        case .quietOfLeak: configuration.minimumQuietOfLeak
        case .quietReap: configuration.leakIdleTimeout
        // Two looks, to see whether something was taken between them.
        case .stallOfLeak: configuration.leakIdleTimeout.scaled(by: 1, over: 2)
        case .quietSurplus: configuration.minimumQuiet
        case .tunnel: configuration.tunnelIdleTimeout
        case .rawQuiet: configuration.rawIdleTimeout
        case .firstBytes: ProxyEngine.firstBytesTimeout
        }
    }

    /// Sets the deadline that the present state of an exchange or tunnel calls for. The other phases
    /// set theirs on entry, and it must not move while the client dribbles bytes.
    mutating func armClient(_ id: SlotID) {
        switch clients[id].phase {
        case .exchange: armExchange(id)
        case .tunnel: armTunnel(id)
        case .fresh, .head, .parked, .unread, .ending: break
        }
    }

    /// Sets the deadline of a connection that has none, because its time-out was unlimited until now.
    mutating func armAnew(_ id: SlotID) {
        switch clients[id].phase {
        case .fresh: arm(id, .request)
        case .head: arm(id, .header)
        case .parked: armParked(id)
        case .unread: arm(id, .unread)
        case .ending: arm(id, .graceAgain)
        case .exchange where pool.isWaiting(id): arm(id, .queue)
        case .exchange, .tunnel: armClient(id)
        }
    }

    private mutating func armExchange(_ id: SlotID) {
        let exchange = exchanges[id]
        if exchange.stage == .waiting && exchange.isOpen { return }
        if clients[id].isStalled {
            armStall(id, otherwise: .stall)
        } else if exchange.expectsContinue && exchange.stage == .sent {
            arm(id, .expect)
        } else if clients[id].peerFinished {
            // A client that has left looks like one that has half-closed, until something is sent to it.
            arm(id, .halfClose)
        } else if exchange.stage == .sent && !exchange.request.isComplete && !isUpstreamStalled(exchange) {
            arm(id, .content)
        } else {
            clientDeadlines.disarm(id.slot)
        }
    }

    private func isUpstreamStalled(_ exchange: Exchange) -> Bool {
        exchange.upstream.map { links[$0.id.index].isStalled } == true
    }

    private mutating func armTunnel(_ id: SlotID) {
        let tunnel = exchanges[id].tunnel
        if clients[id].isStalled {
            armStall(id, otherwise: .stall)
        } else if tunnel.clientFinished || tunnel.upstreamFinished {
            // A leaking owner does not look at its sockets, so it will not see that the upstream has finished.
            let isLeaked = !tunnel.clientFinished && isCuredThere(id) && destinations.isSuspect(id)
            if isLeaked { armQuiet(id) } else { arm(id, .halfClose) }
        } else if tunnel.isInHandshake {
            arm(id, tunnel.isRaw ? .rawQuiet : .handshake)
        } else if destinations.quietSince(id) != .never {
            armQuiet(id)
        } else {
            // Working: an answer is awaited, however long it takes. TCP keepalive finds a dead peer.
            clientDeadlines.disarm(id.slot)
        }
    }

    mutating func clientDeadlinePassed(_ id: SlotID, _ lane: ClientLane) {
        switch lane {
        case .request:
            beginEnding(id, .idle)
        case .firstBytes: firstBytesOverdue(id)
        case .header:
            statistics.limits[Int(Limit.headerTimeout.rawValue)] += 1
            openExchange(id)
            clients[id].isPersistent = false
            answer(id, .clientTimeout)
        case .evidence, .parkedOnce, .parked, .parkedLong, .leaked: parkedDeadlinePassed(id, lane)
        case .lastCall: endParked(id, .draining)
        case .unread: inspectUnread(id, again: .unread)
        case .stallOfLeak: inspectUnread(id, again: .stallOfLeak)
        case .queue:
            queueDeadlinePassed(id)
        case .expect:
            // The origin stays silent: the client is asked for its content anyway (RFC 9110 §10.1.1).
            exchanges[id].expectsContinue = false
            sendText(.client(id), "HTTP/1.1 100 Continue\r\n\r\n")
            armClient(id)
        case .stall:
            statistics.limits[Int(Limit.writeTimeout.rawValue)] += 1
            if clients[id].phase == .tunnel {
                closeTunnel(id, .clientTimeout)
            } else if exchanges[id].isOpen {
                abortExchange(id, .clientTimeout, .reset)
            } else {
                closeClient(id, .reset)
            }
        case .content:
            let limit = exchanges[id].windowBytes > 0 ? Limit.minProgress : .writeTimeout
            statistics.limits[Int(limit.rawValue)] += 1
            if exchanges[id].hasResponse { return abortExchange(id, .clientTimeout, .reset) }
            clients[id].isPersistent = false
            answer(id, .clientTimeout)
        case .flush:
            if clients[id].isStalled {
                arm(id, .linger)
            } else {
                closeClient(id, .normal)
            }
        case .grace, .leakGrace, .graceAgain: inspectUnread(id, again: .graceAgain)
        case .linger:
            statistics.resetAfterGrace += 1
            closeClient(id, .reset)
        case .quietOfLeak, .quietEvidence, .quietReap, .quietSurplus: quietDeadlinePassed(id, lane)
        case .handshake, .tunnel, .rawQuiet: closeTunnel(id, .tunnelQuiet)
        case .halfClose:
            if clients[id].phase == .tunnel {
                closeTunnel(id, .halfClosed)
            } else {
                abortExchange(id, .halfClosed, .reset)
            }
        }
    }

    /// `queue_timeout` bounds the wait for room. A dial that is under way for the waiter has a
    /// deadline of its own.
    private mutating func queueDeadlinePassed(_ id: SlotID) {
        if pool.isDialPending(for: id) {
            // At most ten looks a second, however short the time-out.
            let length = max(configuration.queueTimeout, .milliseconds(100))
            clientDeadlines.arm(id.slot, lane: ClientLane.queue.rawValue, at: now + length)
            return
        }
        answer(id, pool.isBackingOff(id) ? pressureCause : .queueTimeout)
    }

    /// Brings the upstream side's deadlines forward to what the settings now in force allow, and sets those
    /// that an unlimited time-out had left out.
    mutating func shortenUpstreamDeadlines() {
        upstreamDeadlines.clamp(lane: UpstreamLane.dial.rawValue, to: now + configuration.connectTimeout)
        upstreamDeadlines.clamp(lane: UpstreamLane.stall.rawValue, to: now + configuration.writeTimeout)
        for slot in links.indices {
            let upstream = UpstreamID(links[slot].id)
            guard pool.isAlive(upstream) else { continue }
            let lane = upstreamDeadlines.lane(of: UInt32(slot)).flatMap(UpstreamLane.init)
            if pool.isDialling(upstream) {
                if lane == nil { armDial(upstream) }
                continue
            }
            let client = links[slot].client
            guard client != .none else { continue }
            let exchange = exchanges[client]
            if exchange.stage == .sent && exchange.request.isComplete && !exchange.hasResponse {
                let latest = now + configuration.responseTimeout
                links[slot].responseDeadline = min(links[slot].responseDeadline, latest)
            }
            if links[slot].acknowledgeBy != .never {
                links[slot].acknowledgeBy = min(links[slot].acknowledgeBy, now + configuration.ackTimeout)
            }
            // A stall's deadline was clamped above; to set it anew would prolong it.
            if lane != .stall { armUpstream(upstream) }
        }
    }

    /// A dial, name look-up included, may take `connect_timeout`.
    mutating func armDial(_ upstream: UpstreamID) {
        let deadline = now + configuration.connectTimeout
        upstreamDeadlines.arm(upstream.id.slot, lane: UpstreamLane.dial.rawValue, at: deadline)
    }

    mutating func upstreamDeadlinePassed(_ upstream: UpstreamID, _ lane: UpstreamLane) {
        switch lane {
        case .dial:
            if links[upstream.id.index].isOpening { return failOpening(upstream, .connectTimeout) }
            actions.append(.cancelDial(upstream))
            failDial(upstream, .connectTimeout)
        case .acknowledge:
            links[upstream.id.index].acknowledgeBy = .never
            armUpstream(upstream)
            actions.append(.inspect(upstream))
        case .response:
            upstreamLost(upstream, .upstreamTimeout)
        case .stall:
            let id = links[upstream.id.index].client
            if id != .none && clients[id].phase == .tunnel {
                closeTunnel(id, .upstreamTimeout)
            } else {
                upstreamLost(upstream, .upstreamTimeout)
            }
        }
    }
}
