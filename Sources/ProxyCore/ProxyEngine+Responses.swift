import ClientPolicy
import Basics
import HTTPWire
import UpstreamPool

// From the origin's bytes to the client's response.
extension ProxyEngine {
    mutating func upstreamBytes(_ upstream: UpstreamID, _ bytes: Span<UInt8>) -> Int {
        let slot = upstream.id.index
        if links[slot].isOpening { return readOpening(upstream, bytes) }
        let id = links[slot].client
        guard id != .none else {
            // RFC 9112 §9.2: bytes without a request must not be taken for the next response.
            statistics.unsolicitedBytes += 1
            closeUpstream(upstream, .reset)
            applyPoolEffects()
            return bytes.count
        }
        if clients[id].phase == .tunnel { return tunnelBytesFromUpstream(id, upstream, bytes, from: 0) }
        if exchanges[id].stage == .checking {
            statistics.unsolicitedBytes += 1
            replaceUpstream(id, upstream)
            return bytes.count
        }
        links[slot].hasBytes = true
        var offset = 0
        let isHeadNew = !exchanges[id].hasResponse
        while !exchanges[id].hasResponse {
            // Interim responses are cheap to send and cost an action each; the rest is offered again.
            if actions.count >= ProxyEngine.actionsPerOffer { return offset }
            guard readResponseHead(id, upstream, bytes, &offset) else { return offset }
            if clients[id].phase == .tunnel {
                return tunnelBytesFromUpstream(id, upstream, bytes, from: offset)
            }
        }
        var progress = exchanges[id].response
        let start = offset
        let result = relay(&progress, bytes, &offset, to: .client(id))
        exchanges[id].response = progress
        exchanges[id].bytesDown += UInt64(offset - start)
        statistics.bytesDown += UInt64(offset - start)
        switch result {
        case .more:
            // An origin with Nagle's algorithm (RFC 9293 §3.7.4) holds back the content that it writes behind the
            // head until the head is acknowledged, and the kernel delays that by 40 ms on a connection that
            // asks and answers in turn.
            if isHeadNew && offset == start { actions.append(.acknowledge(upstream)) }
            // It moves: what waits for the half-closed client or for content starts anew.
            if clients[id].peerFinished || !exchanges[id].request.isComplete { armClient(id) }
            return offset
        case .complete:
            completeResponse(id, upstream, isClean: offset == bytes.count)
            return bytes.count
        case .bad(let error):
            upstreamLost(upstream, .badResponse, error)
            return bytes.count
        }
    }

    /// Handles one response head, interim or final. False if it is incomplete, or the exchange is
    /// over with an error (then everything counts as consumed).
    private mutating func readResponseHead(
        _ id: SlotID,
        _ upstream: UpstreamID,
        _ bytes: Span<UInt8>,
        _ offset: inout Int
    ) -> Bool {
        let slot = upstream.id.index
        var scanned = Int(links[slot].scanned)
        let part = bytes.extracting(offset...)
        do throws(WireError) {
            let head = try HeadParser.parseResponse(
                part,
                scanned: &scanned,
                limits: configuration.heads,
                fields: &fields
            )
            guard let head else {
                links[slot].scanned = UInt32(scanned)
                return false
            }
            links[slot].scanned = 0
            if head.status == 101 {
                if tunnels >= configuration.maxTunnels {
                    upstreamLost(upstream, .tooManyTunnels)
                    offset = bytes.count
                    return false
                }
                try passUpgrade(id, upstream, part, head)
            } else if head.status < 200 {
                try passInterim(id, part, head)
            } else if head.status == 407 && pool.kind(of: upstream) == .parent {
                upstreamLost(upstream, .parentUnauthorized)
                offset = bytes.count
                return false
            } else {
                try passFinal(id, upstream, part, head)
            }
            offset += head.length
            exchanges[id].bytesDown += UInt64(head.length)
            statistics.bytesDown += UInt64(head.length)
            return true
        } catch {
            upstreamLost(upstream, .badResponse, error)
            offset = bytes.count
            return false
        }
    }

