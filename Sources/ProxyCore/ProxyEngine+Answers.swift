import Access
import Basics
import HTTPWire
import UpstreamPool

// Responses that weir makes itself.
extension ProxyEngine {
    /// Answers the open exchange with an error. The connection lives on if the request was read whole and
    /// the client lets it.
    ///
    /// - Parameter error: What is wrong with the request or the response, where that is the cause.
    mutating func answer(_ id: SlotID, _ cause: Cause, _ error: WireError? = nil) {
        if clients[id].interception == .tunnel { return refuseRelay(id, cause) }
        if cause == .clientDenied { clients[id].isPersistent = false }
        noteLimit(error, isResponse: cause == .badResponse)
        var kind = AnswerKind(cause, error)
        if cause == .parentRefused { kind.refused(with: parentStatus) }
        abandonUpstream(id)
        let isJSON = prefersJSON(id)
        var destination = destinationText(of: id)
        var nextHop = destination
        if exchanges[id].isThroughParent, !destination.isEmpty, let parent = configuration.parent {
            destination.append(" through ")
            destination.append(parent.text)
            nextHop = ByteBuffer()
            nextHop.append(parent.text)
        }
        let proxy = configuration.name
        let content =
            isJSON
            ? AnswerContent.json(kind, proxy: proxy, destination: destination)
            : AnswerContent.text(kind, proxy: proxy, destination: destination)

        let start = outbox.count
        appendOwnHead(id, kind.status, kind.token)
        if let detail = kind.detail { appendParameter("details", detail) }
        // RFC 9209 §2.1.2: whom weir chose to speak to, which it has not when the request was refused.
        if !nextHop.isEmpty && !cause.isDenial {
            outbox.append("; next-hop=\"")
            outbox.append(nextHop.span)
            outbox.append("\"")
        }
        if cause == .parentRefused || cause == .parentUnauthorized {
            outbox.append("; received-status=")
            outbox.append(decimal: UInt64(cause == .parentRefused ? parentStatus : 407))
        }
        if cause == .unauthenticated {
            outbox.append("\r\nProxy-Authenticate: Basic realm=\"weir\", charset=\"UTF-8\"")
        }
        if kind.status == 503 { outbox.append("\r\nRetry-After: 1") }
        appendContent(id, isJSON ? "application/json" : "text/plain; charset=utf-8", content)
        finishAnswer(id, from: start, cause)
    }

    /// Answers as the final recipient of a request that goes no further: `OPTIONS *` asks weir itself, and
    /// with `Max-Forwards: 0` so do OPTIONS and TRACE (RFC 9110 §7.6.2, §9.3.7, §9.3.8).
    mutating func answerAsRecipient(_ id: SlotID, _ bytes: Span<UInt8>, _ head: RequestHead) {
        let start = outbox.count
        appendOwnHead(id, 200, "proxy_internal_response")
        var content = ByteBuffer()
        if head.method == .trace {
            HeadWriter.appendReceived(bytes, head, fields, to: &content)
            appendContent(id, "message/http", content)
        } else {
            outbox.append("\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, CONNECT, OPTIONS, TRACE")
            appendContent(id, nil, content)
        }
        finishAnswer(id, from: start, .completed)
    }

    /// Status line, Date and the beginning of Proxy-Status (RFC 9209), whose line is left open.
    private mutating func appendOwnHead(_ id: SlotID, _ status: UInt16, _ error: String) {
        exchanges[id].status = status
        statistics.ownResponses += 1
        statistics.responses[Int(status / 100)] += 1
        outbox.append("HTTP/1.1 ")
        outbox.append(decimal: UInt64(status))
        outbox.append(ASCII.space)
        outbox.append(ReasonPhrase.of(status))
        outbox.append("\r\n")
        dates.append(now, to: &outbox)
        outbox.append("Proxy-Status: ")
        outbox.append(configuration.name)
        outbox.append("; error=")
        outbox.append(error)
    }

    private mutating func appendParameter(_ name: String, _ value: String) {
        outbox.append("; ")
        outbox.append(name)
        outbox.append("=\"")
        outbox.append(value)
        outbox.append("\"")
    }

    /// Ends the open line, and then the head; the content follows unless the request was HEAD.
    private mutating func appendContent(_ id: SlotID, _ type: String?, _ content: ByteBuffer) {
        if let type {
            outbox.append("\r\nContent-Type: ")
            outbox.append(type)
        }
        outbox.append("\r\nContent-Length: ")
        outbox.append(decimal: UInt64(content.count))
        outbox.append("\r\n")
        let persistence = keepsClient(id) ? ownLines.kept : ownLines.closed
        outbox.append(persistence.span)
        outbox.append("\r\n")
        if exchanges[id].method != .head { outbox.append(content.span) }
    }

    private mutating func finishAnswer(_ id: SlotID, from start: Int, _ cause: Cause) {
        let count = outbox.count - start
        actions.append(.send(.client(id), offset: start, count: count))
        exchanges[id].bytesDown += UInt64(count)
        conclude(id, cause)
        settleClient(id)
        applyPoolEffects()
    }

    /// Whether the request allows nothing but JSON. Asked only where something went wrong, so it is read
    /// from the rewritten head, in which Accept stands as it came.
    private mutating func prefersJSON(_ id: SlotID) -> Bool {
        let exchange = exchanges[id]
        if exchange.prefersJSON { return true }
        guard exchange.head >= 0, !exchange.isConnect else { return false }
        var scanned = 0
        // It is longer than the head received by what weir added, and was judged by the limits then.
        let bounds = HeadLimits(headSize: .max, fields: .max, uriSize: .max)
        do throws(WireError) {
            let bytes = heads[exchange.head].span
            guard
                try HeadParser.parseRequest(bytes, scanned: &scanned, limits: bounds, fields: &fields) != nil
            else { return false }
            return FieldValue.acceptsOnlyJSON(bytes, fields)
        } catch {
            return false
        }
    }

    /// "host:port" of the exchange's destination, as far as it is known; an IPv6 address in brackets.
    func destinationText(of id: SlotID) -> ByteBuffer {
        var text = ByteBuffer()
        let exchange = exchanges[id]
        guard exchange.head >= 0 else { return text }
        if clients[id].interception == .http {
            text.append(originals[id.index].text)
            return text
        }
        let start = Int(exchange.hostOffset)
        let host = heads[exchange.head].span.extracting(start..<start + Int(exchange.hostCount))
        let isIPv6 = host.indices.contains { host[$0] == UInt8(ascii: ":") }
        if isIPv6 { text.append("[") }
        text.append(host)
        if isIPv6 { text.append("]") }
        text.append(":")
        text.append(decimal: UInt64(exchange.port))
        return text
    }
}
