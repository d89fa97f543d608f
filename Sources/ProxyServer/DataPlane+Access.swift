import Access
import Basics
import Dialling
import ProxyCore
import Reactor
import UpstreamPool

// Where addresses are known that the settings allow or deny.
extension DataPlane {
    /// Whether a client may not use the proxy. Who may connect to a Unix socket is decided by its permissions.
    func isDenied(_ peer: Peer) -> Bool {
        guard engine.configuration.access.judgesClients, let address = peer.endpoint?.address else {
            return false
        }
        return !engine.configuration.access.permits(client: address)
    }

    /// Which addresses may be dialled for a host; nil for all. The engine has judged the host itself.
    func permission(toDial host: String, _ port: UInt16) -> ((Endpoint.Address) -> Bool)? {
        let policy = engine.configuration.access
        if !policy.judgesDestinations { return nil }
        return Endpoint.Address(literal: host) == nil
            ? { policy.permits($0, ofName: host, at: port) } : { policy.permits(judged: $0, at: port) }
    }

    /// Whether a connection leads where nothing may go.
    func isProhibited(_ id: UpstreamID, _ address: Endpoint.Address) -> Bool {
        let policy = engine.configuration.access
        if !policy.judgesDestinations { return false }
        let (host, port, kind) = engine.pool.destination(of: id)
        switch kind {
        case .http:
            if policy.judge(host: host, port: port) != nil || !policy.permits(port: port) { return true }
        case .intercepted:
            let claimed = engine.pool.name(of: id)
            if policy.judge(claimed: claimed, at: host, port: port) != nil || !policy.permits(port: port) {
                return true
            }
        // What it was asked for is judged once, with the names that are known then.
        case .tunnel: break
        // Each request is judged; the parent itself is a matter of the settings.
        case .parent: return false
        }
        // What a parent dials it has to judge.
        if engine.leadsToParent(id) { return false }
        return permission(toDial: host, port)?(address) == false
    }

    /// Has a password looked at, which lies in the outbox until the next event.
    func authenticate(_ id: SlotID, _ range: Range<Int>) {
        let outbox = engine.outbox
        var credentials: [UInt8] = []
        for index in range { credentials.append(outbox.span[index]) }
        if let verdict = authenticator.look(id, credentials) { followUps.append(.authenticated(id, verdict)) }
    }

    /// Other settings are in force: nothing is reused, and nobody is served anew, that they do not allow.
    func judgeAnew() {
        judgeAnew(from: 0)
    }

    /// Some at a time: there may be tens of thousands. Who comes meanwhile is judged by the same settings.
    private func judgeAnew(from start: Int) {
        let began = loop.now
        for slot in start..<max(start, clients.count, upstreams.count) {
            // The clock is cheap, but not as cheap as most connections are.
            if slot & 63 == 63 && loop.now.since(began) >= DataPlane.longestSlice {
                loop.afterTurn { [weak self] in
                    self?.judgeAnew(from: slot)
                    self?.settle()
                }
                return
            }
            if slot < clients.count, let client = clients[slot] {
                engine.clientJudged(client.id, isDenied: isDenied(client.peer), now: loop.now)
                perform()
            }
            if slot < upstreams.count, let upstream = upstreams[slot] { judgeAnew(upstream) }
        }
    }

    private func judgeAnew(_ connection: Connection) {
        let id = UpstreamID(connection.id.id)
        guard engine.isAlive(connection.id), let address = connection.peer.endpoint?.address,
            isProhibited(id, address)
        else { return }
        engine.upstreamProhibited(id, now: loop.now)
        perform()
    }
}
