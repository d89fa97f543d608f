import Access
public import Basics
public import ClientPolicy
import HTTPWire
import UpstreamPool

// Clients that do not know of the proxy: the kernel sent their connections here. Their first bytes decide, and
// where they lead is what they dialled, whatever they say.
extension ProxyEngine {
    /// How long first bytes are waited for, and from the first one on those that decide. Who says nothing for
    /// so long lets the origin speak first.
    static let firstBytesTimeout = Interval.milliseconds(50)

    /// A client connection was accepted that was meant for `destination`. Nil if there is no room (see
    /// `canAccept`): close it.
    public mutating func intercepted(
        owner: OwnerKey,
        destination: OriginalDestination,
        isDenied: Bool = false,
        now: MonotonicTime
    ) -> ConnectionID? {
        guard let id = accepted(owner: owner, isDenied: isDenied, now: now)?.id else { return nil }
        clients[id].interception = .silent
        while originals.count <= id.index { originals.append(OriginalDestination(host: "", port: 0)) }
        originals[id.index] = destination
        arm(id, .firstBytes)
        return .client(id)
    }

    /// Looks at the first bytes. Nothing is consumed before they have decided.
    mutating func readFirstBytes(_ id: SlotID, _ bytes: Span<UInt8>) -> Int {
        switch FirstBytes.classify(bytes) {
        case .http1:
            becomeHTTP(id)
            return clientBytes(id, bytes)
        case .tls: return readServerName(id, bytes)
        case .http2: return relayAll(id, .http2, bytes)
        case .raw: return relayAll(id, .raw, bytes)
        case .undecided:
            if bytes.count >= FirstBytes.longest { return settleFirstBytes(id, bytes) }
            let leansHTTP = FirstBytes.settle(bytes) == .http1
            awaitMore(id, leansHTTP ? .leansHTTP : .leansRaw)
            return 0
        }
    }

    /// The clock of the silence becomes that of the decision; it does not move with every byte.
    private mutating func awaitMore(_ id: SlotID, _ stage: InterceptionStage) {
        if clients[id].interception == .silent { arm(id, .firstBytes) }
        clients[id].interception = stage
    }

    /// Too long a request line to wait for its end.
    private mutating func settleFirstBytes(_ id: SlotID, _ bytes: Span<UInt8>) -> Int {
        guard FirstBytes.settle(bytes) == .http1 else { return relayAll(id, .raw, bytes) }
        becomeHTTP(id)
        return clientBytes(id, bytes)
    }

    private mutating func becomeHTTP(_ id: SlotID) {
        statistics.intercepted[Int(InterceptedKind.http.rawValue)] += 1
        clients[id].interception = .http
    }

    private mutating func readServerName(_ id: SlotID, _ bytes: Span<UInt8>) -> Int {
        switch ClientHello.serverName(bytes) {
        case .named(let name):
            startRelay(id, .tls, name: name)
            return keepOpening(id, bytes, from: 0)
        case .incomplete where bytes.count < ClientHello.longest:
            awaitMore(id, .leansTLS)
            return 0
        case .absent, .incomplete: return relayAll(id, .tls, bytes)
        }
    }

    private mutating func relayAll(_ id: SlotID, _ kind: InterceptedKind, _ bytes: Span<UInt8>) -> Int {
        startRelay(id, kind)
        return keepOpening(id, bytes, from: 0)
    }

    /// Nothing that decides has come in time.
    mutating func firstBytesOverdue(_ id: SlotID) {
        switch clients[id].interception {
        case .leansHTTP:
            becomeHTTP(id)
            waitForRestOfHead(id, 0)
        case .leansTLS: relayHeld(id, .tls)
        case .leansRaw: relayHeld(id, .raw)
        case .silent, .none, .http, .tunnel: startRelay(id, .raw)
        }
    }

    /// The client's FIN before its first bytes have decided: they never will, but an origin may have something
    /// to say to who says nothing.
    mutating func firstBytesEnded(_ id: SlotID) {
        switch clients[id].interception {
        case .leansHTTP: closeClient(id, .normal)
        case .leansTLS: relayHeld(id, .tls)
        case .leansRaw: relayHeld(id, .raw)
        case .silent, .none, .http, .tunnel: startRelay(id, .raw)
        }
    }

