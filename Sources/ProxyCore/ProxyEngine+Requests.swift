import ClientPolicy
import Basics
import HTTPWire
import UpstreamPool

// From the client's bytes to an exchange.
extension ProxyEngine {
    mutating func clientBytes(_ id: SlotID, _ bytes: Span<UInt8>) -> Int {
        switch clients[id].phase {
        case .fresh where clients[id].interception.isOpen: return readFirstBytes(id, bytes)
        case .fresh, .parked, .unread, .head: return readRequestHead(id, bytes)
        case .exchange: return requestContent(id, bytes, from: 0)
        case .tunnel: return tunnelBytesFromClient(id, bytes, from: 0)
        case .ending:
            // A request in the grace of an idle close is never half-served; the client sees the close
            // and knows that nothing of it was processed (RFC 9112 §9.3.1).
            statistics.lateRequests += clients[id].endingKind == .idle ? 1 : 0
            return bytes.count
        }
    }

    private mutating func readRequestHead(_ id: SlotID, _ bytes: Span<UInt8>) -> Int {
        var scanned = Int(clients[id].scanned)
        do throws(WireError) {
            let head = try HeadParser.parseRequest(
                bytes,
                scanned: &scanned,
                limits: configuration.heads,
                fields: &fields
            )
            guard let head else {
                waitForRestOfHead(id, scanned)
                return 0
            }
            if configuration.authenticates && !mayProceed(id, bytes) { return 0 }
            openExchange(id)
            keepText(id, bytes, head)
            do throws(WireError) {
                try startExchange(id, bytes, head)
            } catch {
                exchanges[id].prefersJSON = FieldValue.acceptsOnlyJSON(bytes, fields)
                throw error
            }
            return clients.isAlive(id) ? requestContent(id, bytes, from: head.length) : bytes.count
        } catch {
            if clients[id].phase != .exchange { openExchange(id) }
            // What follows an unreadable request cannot be told from its content (RFC 9112 §9.3).
            clients[id].isPersistent = false
            answer(id, .badRequest, error)
            return bytes.count
        }
    }

    /// Answers a request that can be read but not served, before its head was written. What follows it
    /// may not be meant for a proxy either, so the connection ends.
    private mutating func refuse(_ id: SlotID, _ cause: Cause, _ bytes: Span<UInt8>) {
        exchanges[id].prefersJSON = FieldValue.acceptsOnlyJSON(bytes, fields)
        clients[id].isPersistent = false
        answer(id, cause)
    }

    mutating func waitForRestOfHead(_ id: SlotID, _ scanned: Int) {
        clients[id].scanned = UInt32(scanned)
        if clients[id].phase == .head { return }
        leaveIdle(id)
        clients[id].phase = .head
        arm(id, .header)
    }

    mutating func openExchange(_ id: SlotID) {
        leaveIdle(id)
        clientDeadlines.disarm(id.slot)
        clients[id].phase = .exchange
        clients[id].scanned = 0
        clients[id].isReaping = false
        clients[id].requests += 1
        exchanges.begin(id)
        exchanges[id].isOpen = true
        exchanges[id].startedAt = now
        statistics.requests += 1
    }

    /// A request begins: the connection is parked, or unread, no more.
    private mutating func leaveIdle(_ id: SlotID) {
        policy.used(id, wasUnread: clients[id].phase == .unread, now: now)
        if clients[id].phase == .unread {
            destinations.resumed(id, now: now)
            destinations.leave(id)
        }
        clients[id].isReaping = false
    }

    /// Keeps "METHOD target" for the access record.
    private mutating func keepText(_ id: SlotID, _ bytes: Span<UInt8>, _ head: RequestHead) {
        guard configuration.accessLog else { return }
        let text = heads.take()
        heads[text].append(bytes.extracting(head.methodName.range))
        heads[text].append(ASCII.space)
        if clients[id].interception == .none {
            heads[text].append(bytes.extracting(head.target.range))
        } else {
            keepOriginalTarget(id, text, bytes, head.target)
        }
        exchanges[id].text = text
    }

    /// Judges the head and sets the exchange going.
    private mutating func startExchange(
        _ id: SlotID,
        _ bytes: Span<UInt8>,
        _ head: RequestHead
    ) throws(WireError) {
        exchanges[id].method = head.method
        exchanges[id].isHTTP10 = head.version == .http10
        let isForProxy = clients[id].interception == .none
        let target = try RequestTarget.parse(bytes, head: head)
        let options = try ConnectionOptions.read(bytes, &fields, isForProxy: isForProxy)
        let framing = try Framing.ofRequest(bytes, head, fields)
        _ = try RequestTarget.checkHost(bytes, head, fields, like: target.authority)
        exchanges[id].request = BodyProgress(framing)
        if framing == .chunked { exchanges[id].requestNominations = keepNominations(bytes, options) }
        exchanges[id].bytesUp = UInt64(head.length)
        statistics.bytesUp += UInt64(head.length)
        // RFC 9112 §9.3: a proxy keeps no connection to an HTTP/1.0 client.
        clients[id].askedClose = head.version == .http10 || options.contains(.close)
        clients[id].isPersistent = !clients[id].askedClose

        if clients[id].requests == 1, policy.needsAgent(id), let agent = fields.first(.userAgent) {
            policy.noteAgent(id, bytes.extracting(agent.value.range))
        }
        if fields.present.contains(.via) && Via.names(configuration.pseudonym, in: bytes, fields) {
            return refuse(id, .loopDetected, bytes)
        }
        if configuration.authenticates, isForProxy, let failure = logInFailure(id) {
            exchanges[id].prefersJSON = FieldValue.acceptsOnlyJSON(bytes, fields)
            return answer(id, failure)
        }
        if head.method == .connect {
            return isForProxy ? startTunnel(id, bytes, target) : relayConnect(id, bytes, head)
        }
        let hops =
            head.method == .trace || head.method == .options ? try MaxForwards.read(bytes, fields) : nil
        if hops == 0 || (target.form == .asterisk && isForProxy) {
            return answerAsRecipient(id, bytes, head)
        }
        if isForProxy {
            guard target.form == .absolute else { return refuse(id, .notAbsolute, bytes) }
            guard target.scheme == .http else { return refuse(id, .schemeUnsupported, bytes) }
        }
        noteExpectations(id, bytes, head, framing, options)
        if configuration.hasParent && isForProxy { noteRoute(id, bytes, target) }
        writeRequestHead(id, bytes, head, target, options, hops: hops)
        if let denial = denial(of: id) { return answer(id, denial) }
        seekUpstream(id)
    }