    /// RFC 9110 §15.2: interim responses are passed on, in order, but never to an HTTP/1.0 client.
    private mutating func passInterim(
        _ id: SlotID,
        _ bytes: Span<UInt8>,
        _ head: ResponseHead
    ) throws(WireError) {
        _ = try ConnectionOptions.read(bytes, &fields, isForProxy: clients[id].interception == .none)
        if exchanges[id].isHTTP10 { return }
        if head.status == 100 {
            exchanges[id].expectsContinue = false
            armClient(id)
        }
        // RFC 9110 §8.6: no content is announced in an interim response.
        fields.drop(.contentLength)
        let start = outbox.count
        appendStatusAndFields(bytes, head)
        ownLines.via.append(head.version, to: &outbox)
        outbox.append("\r\n")
        actions.append(.send(.client(id), offset: start, count: outbox.count - start))
    }

    private mutating func passUpgrade(
        _ id: SlotID,
        _ upstream: UpstreamID,
        _ bytes: Span<UInt8>,
        _ head: ResponseHead
    ) throws(WireError) {
        _ = try ConnectionOptions.read(bytes, &fields, isForProxy: clients[id].interception == .none)
        let exchange = exchanges[id]
        // RFC 9110 §7.8: only to what was offered, and only behind the whole request.
        guard exchange.offersUpgrade, exchange.request.isComplete,
            UpgradeTokens.isOffered(bytes, fields, in: heads[exchange.offer].span)
        else { throw .upgradeNotOffered }
        fields.drop(.contentLength)
        let start = outbox.count
        appendStatusAndFields(bytes, head)
        ownLines.via.append(head.version, to: &outbox)
        appendUpgrade(bytes)
        outbox.append("\r\n")
        actions.append(.send(.client(id), offset: start, count: outbox.count - start))
        exchanges[id].status = 101
        becomeTunnel(id, upstream)
    }

    private mutating func passFinal(
        _ id: SlotID,
        _ upstream: UpstreamID,
        _ bytes: Span<UInt8>,
        _ head: ResponseHead
    ) throws(WireError) {
        let isForProxy = clients[id].interception == .none
        let options = try ConnectionOptions.read(bytes, &fields, isForProxy: isForProxy)
        let framing = try Framing.ofResponse(
            bytes,
            head,
            fields,
            requestMethod: exchanges[id].method
        )
        if Framing.mustNotDeclareContent(status: head.status, requestMethod: .get) {
            fields.drop(.contentLength)
        }
        forgetResponseDeadlines(upstream)
        links[upstream.id.index].isPersistent =
            framing != .untilClose
            && (head.version == .http11 ? !options.contains(.close) : options.contains(.keepAlive))

        links[upstream.id.index].idleLimit = idleLimit(bytes)
        let isHTTP10 = exchanges[id].isHTTP10
        var progress = BodyProgress(framing)
        if framing == .chunked && isHTTP10 { progress.rewrite = .unchunk }
        if framing == .untilClose && !isHTTP10 { progress.rewrite = .chunk }
        exchanges[id].response = progress
        if framing == .chunked { exchanges[id].responseNominations = keepNominations(bytes, options) }
        exchanges[id].hasResponse = true
        exchanges[id].expectsContinue = false
        exchanges[id].status = head.status
        exchanges[id].firstByte = now.since(exchanges[id].sentAt)
        statistics.firstBytes.note(exchanges[id].firstByte)
        statistics.responses[Int(min(5, head.status / 100))] += 1

        let start = outbox.count
        appendStatusAndFields(bytes, head)
        if framing == .chunked && !isHTTP10 || progress.rewrite == .chunk {
            outbox.append("Transfer-Encoding: chunked\r\n")
        }
        if !fields.present.contains(.date) { dates.append(now, to: &outbox) }
        // RFC 9110 §15.5.22: it says to what the client should switch, which is hop-by-hop like any upgrade.
        if head.status == 426 { appendUpgrade(bytes) }
        if keepsClient(id) {
            ownLines.keptEnd.append(head.version, to: &outbox)
        } else {
            ownLines.closedEnd.append(head.version, to: &outbox)
        }
        actions.append(.send(.client(id), offset: start, count: outbox.count - start))
        armClient(id)
    }

