import Basics
import HTTPWire

// The request's head as the origin gets it: origin-form, Host from the target, hop-by-hop fields
// gone, Via added (RFC 9110 §7.6, RFC 9112 §3.2).
extension ProxyEngine {
    mutating func writeRequestHead(
        _ id: SlotID,
        _ bytes: Span<UInt8>,
        _ head: RequestHead,
        _ target: RequestTarget,
        _ options: ConnectionOptions,
        hops: UInt64?
    ) {
        let index = heads.take()
        exchanges[id].head = index
        exchanges[id].port = target.port
        let isChunked = exchanges[id].request.kind == .chunked
        let offer = exchanges[id].offer
        let offersTrailers =
            head.version == .http11 && options.contains(.te)
            && fields.first(.te).map { hasToken(bytes, $0.value, "trailers") } == true

        if hops != nil { fields.drop(.maxForwards) }
        if isAsWritten(id, bytes, head, target) {
            takeOver(id, to: index, bytes, head, target)
        } else {
            compose(id, to: index, bytes, head, target)
        }
        if isChunked { heads[index].append("Transfer-Encoding: chunked\r\n") }
        if let hops {
            // RFC 9110 §7.6.2: one less than received.
            heads[index].append("Max-Forwards: ")
            heads[index].append(decimal: hops - 1)
            heads[index].append("\r\n")
        }
        if offer >= 0 {
            let protocols = heads[offer]
            heads[index].append("Connection: Upgrade\r\nUpgrade: ")
            heads[index].append(protocols.span)
            heads[index].append("\r\n")
        } else if offersTrailers {
            heads[index].append("Connection: TE\r\nTE: trailers\r\n")
        }
        ownLines.requestEnd.append(head.version, to: &heads[index])
    }

    /// Whether the origin gets the head as the client wrote it, but for scheme and authority of the target: its Host
    /// comes first and says what the target says.
    private func isAsWritten(
        _ id: SlotID,
        _ bytes: Span<UInt8>,
        _ head: RequestHead,
        _ target: RequestTarget
    ) -> Bool {
        head.isCanonical && clients[id].interception == .none
            && !exchanges[id].isThroughParent
            && !target.path.isEmpty && bytes[Int(target.path.start)] == UInt8(ascii: "/")
            && fields.first(.host)?.line.start == head.lineEnd
            && fields[0].value.hasSameBytes(as: target.authority, in: bytes)
    }

    /// Path, version and fields stand in one piece already.
    private mutating func takeOver(
        _ id: SlotID,
        to index: Int32,
        _ bytes: Span<UInt8>,
        _ head: RequestHead,
        _ target: RequestTarget
    ) {
        heads[index].append(bytes.extracting(Int(head.methodName.start)..<Int(head.target.start)))
        let host = fields[0].value.start + (target.host.start - target.authority.start)
        exchanges[id].hostOffset = UInt32(heads[index].count) + (host - target.path.start)
        exchanges[id].hostCount = UInt32(target.host.count)
        let line = ByteRange(Int(target.path.start), Int(head.lineEnd))
        HeadWriter.appendFields(bytes, fields, behind: line, to: &heads[index])
    }

    private mutating func compose(
        _ id: SlotID,
        to index: Int32,
        _ bytes: Span<UInt8>,
        _ head: RequestHead,
        _ target: RequestTarget
    ) {
        heads[index].append(bytes.extracting(head.methodName.range))
        heads[index].append(ASCII.space)
        appendTarget(id, to: index, bytes, head, target)
        heads[index].append(" HTTP/1.1\r\nHost: ")
        if clients[id].interception == .none {
            let authority = heads[index].count
            heads[index].append(bytes.extracting(target.authority.range))
            exchanges[id].hostOffset =
                UInt32(authority) + (target.host.start - target.authority.start)
            exchanges[id].hostCount = UInt32(target.host.count)
        } else {
            appendOriginalHost(id, to: index, bytes, target)
        }
        heads[index].append("\r\n")
        fields.drop(.host)
        HeadWriter.appendFields(bytes, fields, to: &heads[index])
    }

    /// The target in the form that its recipient needs.
    @inline(__always)
    private mutating func appendTarget(
        _ id: SlotID,
        to index: Int32,
        _ bytes: Span<UInt8>,
        _ head: RequestHead,
        _ target: RequestTarget
    ) {
        if target.form == .absolute && clients[id].interception != .none {
            // It is meant for another proxy, which needs this form; an origin must take it (RFC 9112 §3.2.2).
            heads[index].append(bytes.extracting(head.target.range))
        } else if exchanges[id].isThroughParent {
            heads[index].append("http://")
            heads[index].append(bytes.extracting(target.authority.range))
            // Without a path OPTIONS is left to whoever speaks to the origin.
            if head.method != .options || !target.path.isEmpty { appendPath(to: index, bytes, head, target) }
        } else {
            appendPath(to: index, bytes, head, target)
        }
    }

    private mutating func appendPath(
        to index: Int32,
        _ bytes: Span<UInt8>,
        _ head: RequestHead,
        _ target: RequestTarget
    ) {
        if target.path.isEmpty {
            // RFC 9112 §3.2.4: OPTIONS without a path speaks of the server as a whole.
            heads[index].append(head.method == .options ? "*" : "/")
            return
        }
        if bytes[target.path.range.lowerBound] == UInt8(ascii: "?") { heads[index].append("/") }
        heads[index].append(bytes.extracting(target.path.range))
    }
}
