import Basics
import HTTPWire
import UpstreamPool

// Responses that weir makes itself: a status, one readable line, Proxy-Status (RFC 9209).
extension ProxyEngine {
    /// Answers the open exchange. The connection lives on if the request was read whole and the
    /// client lets it.
    mutating func answer(_ id: SlotID, _ cause: Cause, _ error: WireError? = nil) {
        let kind = AnswerKind(cause, error)
        abandonUpstream(id)
        let exchange = clients[id].exchange
        clients[id].exchange.status = kind.status
        statistics.ownResponses += 1
        statistics.responses[Int(kind.status / 100)] += 1

        let start = outbox.count
        outbox.append("HTTP/1.1 ")
        outbox.append(decimal: UInt64(kind.status))
        outbox.append(ASCII.space)
        outbox.append(kind.phrase)
        outbox.append("\r\nContent-Type: text/plain; charset=utf-8\r\nProxy-Status: ")
        outbox.append(configuration.name)
        outbox.append("; error=")
        outbox.append(kind.token)
        if let detail = error?.reason {
            outbox.append("; details=\"")
            outbox.append(detail)
            outbox.append("\"")
        }
        if kind.status == 503 { outbox.append("\r\nRetry-After: 1") }
        outbox.append("\r\nContent-Length: ")
        let host = destinationText(exchange)
        let reason = error?.reason ?? kind.reason
        // "weir: " + reason + (": " + destination) + "\n"
        let length = 6 + reason.utf8.count + (host.isEmpty ? 0 : 2 + host.count) + 1
        outbox.append(decimal: UInt64(length))
        outbox.append("\r\n")
        appendPersistence(id)
        outbox.append("\r\n")
        if exchange.method != .head {
            outbox.append("weir: ")
            outbox.append(reason)
            if !host.isEmpty {
                outbox.append(": ")
                outbox.append(host.span)
            }
            outbox.append("\n")
        }
        let count = outbox.count - start
        actions.append(.send(.client(id), offset: start, count: count))
        clients[id].exchange.bytesDown += UInt64(count)
        conclude(id, cause)
        settleClient(id)
        applyPoolEffects()
    }

    /// "host:port" of the exchange's destination, as far as it is known.
    private func destinationText(_ exchange: Exchange) -> ByteBuffer {
        var text = ByteBuffer()
        guard exchange.head >= 0 else { return text }
        let end = Int(exchange.hostOffset + exchange.hostCount)
        text.append(heads[exchange.head].span.extracting(Int(exchange.hostOffset)..<end))
        text.append(":")
        text.append(decimal: UInt64(exchange.port))
        return text
    }
}
