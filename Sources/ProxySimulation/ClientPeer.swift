import Basics
import ProxyCore

/// An app's connection to the proxy: sends its requests, judges what comes back, and ends as planned.
final class ClientPeer {
    enum State { case waiting, thinking, tunnel, holding, gone }

    unowned let world: World
    let plan: ClientPlan
    let number: Int
    let socket: PeerSocket
    private(set) var state = State.waiting
    private var reader = MessageReader(isResponse: true)
    /// Position in `plan.exchanges` of the exchange whose response is awaited.
    private var current = 0
    private var tunnelSeen = 0
    /// It says nothing before the origin does.
    private var awaitsGreeting = false
    /// The exchange whose content waits for 100 (Continue).
    private var uninvited: Int?

    init(world: World, plan: ClientPlan) {
        self.world = world
        self.plan = plan
        number = world.clients.count
        socket = PeerSocket(
            world: world,
            link: Link(world: world, capacity: plan.capacity),
            reads: plan.reads,
            writes: plan.writes
        )
        socket.onBytes = { [unowned self] in received($0) }
        socket.onEnd = { [unowned self] in ended(isReset: $0) }
    }

    private var exchange: ExchangePlan { world.plan.exchanges[plan.exchanges[current]] }
    private var isLast: Bool { current == plan.exchanges.count - 1 }

    /// Its owner does not leak, and it has given no reason to end its connection.
    private var isHealthy: Bool { world.plan.healthyOwners.contains(plan.owner) }

    /// Whether it is no fault of the proxy if this client waits for ever.
    var mayHang: Bool {
        state == .holding || state == .gone || plan.reads.stopsAfter < .max || plan.writes.stopsAfter < .max
            || plan.exchanges.contains { index in
                let exchange = world.plan.exchanges[index]
                return world.mayWaitForever(exchange) || (exchange.isTunnel && plan.end == .leak)
            }
    }

    func begin() {
        if let abortsAt = plan.abortsAt {
            world.schedule(at: world.now + abortsAt.since(plan.startsAt)) { [self] in
                world.trace("client \(number) aborts")
                if plan.abortsByReset { socket.reset() } else { socket.close() }
                state = .gone
            }
        }
        if plan.interception == .relay {
            beginRelay()
        } else if plan.isPipelining {
            for index in plan.exchanges.indices { sendRequest(index) }
        } else {
            sendRequest(0)
        }
    }

    /// Its process ends.
    func leave() {
        socket.close()
        state = .gone
    }

    // MARK: Requests

    private func sendRequest(_ index: Int) {
        let exchange = world.plan.exchanges[plan.exchanges[index]]
        world.trace("client \(number) sends \(exchange.summary)")
        socket.send(exchange.malformed ?? exchange.requestHead())
        if exchange.malformed != nil { return finishIfLast(index) }
        if exchange.isEager { sendTunnelBytes(exchange) }
        world.ledger.isSentWhole[exchange.id] = exchange.requestStopsAfter >= exchange.requestContent
        if exchange.expectsContinue && !plan.isPipelining {
            uninvited = exchange.id
            // RFC 9110 §10.1.1: a client does not wait for ever.
            world.schedule(after: .milliseconds(20)) { [weak self] in
                if self?.uninvited == exchange.id { self?.sendContent(exchange) }
            }
        } else {
            sendContent(exchange)
        }
    }

    private func finishIfLast(_ index: Int) {
        let exchange = world.plan.exchanges[plan.exchanges[index]]
        if plan.end == .halfClose && index == plan.exchanges.count - 1 && !exchange.isTunnel {
            socket.finish()
        }
    }

    private func sendContent(_ exchange: ExchangePlan) {
        if socket.isClosed { return }
        uninvited = nil
        let count = min(exchange.requestStopsAfter, exchange.requestContent)
        let content = Content.bytes(exchange.id, isResponse: false, 0..<count)
        switch exchange.requestFraming {
        case .none: break
        case .length: socket.send(content)
        case .chunked:
            socket.send(chunks(content, world, hasEnd: count == exchange.requestContent))
        }
        if let index = plan.exchanges.firstIndex(of: exchange.id) { finishIfLast(index) }
    }

    // MARK: Responses

    private func received(_ bytes: [UInt8]) {
        world.trace("client \(number) got \(bytes.count)")
        if state == .tunnel { return tunnelBytes(bytes) }
        if state == .holding || state == .gone {
            if !bytes.isEmpty && state == .holding && world.plan.mood == .clean {
                world.violate(.pairing, "client \(number) got bytes after its last response")
            }
            return
        }
        prepareReader()
        reader.feed(bytes)
        judge()
    }

    private func prepareReader() {
        reader.isAnsweringHead = exchange.isHead && exchange.malformed == nil
        reader.isAnsweringConnect = exchange.isConnect && exchange.malformed == nil
    }

    private func judge() {
        while state == .waiting && reader.hasHead {
            if case .broken(let what) = reader.state {
                world.violate(.content, "client \(number) reads nonsense: \(what)")
                return
            }
            let isOwn = reader.fields["proxy-status"] != nil
            if !isOwn { checkBelonging() }
            guard reader.isComplete else { return }
            if reader.status < 200 && reader.status != 101 {
                if reader.status == 100 && uninvited == exchange.id { sendContent(exchange) }
                reader.next()
                continue
            }
            complete(isOwn: isOwn)
        }
    }