    /// What came lies with the shell, which is asked for it.
    private mutating func relayHeld(_ id: SlotID, _ kind: InterceptedKind) {
        clients[id].awaitsOffer = true
        startRelay(id, kind)
        guard clients.isAlive(id) else { return }
        clients[id].isPaused = false
        actions.append(.resumeReading(.client(id)))
    }

    // MARK: Tunnels

    /// The connection becomes a tunnel to where it was meant to go. It counts as one from here on.
    private mutating func startRelay(_ id: SlotID, _ kind: InterceptedKind, name: [UInt8] = []) {
        statistics.intercepted[Int(kind.rawValue)] += 1
        clients[id].interception = .tunnel
        openExchange(id)
        if configuration.accessLog { keepRelayText(id, kind, name) }
        beginRelay(id, kind, name)
    }

    /// Keeps "TLS example.org:443" for the access record.
    private mutating func keepRelayText(_ id: SlotID, _ kind: InterceptedKind, _ name: [UInt8]) {
        let original = originals[id.index]
        let text = heads.take()
        heads[text].append(ProxyEngine.label(kind))
        if name.isEmpty {
            heads[text].append(original.text)
        } else {
            heads[text].append(name.span)
            heads[text].append(":")
            heads[text].append(decimal: UInt64(original.port))
        }
        exchanges[id].text = text
    }

    /// A word that stands in the access log where a request has its method.
    private static func label(_ kind: InterceptedKind) -> String {
        switch kind {
        case .http: "HTTP "
        case .tls: "TLS "
        case .http2: "HTTP2 "
        case .raw: "RAW "
        }
    }

    private mutating func beginRelay(_ id: SlotID, _ kind: InterceptedKind, _ name: [UInt8]) {
        let original = originals[id.index]
        exchanges[id].isConnect = true
        exchanges[id].need = .fresh
        exchanges[id].port = original.port
        exchanges[id].tunnel.isRaw = kind == .raw
        let head = heads.take()
        if name.isEmpty { heads[head].append(original.host) } else { heads[head].append(name.span) }
        exchanges[id].head = head
        exchanges[id].hostCount = UInt32(heads[head].count)
        if let denial = denial(of: id) {
            refuseRelay(id, denial)
        } else if countTunnel(id) {
            joinTunnel(id)
            seekUpstream(id)
        } else {
            refuseRelay(id, .tooManyTunnels)
        }
    }

    /// CONNECT on a connection that has carried HTTP: the client speaks to another proxy, and what it opens
    /// there is none of weir's business. The request is the first thing to go through.
    mutating func relayConnect(_ id: SlotID, _ bytes: Span<UInt8>, _ head: RequestHead) {
        clients[id].interception = .tunnel
        // It is counted when it is sent.
        exchanges[id].bytesUp = 0
        statistics.bytesUp -= UInt64(head.length)
        exchanges[id].request = BodyProgress()
        _ = keepOpening(id, bytes.extracting(0..<head.length), from: 0)
        beginRelay(id, .raw, [])
    }

    /// Keeps what came before the tunnel stands, so that the client can finish or leave meanwhile and is
    /// noticed. What comes after it waits with the shell.
    mutating func keepOpening(_ id: SlotID, _ bytes: Span<UInt8>, from start: Int) -> Int {
        guard clients.isAlive(id) else { return bytes.count }
        if clients[id].phase == .tunnel { return tunnelBytesFromClient(id, bytes, from: start) }
        guard clients[id].phase == .exchange, exchanges[id].opening < 0 else {
            pauseClient(id)
            return start
        }
        let opening = heads.take()
        heads[opening].append(bytes.extracting(start...))
        exchanges[id].opening = opening
        if clients[id].awaitsOffer {
            clients[id].awaitsOffer = false
            // Nothing more can come, and the end of it has been seen.
            if clients[id].peerFinished { pauseClient(id) }
        }
        return bytes.count
    }

