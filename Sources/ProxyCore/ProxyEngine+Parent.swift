import Access
import Basics
import HTTPWire
public import UpstreamPool

/// A dial that leads through the parent proxy.
struct ParentDial {
    /// As it was when the dial began: its credentials are for nobody else.
    var parent: ParentProxy
    /// Where its connection led, once it stands.
    var place: UInt64?
    /// How far the end of an unfinished head was searched.
    var scanned = 0
}

// Through another proxy. Plain requests share its connections, whatever their origin. All else is dialled
// through it: the pool sees a dial that ends when the parent has opened the tunnel.
extension ProxyEngine {
    /// Notes whether the request goes through the parent, and of a CONNECT whom it has passed.
    @inline(never)
    mutating func noteRoute(_ id: SlotID, _ bytes: Span<UInt8>, _ target: RequestTarget) {
        guard let parent = configuration.parent else { return }
        let host = String(decoding: bytes.extracting(target.host.range))
        guard parent.leads(to: host, target.port) else { return }
        exchanges[id].isThroughParent = true
        guard exchanges[id].isConnect, fields.present.contains(.via) else { return }
        let via = heads.take()
        for index in 0..<fields.count where fields[index].known == .via {
            heads[via].append(bytes.extracting(fields[index].value.range))
            heads[via].append(", ")
        }
        exchanges[id].via = via
    }

    /// Asks the pool for a connection to the parent, on which a plain request is sent.
    mutating func acquireParent(_ id: SlotID, host: Range<Int>) -> Acquisition {
        guard let parent = configuration.parent else { preconditionFailure("a route through no parent") }
        let exchange = exchanges[id]
        // Who stalls or leaks does so at an origin, not at the parent.
        let destination = pool.destinationHash(
            .http,
            host: heads[exchange.head].span.extracting(host),
            port: exchange.port
        )
        clients[id].destination = destination
        return pool.acquire(
            .parent,
            host: parent.host.utf8.span,
            port: parent.port,
            at: parentPlace,
            for: id,
            need: exchange.need,
            now: now
        )
    }

    /// Adds weir's credentials to the head at the end of the outbox. They do not stand in the head that is kept:
    /// it may be sent elsewhere once another parent is in force.
    mutating func authorize(_ upstream: UpstreamID) {
        guard let parent = configuration.parent, !parent.authorization.isEmpty else { return }
        let (host, port, kind) = pool.destination(of: upstream)
        guard kind == .parent, host == parent.host, port == parent.port else { return }
        outbox.truncate(to: outbox.count - 2)
        ProxyEngine.appendAuthorization(of: parent, to: &outbox)
        outbox.append("\r\n")
    }

    static func appendAuthorization(of parent: ParentProxy, to out: inout ByteBuffer) {
        if parent.authorization.isEmpty { return }
        out.append("Proxy-Authorization: ")
        out.append(parent.authorization)
        out.append("\r\n")
    }

    func placeOfParent() -> UInt64? {
        configuration.parent.map { pool.placeHash(address: $0.host.utf8.span, port: $0.port) }
    }

    /// Another parent is in force, or none: what stands led elsewhere, or by other credentials.
    mutating func changeParent() {
        parentPlace = placeOfParent()
        for slot in links.indices where pool.isAlive(UpstreamID(links[slot].id)) {
            pool.prohibit(UpstreamID(links[slot].id), now: now)
        }
    }

    /// Whether a connection is one to the parent, as its dial had it.
    public func leadsToParent(_ upstream: UpstreamID) -> Bool {
        if pool.kind(of: upstream) == .parent || parentDials[upstream.id.slot] != nil { return true }
        guard let parent = configuration.parent, pool.kind(of: upstream) != .http else { return false }
        let (host, port, _) = pool.destination(of: upstream)
        return parent.leads(to: host, port)
    }

    // MARK: Tunnels through it

    /// A dial begins: whether it leads through the parent, and needs a tunnel there.
    mutating func noteDial(_ upstream: UpstreamID) {
        guard let parent = configuration.parent else { return }
        let (host, port, kind) = pool.destination(of: upstream)
        guard kind == .tunnel || kind == .intercepted, parent.leads(to: host, port) else { return }
        parentDials[upstream.id.slot] = ParentDial(parent: parent)
    }

    /// The connection to the parent stands: asks it for the tunnel. The dial's deadline stays.
    mutating func parentReached(_ upstream: UpstreamID, at address: String?) {
        guard var dial = parentDials[upstream.id.slot] else { return }
        dial.place = address.map { pool.placeHash(address: $0.utf8.span, port: dial.parent.port) }
        if let place = dial.place, dial.parent == configuration.parent { parentPlace = place }
        parentDials[upstream.id.slot] = dial
        links[upstream.id.index].isOpening = true
        let (host, port, _) = pool.destination(of: upstream)
        let authority = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
        let start = outbox.count
        outbox.append("CONNECT ")
        outbox.append(authority)
        outbox.append(" HTTP/1.1\r\nHost: ")
        outbox.append(authority)
        outbox.append("\r\n")
        ProxyEngine.appendAuthorization(of: dial.parent, to: &outbox)
        outbox.append("Via: ")
        appendLongestVia(of: upstream)
        outbox.append("1.1 ")
        outbox.append(configuration.pseudonym)
        outbox.append("\r\n\r\n")
        actions.append(.send(.upstream(upstream), offset: start, count: outbox.count - start))
    }

    /// Whom those have passed that wait for this tunnel: of a request that goes round, it is the longest list
    /// that grows until a proxy finds itself in it.
    private mutating func appendLongestVia(of upstream: UpstreamID) {
        let lists = pool.waiters(for: upstream, limit: 32).map { exchanges[$0].via }.filter { $0 >= 0 }
        guard let longest = lists.max(by: { heads[$0].count < heads[$1].count }) else { return }
        outbox.append(heads[longest].span)
    }

    /// The parent's answer. What follows it in the same bytes is the tunnel's, and is offered again.
    mutating func readOpening(_ upstream: UpstreamID, _ bytes: Span<UInt8>) -> Int {
        guard var dial = parentDials[upstream.id.slot] else { return bytes.count }
        do throws(WireError) {
            let head = try HeadParser.parseResponse(
                bytes,
                scanned: &dial.scanned,
                limits: configuration.heads,
                fields: &fields
            )
            guard let head else {
                parentDials[upstream.id.slot] = dial
                return 0
            }
            dial.scanned = 0
            parentDials[upstream.id.slot] = dial
            switch head.status {
            case 101:
                failOpening(upstream, .badResponse)
                return bytes.count
            case 100..<200: return head.length
            case 200..<300:
                // RFC 9110 §9.3.6: whatever it says of content, there is none.
                parentDials[upstream.id.slot] = nil
                links[upstream.id.index].isOpening = false
                dialEnded(upstream, at: dial.place)
                return head.length
            default:
                parentStatus = head.status
                failOpening(upstream, head.status == 407 ? .parentUnauthorized : .parentRefused)
                return bytes.count
            }
        } catch {
            failOpening(upstream, .badResponse)
            return bytes.count
        }
    }

    /// The parent does not open the tunnel.
    mutating func failOpening(_ upstream: UpstreamID, _ cause: Cause) {
        links[upstream.id.index].isOpening = false
        actions.append(.close(.upstream(upstream), .reset))
        failDial(upstream, cause)
    }
}
