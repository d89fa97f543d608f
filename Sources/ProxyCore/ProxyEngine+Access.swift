import Access
public import Basics
public import UpstreamPool

// What the settings allow. What is in flight when they change goes on.
extension ProxyEngine {
    /// Other settings are in force, by which this client may use the proxy, or may not.
    public mutating func clientJudged(_ connection: ConnectionID, isDenied: Bool, now: MonotonicTime) {
        begin(now)
        guard isAlive(connection) else { return }
        clients[connection.id].isDenied = isDenied
    }

    /// Other settings are in force, by which this connection leads where nothing may go.
    public mutating func upstreamProhibited(_ id: UpstreamID, now: MonotonicTime) {
        begin(now)
        pool.prohibit(id, now: now)
        applyPoolEffects()
    }

    /// Why the exchange, whose head is kept, may not go where it asks to; nil where it may.
    /// Not a plain reading, which would copy the whole session.
    mutating func denial(of id: SlotID) -> Cause? {
        if clients[id].isDenied { return .clientDenied }
        return configuration.judgesDestinations ? judge(id) : nil
    }

    /// Apart, so that the usual request does not pay for what this one copies.
    @inline(never)
    private func judge(_ id: SlotID) -> Cause? {
        let exchange = exchanges[id]
        if !exchange.isConnect && !configuration.access.permits(port: exchange.port) { return .denied }
        let start = Int(exchange.hostOffset)
        let text = heads[exchange.head].span.extracting(start..<start + Int(exchange.hostCount))
        let denial =
            clients[id].interception == .none
            ? configuration.access.judge(host: String(decoding: text), port: exchange.port)
            : configuration.access.judge(
                claimed: String(decoding: text),
                at: originals[id.index].host,
                port: exchange.port
            )
        switch denial {
        case nil: return nil
        case .port: return .denied
        case .host: return .hostDenied
        case .address: return .addressDenied
        }
    }
}