    /// What has come so far is the beginning of what the origin sends for this very request.
    private func checkBelonging() {
        let exchange = exchange
        if reader.status == 200 && exchange.isConnect || reader.status == 100 { return }
        if exchange.malformed != nil { return world.violate(.pairing, "a malformed request was forwarded") }
        guard reader.fields["x-exchange"] == String(exchange.id) else {
            return world.violate(
                .pairing,
                "client \(number) wants exchange \(exchange.id), gets \(reader.fields)"
            )
        }
        if reader.status < 200 { return }
        let count = min(reader.content.count, exchange.responseContent)
        if reader.content != Content.bytes(exchange.id, isResponse: true, 0..<count) {
            world.violate(
                .content,
                "exchange \(exchange.id): content differs in \(reader.content.count) bytes"
            )
        }
    }

    private func complete(isOwn: Bool) {
        let exchange = exchange
        world.trace("client \(number): exchange \(exchange.id) complete, \(reader.status) own: \(isOwn)")
        uninvited = nil
        if isOwn {
            world.ledger.ownAnswers += 1
        } else if exchange.isConnect || reader.status == 101 {
            return becomeTunnel()
        } else {
            checkComplete(exchange)
            world.ledger.served += 1
        }
        let mustClose = reader.fields["connection"]?.lowercased() == "close"
        if mustClose && isHealthy { world.violate(.collateral, "client \(number) is told to close") }
        if isLast || (mustClose && !plan.isPipelining) { return finishScript() }
        current += 1
        prepareReader()
        reader.next()
        if plan.isPipelining { return judge() }
        state = .thinking
        world.schedule(after: plan.think) { [weak self] in self?.proceed() }
    }

    private func proceed() {
        guard state == .thinking, !socket.isClosed else { return }
        state = .waiting
        sendRequest(current)
    }

    private func checkComplete(_ exchange: ExchangePlan) {
        switch exchange.fault {
        case .badChunk where exchange.responseFraming != .chunked: return
        case .truncated, .badChunk:
            if exchange.responseContent > 0 && !exchange.isHead && exchange.responseFraming != .none {
                world.violate(.truncation, "exchange \(exchange.id) was cut short and looks complete")
            }
        default:
            let wanted = exchange.isHead || exchange.responseFraming == .none ? 0 : exchange.responseContent
            if reader.content.count != wanted {
                world.violate(
                    exchange.responseFraming == .untilClose ? .truncation : .content,
                    "exchange \(exchange.id): \(reader.content.count) of \(wanted) bytes look complete"
                )
            }
        }
    }

    private func finishScript() {
        state = .holding
        switch plan.end {
        case .leak: break
        case .close, .halfClose: socket.close()
        case .reset: socket.reset()
        }
    }

    private func ended(isReset: Bool) {
        world.trace("client \(number) sees \(isReset ? "RST" : "FIN") in \(state)")
        switch state {
        case .tunnel: return tunnelEnded(isReset: isReset)
        case .waiting:
            if !isReset {
                prepareReader()
                reader.end()
                judge()
            }
            if state == .waiting || state == .thinking { finishScript() }
        case .thinking:
            if isHealthy { world.violate(.collateral, "client \(number) is cut while it thinks") }
            finishScript()
        case .holding, .gone: break
        }
    }

    // MARK: Interception

    /// Where it dials, if it does not know of the proxy.
    var originalDestination: OriginalDestination? {
        let host = "o\(exchange.origin).test"
        return switch plan.interception {
        case .none: nil
        case .http: OriginalDestination(host: host, port: 80)
        case .relay: OriginalDestination(host: host, port: UInt16(exchange.tunnelPort))
        }
    }

    /// Neither side has to say first that there is a connection.
    private func beginRelay() {
        state = .tunnel
        awaitsGreeting = !exchange.isEager && exchange.tunnelDown > 0
        if !awaitsGreeting { speak() }
    }

    private func speak() {
        awaitsGreeting = false
        sendTunnelBytes(exchange)
        if !exchange.originFinishesFirst && plan.end != .leak { socket.finish() }
    }

    // MARK: Tunnel

    private func becomeTunnel() {
        state = .tunnel
        let exchange = exchange
        if !exchange.isEager { sendTunnelBytes(exchange) }
        if !exchange.originFinishesFirst && plan.end != .leak { socket.finish() }
        let rest = reader.takeUnread()
        if !rest.isEmpty { tunnelBytes(rest) }
    }

    private func sendTunnelBytes(_ exchange: ExchangePlan) {
        socket.send(Content.bytes(exchange.id, isResponse: false, 0..<exchange.tunnelUp))
    }

    private func tunnelBytes(_ bytes: [UInt8]) {
        let range = tunnelSeen..<tunnelSeen + bytes.count
        if range.upperBound > exchange.tunnelDown
            || bytes != Content.bytes(exchange.id, isResponse: true, range)
        {
            world.violate(
                .content,
                "tunnel \(exchange.id) down at \(range) of \(exchange.tunnelDown): \(bytes.prefix(8))"
            )
        }
        tunnelSeen += bytes.count
        if awaitsGreeting { speak() }
    }

    private func tunnelEnded(isReset: Bool) {
        state = .holding
        if !isReset && tunnelSeen == exchange.tunnelDown { world.ledger.served += 1 }
        if plan.end == .leak && !exchange.originFinishesFirst { return }
        socket.finish()
    }
}
