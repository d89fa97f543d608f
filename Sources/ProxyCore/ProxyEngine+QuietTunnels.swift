import Basics
import ClientPolicy
import UpstreamPool

// The shape of a tunnel's traffic, and what is done about tunnels that lie quiet (POLICY §5). Bytes that last
// went up: an answer is awaited, the tunnel is working. Last down, then silence: quiet. One exchange and then
// quiet for good is how a leaked connection looks.
extension ProxyEngine {
    /// Who speaks again after so long shows that it had not been forgotten. A handshake's flights follow each
    /// other at the pace of the peers' processors, whatever the round-trip time.
    private static let leastPause = Interval.milliseconds(100)
    /// An origin that speaks again unasked after so long has a stream of events to tell.
    private static let leastEventPause = Interval.milliseconds(500)

    /// Counts the tunnel among what its owner has to its destination, its dial included.
    mutating func joinTunnel(_ id: SlotID) {
        let exchange = exchanges[id]
        if clients[id].interception == .http {
            // An upgrade: by the address dialled, which is known; the Host is only what the client says.
            joinDestination(id, isTunnel: true)
            return applyVerdicts()
        }
        let host = Int(exchange.hostOffset)..<Int(exchange.hostOffset + exchange.hostCount)
        let hash = pool.destinationHash(
            exchange.isConnect ? .tunnel : .http,
            host: heads[exchange.head].span.extracting(host),
            port: exchange.port
        )
        clients[id].destination = hash
        joinDestination(id, isTunnel: true)
        applyVerdicts()
    }

    /// Keeps count of who speaks, as far as it tells a handshake and one exchange from what follows.
    mutating func noteClientBurst(_ id: SlotID, firstByte: UInt8) {
        if exchanges[id].tunnel.clientSpokeLast { return }
        exchanges[id].tunnel.clientSpokeLast = true
        exchanges[id].tunnel.isProofRecent = false
        let handshakeRecord: UInt8 = 22
        let bursts = exchanges[id].tunnel.clientBursts
        if bursts == 0 { exchanges[id].tunnel.isTLS = firstByte == handshakeRecord }
        // The second flight of a full handshake up to TLS 1.2 (RFC 5246 §7.3), or after HelloRetryRequest
        // (RFC 8446 §2.1): nothing was asked yet.
        if exchanges[id].tunnel.isInHandshake && bursts == 1 && firstByte == handshakeRecord { return }
        exchanges[id].tunnel.clientBursts = min(TunnelState.mostBursts, bursts + 1)
        let quietSince = destinations.quietSince(id)
        // One that was found unread when it was to be ended is on no list of quiet ones any more.
        let hasPaused =
            (quietSince != .never && now.since(quietSince) >= ProxyEngine.leastPause)
            || (destinations.isStalled(id) && !clients[id].isStalled)
        if hasPaused || bursts + 1 >= TunnelState.mostBursts { destinations.prove(id, now: now) }
    }

    /// The upstream speaks.
    mutating func noteUpstreamBurst(_ id: SlotID) {
        let quietSince = destinations.quietSince(id)
        exchanges[id].tunnel.isProofRecent = false
        if quietSince != .never && now.since(quietSince) >= ProxyEngine.leastEventPause
            && !destinations.isProven(id)
        {
            destinations.prove(id, now: now)
            exchanges[id].tunnel.isProofRecent = true
        }
        exchanges[id].tunnel.clientSpokeLast = false
    }

    /// The upstream has finished. An unasked word just before its end was a farewell and no event: TLS tells
    /// the end by an alert (RFC 8446 §6.1), which is all that a tunnel shows of it.
    mutating func noteUpstreamEnd(_ id: SlotID) {
        let saidAt = destinations.quietSince(id)
        if exchanges[id].tunnel.isProofRecent && saidAt != .never
            && now.since(saidAt) < ProxyEngine.leastEventPause
        {
            destinations.disprove(id, now: now)
        }
    }

    /// The last bytes were the upstream's (or none have come yet): from now on the tunnel counts as quiet.
    /// Where too many are, the longest quiet one goes.
    mutating func becomeQuiet(_ id: SlotID) {
        if !exchanges[id].tunnel.isInHandshake { destinations.becomeQuiet(id, now: now) }
        armClient(id)
        reapSurplus(with: id, sparing: id)
        applyVerdicts()
    }

