import Basics
import ClientPolicy
import HTTPWire
import UpstreamPool

// Byte relays: CONNECT and upgraded connections.
extension ProxyEngine {
    /// A CONNECT request. The tunnel is counted from here on, its dial included.
    mutating func startTunnel(_ id: SlotID, _ bytes: Span<UInt8>, _ target: RequestTarget) {
        exchanges[id].isConnect = true
        exchanges[id].need = .fresh
        exchanges[id].port = target.port
        let allowed = configuration.allowedTunnelPorts
        let index = heads.take()
        heads[index].append(bytes.extracting(target.host.range))
        exchanges[id].head = index
        exchanges[id].hostCount = UInt32(target.host.count)
        noteRoute(id, bytes, target)
        if !allowed.isEmpty && !allowed.contains(target.port) {
            answer(id, .denied)
        } else if let denial = denial(of: id) {
            answer(id, denial)
        } else if countTunnel(id) {
            joinTunnel(id)
            seekUpstream(id)
        } else {
            answer(id, .tooManyTunnels)
        }
    }

    mutating func countTunnel(_ id: SlotID) -> Bool {
        if tunnels >= configuration.maxTunnels { return false }
        tunnels += 1
        exchanges[id].isCountedAsTunnel = true
        return true
    }

    /// RFC 9110 §9.3.6: a 2xx to CONNECT has neither Content-Length nor Transfer-Encoding.
    mutating func openTunnel(_ id: SlotID, _ upstream: UpstreamID) {
        // Who does not know of the proxy is told nothing.
        if clients[id].interception == .tunnel { return becomeTunnel(id, upstream) }
        sendText(.client(id), "HTTP/1.1 200 Connection established\r\n\r\n")
        exchanges[id].status = 200
        exchanges[id].hasResponse = true
        statistics.responses[2] += 1
        becomeTunnel(id, upstream)
    }

    /// From here on bytes are only relayed. The quiet clock starts now, not with the dial.
    mutating func becomeTunnel(_ id: SlotID, _ upstream: UpstreamID) {
        if !exchanges[id].isCountedAsTunnel {
            _ = countTunnel(id)
            joinTunnel(id)
        }
        // Known by its destination from now on; tens of thousands may lie quiet for hours.
        if exchanges[id].head >= 0 { heads.give(exchanges[id].head) }
        exchanges[id].head = -1
        statistics.tunnelsOpened += 1
        clients[id].phase = .tunnel
        // After an upgrade the client has asked already; it need not speak again.
        if !exchanges[id].isConnect { exchanges[id].tunnel.clientBursts = 2 }
        exchanges[id].hasResponse = true
        exchanges[id].stage = .sent
        forgetResponseDeadlines(upstream)
        let isWorking = sendOpening(id, upstream)
        if clients[id].peerFinished {
            // What came before its FIN goes before it.
            if !clients[id].awaitsOffer { clientFinishedTunnel(id, upstream) }
        } else {
            resumeClient(id)
        }
        if isWorking { armClient(id) } else { becomeQuiet(id) }
    }

    /// Relays the event's bytes from `start` on; what is before was a head. Returns the end of what was
    /// consumed.
    mutating func tunnelBytesFromClient(_ id: SlotID, _ bytes: Span<UInt8>, from start: Int) -> Int {
        let count = bytes.count - start
        guard let upstream = exchanges[id].upstream, count > 0 else { return start }
        if links[upstream.id.index].isStalled {
            pauseClient(id)
            return start
        }
        forward(.upstream(upstream), start, count)
        tunnelPassedUp(id, count, firstByte: bytes[start])
        if clients[id].awaitsOffer { openingOffered(id, upstream) }
        return bytes.count
    }

    mutating func tunnelPassedUp(_ id: SlotID, _ count: Int, firstByte: UInt8) {
        exchanges[id].bytesUp += UInt64(count)
        statistics.bytesUp += UInt64(count)
        noteClientBurst(id, firstByte: firstByte)
        // Who asks again has read what it was found to have left unread.
        if !clients[id].isStalled { endStall(id) }
        destinations.leaveQuiet(id)
        armClient(id)
    }

    mutating func tunnelBytesFromUpstream(
        _ id: SlotID,
        _ upstream: UpstreamID,
        _ bytes: Span<UInt8>,
        from start: Int
    ) -> Int {
        let count = bytes.count - start
        if count == 0 { return start }
        if clients[id].isStalled {
            pause(upstream)
            return start
        }
        forward(.client(id), start, count)
        tunnelPassedDown(id, count)
        return bytes.count
    }

    mutating func tunnelPassedDown(_ id: SlotID, _ count: Int) {
        exchanges[id].bytesDown += UInt64(count)
        statistics.bytesDown += UInt64(count)
        noteUpstreamBurst(id)
        becomeQuiet(id)
    }

    /// The client's FIN: passed on, the other direction goes on (RFC 9110 §9.3.6).
    mutating func clientFinishedTunnel(_ id: SlotID, _ upstream: UpstreamID) {
        if !exchanges[id].tunnel.upstreamFinished { destinations.closedByClient(id, now: now) }
        exchanges[id].tunnel.isFirstToFinish = !exchanges[id].tunnel.upstreamFinished
        exchanges[id].tunnel.clientFinished = true
        actions.append(.finish(.upstream(upstream)))
        endTunnelIfFinished(id, upstream)
    }

    mutating func upstreamFinishedTunnel(_ id: SlotID, _ upstream: UpstreamID) {
        exchanges[id].tunnel.upstreamFinished = true
        noteUpstreamEnd(id)
        pause(upstream)
        // Where both have finished the close says it.
        if !exchanges[id].tunnel.clientFinished || clients[id].isStalled {
            actions.append(.finish(.client(id)))
        }
        endTunnelIfFinished(id, upstream)
    }

    /// Both sides have finished and everything was taken: nothing is left to relay.
    mutating func endTunnelIfFinished(_ id: SlotID, _ upstream: UpstreamID) {
        let state = exchanges[id].tunnel
        guard state.clientFinished, state.upstreamFinished, !clients[id].isStalled,
            !links[upstream.id.index].isStalled
        else {
            armClient(id)
            return
        }
        exchanges[id].upstream = nil
        conclude(id, .completed)
        if state.isFirstToFinish { pool.leavesTimeWait(upstream, now: now) }
        closeUpstream(upstream, .normal)
        closeClient(id, .normal)
        applyPoolEffects()
    }

    /// Ends a tunnel that has not finished by itself. The upstream half is reset, so that it leaves
    /// no TIME_WAIT on our ports; the client half is closed in steps, unless it does not read anyway.
    mutating func closeTunnel(_ id: SlotID, _ cause: Cause) {
        let upstream = exchanges[id].upstream
        exchanges[id].upstream = nil
        conclude(id, cause)
        if let upstream { closeUpstream(upstream, .reset) }
        // What a leaking owner left lying has been read, so a reset takes nothing and frees the port at once.
        let mustReset =
            clients[id].isStalled || cause == .clientGone || cause == .upstreamGone || cause == .tunnelLeaked
            || cause == .tooManyStalled
        if mustReset { closeClient(id, .reset) } else { beginEnding(id, .idle) }
        applyPoolEffects()
    }
}