    /// What the request asks for beyond an answer, and so whether it may be sent twice.
    private mutating func noteExpectations(
        _ id: SlotID,
        _ bytes: Span<UInt8>,
        _ head: RequestHead,
        _ framing: BodyFraming,
        _ options: ConnectionOptions
    ) {
        // RFC 9110 §10.1.1 and §7.8: HTTP/1.0 has neither expectations nor upgrades.
        if head.version == .http10 { fields.drop(.expect) }
        let expects = fields.first(.expect)
        exchanges[id].expectsContinue =
            expects.map { hasToken(bytes, $0.value, "100-continue") } == true && head.version == .http11
            && framing != .none
        if options.contains(.upgrade) && fields.present.contains(.upgrade) && head.version == .http11 {
            exchanges[id].offer = keepOffer(bytes)
        }
        exchanges[id].isReplayable =
            head.method.isIdempotent && framing == .none && !exchanges[id].offersUpgrade
        exchanges[id].need = exchanges[id].isReplayable ? .any : .recent
    }

    /// Keeps the protocols that are offered to the origin; -1 where none of them is relayed.
    private mutating func keepOffer(_ bytes: Span<UInt8>) -> Int32 {
        let index = heads.take()
        UpgradeTokens.appendRelayed(bytes, fields, to: &heads[index])
        if !heads[index].isEmpty { return index }
        heads.give(index)
        return -1
    }

    /// Passes the request's content on, as far as the upstream connection takes it. Returns how many
    /// bytes of the span are consumed.
    mutating func requestContent(_ id: SlotID, _ bytes: Span<UInt8>, from start: Int) -> Int {
        guard clients[id].phase == .exchange else {
            // The exchange became a tunnel or has ended within this event; what follows is next.
            if clients[id].phase == .tunnel { return tunnelBytesFromClient(id, bytes, from: start) }
            return clients[id].phase == .ending ? bytes.count : start
        }
        if start == bytes.count { return start }
        let exchange = exchanges[id]
        guard !exchange.request.isComplete, exchange.stage == .sent, let upstream = exchange.upstream,
            !links[upstream.id.index].isStalled
        else {
            // Pipelined, or content that has nowhere to go yet.
            if clients[id].awaitsOffer { return keepOpening(id, bytes, from: start) }
            pauseClient(id)
            return start
        }
        var offset = start
        var progress = exchange.request
        let result = relay(&progress, bytes, &offset, to: .upstream(upstream))
        exchanges[id].request = progress
        passedUp(id, upstream, offset - start)
        switch result {
        case .more: break
        case .complete:
            if offset < bytes.count { pauseClient(id) }
        case .bad(let error):
            abandonUpstream(id)
            clients[id].isPersistent = false
            if exchanges[id].hasResponse {
                truncate(id, .badRequest)
            } else {
                answer(id, .badRequest, error)
            }
            // Somebody may have waited for the abandoned connection's place.
            applyPoolEffects()
            return bytes.count
        }
        return offset
    }

    /// So much of the request's content was passed on.
    mutating func passedUp(_ id: SlotID, _ upstream: UpstreamID, _ count: Int) {
        exchanges[id].bytesUp += UInt64(count)
        statistics.bytesUp += UInt64(count)
        // It did not wait for an invitation, so it needs none.
        if count > 0 { exchanges[id].expectsContinue = false }
        if !exchanges[id].request.isComplete {
            if count > 0 { noteProgress(id, count) }
            return
        }
        // An interim response is no answer: the final one is still to come.
        if !exchanges[id].hasResponse { armResponse(upstream) }
        armClient(id)
    }

    /// Content came. The time-out begins anew only when enough of it has: by single bytes one request
    /// could hold its connections for ever.
    private mutating func noteProgress(_ id: SlotID, _ count: Int) {
        let window = Int(exchanges[id].windowBytes) + count
        if window >= configuration.minProgress || exchanges[id].hasResponse
            || clientDeadlines.lane(of: id.slot) != ClientLane.content.rawValue
        {
            exchanges[id].windowBytes = 0
            armClient(id)
        } else {
            exchanges[id].windowBytes = UInt32(window)
        }
    }
}