    /// Sets the deadline of a quiet tunnel: the next moment at which it may be found to be too many, evidence,
    /// or leaked.
    mutating func armQuiet(_ id: SlotID) {
        let since = destinations.quietSince(id)
        if since == .never || clients[id].isStalled { return armClient(id) }
        let passed = now.since(since)
        let isRaw = exchanges[id].tunnel.isRaw
        let last = isRaw ? ClientLane.rawQuiet : .tunnel
        let idle = length(of: last)
        var lane = last
        if destinations.isSuspect(id) {
            let steps: [ClientLane] =
                if isRaw {
                    [.quietEvidence, .quietSurplus]
                } else if isCuredThere(id) {
                    [.quietOfLeak, .quietEvidence, .quietReap]
                } else {
                    [.quietEvidence, .quietReap, .quietSurplus]
                }
            lane = steps.first { length(of: $0) > passed && length(of: $0) < idle } ?? last
            if lane == last && steps.last == .quietReap { lane = .quietReap }
        }
        arm(id, lane, since: since)
    }

    mutating func quietDeadlinePassed(_ id: SlotID, _ lane: ClientLane) {
        let isLeaking = isCuredThere(id)
        switch lane {
        case .quietEvidence: destinations.lieQuiet(id, now: now)
        case .quietReap where isLeaking && destinations.isSuspect(id):
            return inspectUnread(id, again: .tunnel)
        default: break
        }
        // Once for all that pass it together: each must be looked at before it goes.
        if lane == .quietReap { isReliefDue = true }
        reapSurplus(with: id)
        // Another's tunnel may have gone, or this one; if it is still there, its next step is due.
        if clients.isAlive(id) && clients[id].phase == .tunnel && destinations.isSuspect(id) { armQuiet(id) }
    }

    /// Ends the longest quiet tunnels of this one's owner and destination, as far as there are too many.
    /// One that has fallen quiet just now is spared, however short the least time.
    private mutating func reapSurplus(with id: SlotID, sparing spared: SlotID? = nil) {
        let isRaw = exchanges[id].tunnel.isRaw
        let isLeaking = isCuredThere(id)
        // A pool of connections to a database lies quiet for a living: only a leak makes it too many.
        if isRaw && !isLeaking { return }
        let minimum =
            isLeaking && !isRaw
            ? configuration.minimumQuietOfLeak : configuration.minimumQuiet
        // A few at a time; each tunnel that falls quiet looks again.
        for _ in 0..<8 {
            guard
                let longest = destinations.surplus(
                    with: id,
                    budget: configuration.maxQuietPerDestination,
                    minimum: minimum,
                    now: now
                ), longest != spared, isRaw || !exchanges[longest].tunnel.isRaw
            else { return }
            reapQuiet(longest)
        }
    }

    /// Ends a tunnel that lies quiet, unless its last answer was not read yet.
    mutating func reapQuiet(_ id: SlotID) {
        // Off the list at once, so that the next surplus is another one.
        destinations.leaveQuiet(id)
        inspectUnread(id, again: .tunnel)
    }

    /// What the kernel says of a quiet tunnel that is to be ended.
    mutating func tunnelInspected(_ id: SlotID, _ unread: Int?) {
        // The client has spoken meanwhile.
        if exchanges[id].tunnel.clientSpokeLast { return }
        // Our FIN counts as a byte that was not read.
        let finish = exchanges[id].tunnel.upstreamFinished ? 1 : 0
        let isUnread = clients[id].isStalled || unread.map { $0 > finish } ?? false
        let isReaping = clients[id].isReaping
        clients[id].isReaping = false
        if isUnread { return tunnelUnread(id, unread, isReaping: isReaping) }
        // It was read meanwhile, and is quiet only since then.
        if destinations.isStalled(id) {
            endStall(id)
            return becomeQuiet(id)
        }
        policy.countReaped(id)
        destinations.countReaped(id)
        closeTunnel(id, unread == nil ? .tunnelQuiet : .tunnelLeaked)
    }

    /// The answer lies unread, so the tunnel is stalled, not quiet. It is looked at again: once it is read it may
    /// have to make room.
    private mutating func tunnelUnread(_ id: SlotID, _ unread: Int?, isReaping: Bool) {
        if isReaping || isLeakedStall(id, unread) { return cutStalled(id) }
        noteStall(id)
        if clients.isAlive(id) && !clients[id].isStalled {
            let patience = length(of: exchanges[id].tunnel.isRaw ? .rawQuiet : .tunnel)
            if now.since(destinations.stalledSince(id)) >= patience { return closeTunnel(id, .tunnelQuiet) }
            armStall(id, otherwise: .unread)
        }
        relieve()
    }
}