    /// What the origin allows, less a margin: a request must not meet the origin's close on its way.
    private func idleLimit(_ bytes: Span<UInt8>) -> Interval {
        guard let field = fields.first(.keepAlive),
            let seconds = FieldValue.keepAliveTimeout(bytes, field.value)
        else { return .unlimited }
        let margin = 1
        return .seconds(max(0, Int(min(seconds, 86_400)) - margin))
    }

    /// The status line is the origin's own, in one piece with the fields behind it, where nothing in it differs
    /// from what weir would write.
    private mutating func appendStatusAndFields(_ bytes: Span<UInt8>, _ head: ResponseHead) {
        if head.isCanonical {
            return HeadWriter.appendFields(bytes, fields, behind: ByteRange(0, head.lineEnd), to: &outbox)
        }
        outbox.append("HTTP/1.1 ")
        outbox.append(decimal: UInt64(head.status))
        outbox.append(ASCII.space)
        outbox.append(bytes.extracting(head.reason.range))
        outbox.append("\r\n")
        HeadWriter.appendFields(bytes, fields, to: &outbox)
    }

    /// The protocols of the response, as far as they are relayed.
    private mutating func appendUpgrade(_ bytes: Span<UInt8>) {
        var protocols = ByteBuffer()
        UpgradeTokens.appendRelayed(bytes, fields, to: &protocols)
        if protocols.isEmpty { return }
        outbox.append("Connection: Upgrade\r\nUpgrade: ")
        outbox.append(protocols.span)
        outbox.append("\r\n")
    }

    /// Decides whether the client connection lives on, which the response then says: an announced close is free
    /// of the race that a silent one has.
    mutating func keepsClient(_ id: SlotID) -> Bool {
        var keeps =
            clients[id].isPersistent && !clients[id].peerFinished && !isDraining && !isWindingDown
            && exchanges[id].request.isComplete
        // The policy is asked last: it counts on it that a connection which may be kept is.
        if keeps, let reason = policy.reasonToEnd(id, requests: Int(clients[id].requests), now: now) {
            policy.count(reason)
            keeps = false
        }
        exchanges[id].announcedClose = !keeps
        return keeps
    }

    /// The response has ended. The connection returns to the pool only if nothing came after the
    /// response and the request was sent whole (POLICY §6.5).
    mutating func completeResponse(_ id: SlotID, _ upstream: UpstreamID, isClean: Bool) {
        let slot = upstream.id.index
        if !isClean { statistics.unsolicitedBytes += 1 }
        let isPersistent =
            isClean && links[slot].isPersistent && exchanges[id].request.isComplete
            && !links[slot].isStalled
        links[slot].client = .none
        exchanges[id].upstream = nil
        upstreamDeadlines.disarm(upstream.id.slot)
        if isPersistent { resume(upstream) }
        conclude(id, .completed)
        pool.release(
            upstream,
            isPersistent: isPersistent,
            idleLimit: links[slot].idleLimit,
            now: now
        )
        applyPoolEffects()
        settleClient(id)
    }

    /// The origin's FIN or failure.
    mutating func upstreamEnded(_ upstream: UpstreamID, isReset: Bool) {
        let slot = upstream.id.index
        if links[slot].isOpening { return failOpening(upstream, .upstreamGone) }
        let id = links[slot].client
        guard id != .none else {
            statistics.idleClosedByUpstream += 1
            pool.closedWhileIdle(upstream, now: now)
            closeUpstream(upstream, isReset ? .reset : .normal)
            applyPoolEffects()
            return
        }
        if clients[id].phase == .tunnel {
            if isReset { closeTunnel(id, .upstreamGone) } else { upstreamFinishedTunnel(id, upstream) }
            return
        }
        let exchange = exchanges[id]
        if exchange.stage == .checking {
            statistics.idleClosedByUpstream += 1
            replaceUpstream(id, upstream)
        } else if exchange.hasResponse && exchange.response.kind == .untilClose && !isReset {
            if exchange.response.rewrite == .chunk { sendText(.client(id), "0\r\n\r\n") }
            exchanges[id].response.kind = .none
            completeResponse(id, upstream, isClean: true)
        } else {
            upstreamLost(upstream, .upstreamGone, manner: isReset ? .reset : .normal)
        }
    }
}