    /// The tunnel stands: what was kept goes first. False where nothing was.
    mutating func sendOpening(_ id: SlotID, _ upstream: UpstreamID) -> Bool {
        let opening = exchanges[id].opening
        if opening < 0 { return false }
        let start = outbox.count
        outbox.append(heads[opening].span)
        let count = outbox.count - start
        let first = outbox.span[start]
        heads.give(opening)
        exchanges[id].opening = -1
        actions.append(.send(.upstream(upstream), offset: start, count: count))
        exchanges[id].bytesUp += UInt64(count)
        statistics.bytesUp += UInt64(count)
        noteClientBurst(id, firstByte: first)
        return true
    }

    /// What the shell was asked for has come when the tunnel stood already.
    mutating func openingOffered(_ id: SlotID, _ upstream: UpstreamID) {
        clients[id].awaitsOffer = false
        if !clients[id].peerFinished { return }
        pauseClient(id)
        clientFinishedTunnel(id, upstream)
    }

    /// No connection to where the client wanted to go. Without weir its own attempt would have failed; a reset
    /// before the first byte is as near to that as can be.
    mutating func refuseRelay(_ id: SlotID, _ cause: Cause) {
        abandonUpstream(id)
        conclude(id, cause)
        closeClient(id, .reset)
        applyPoolEffects()
    }

    // MARK: Where it leads

    /// Asks the pool for a connection to the address that the client dialled. Two Hosts at one address never
    /// share one, and no Host leads anywhere else.
    mutating func acquireOriginal(_ id: SlotID) -> Acquisition {
        let original = originals[id.index]
        let isThroughParent = configuration.parent?.leads(to: original.host, original.port) ?? false
        exchanges[id].isThroughParent = isThroughParent
        let place = isThroughParent ? parentPlace : nil
        let exchange = exchanges[id]
        if exchange.isConnect {
            return pool.acquire(
                .tunnel,
                host: original.host.utf8.span,
                port: original.port,
                at: place,
                for: id,
                need: exchange.need,
                now: now
            )
        }
        let name = Int(exchange.hostOffset)..<Int(exchange.hostOffset + exchange.hostCount)
        clients[id].destination = pool.destinationHash(
            .intercepted,
            host: original.host.utf8.span,
            port: original.port
        )
        return pool.acquire(
            .intercepted,
            host: original.host.utf8.span,
            port: original.port,
            name: heads[exchange.head].span.extracting(name),
            at: place,
            for: id,
            need: exchange.need,
            now: now
        )
    }

    /// Appends the Host of a request as the origin gets it, and notes it as what keeps connections to one
    /// address apart: that of an absolute target, which goes before the field (RFC 9112 §3.2.2), else the
    /// field's, be it empty; where there is none, in HTTP/1.0, the address.
    mutating func appendOriginalHost(
        _ id: SlotID,
        to index: Int32,
        _ bytes: Span<UInt8>,
        _ target: RequestTarget
    ) {
        let original = originals[id.index]
        let start = heads[index].count
        if target.form == .absolute {
            heads[index].append(bytes.extracting(target.authority.range))
        } else if let host = fields.first(.host) {
            heads[index].append(bytes.extracting(host.value.range))
        } else {
            heads[index].append(original.authority)
        }
        exchanges[id].port = original.port
        exchanges[id].hostOffset = UInt32(start)
        exchanges[id].hostCount = UInt32(heads[index].count - start)
    }

    /// Appends the target of a request for the access record: with the Host that it names, so that it can be
    /// told from others.
    mutating func keepOriginalTarget(_ id: SlotID, _ text: Int32, _ bytes: Span<UInt8>, _ target: ByteRange) {
        if bytes[Int(target.start)] == UInt8(ascii: "/") {
            heads[text].append("http://")
            if let host = fields.first(.host), !host.value.isEmpty {
                heads[text].append(bytes.extracting(host.value.range))
            } else {
                heads[text].append(originals[id.index].authority)
            }
        }
        heads[text].append(bytes.extracting(target.range))
    }
}
