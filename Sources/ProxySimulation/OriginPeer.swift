import Basics

/// An origin's end of one upstream connection.
final class OriginPeer {
    unowned let world: World
    let number: Int
    let key: OriginKey
    let socket: PeerSocket
    private let plan: OriginPlan
    private var reader = MessageReader(isResponse: false)
    private var exchange: ExchangePlan?
    private var responses = 0
    private var hasAnswered = false
    /// It has sent its last response, and reads no more requests.
    private var isClosing = false
    private var isTunnel = false
    private var tunnelSeen = 0
    /// It is a parent proxy, until the tunnel to this place stands.
    private var opens: String?
    private var openingHead: [UInt8] = []
    /// Counts requests, so that an idle timer knows whether it is still wanted.
    private var requests = 0

    init(world: World, number: Int, key: OriginKey, link: Link, opens: String? = nil) {
        self.opens = opens
        self.world = world
        self.number = number
        self.key = key
        plan = world.plan.origins[number]
        socket = PeerSocket(world: world, link: link, reads: plan.reads, writes: plan.writes)
        socket.onBytes = { [unowned self] in received($0) }
        socket.onEnd = { [unowned self] in ended(isReset: $0) }
        if opens == nil { begin() }
    }

    private func begin() {
        guard key.isTunnel else { return }
        isTunnel = true
        exchange = world.plan.exchanges.first { $0.isConnect && $0.tunnelPort == Int(key.port) }
        if let exchange { startTunnel(exchange) }
    }

    // MARK: As a parent proxy

    private func readOpening(_ bytes: [UInt8], for place: String) {
        openingHead += bytes
        let end = Array("\r\n\r\n".utf8)
        guard openingHead.suffix(4).elementsEqual(end) else {
            // What follows the head may not come before the tunnel stands.
            if openingHead.count > 1000 { world.violate(.pairing, "an endless CONNECT to \(place)") }
            return
        }
        let head = String(decoding: openingHead, as: UTF8.self)
        guard head.hasPrefix("CONNECT \(place) HTTP/1.1\r\nHost: \(place)\r\n") else {
            return world.violate(.pairing, "the parent got \(head) for \(place)")
        }
        // As often as a dial fails without a parent, so does its part of one.
        let fails = plan.dialFailureOdds > 0 && world.random.oneIn(plan.dialFailureOdds)
        let isSilent = plan.dialSilenceOdds > 0 && world.random.oneIn(plan.dialSilenceOdds)
        let way = fails ? world.random.below(4) : 4
        if isSilent { return }
        world.schedule(after: world.delay()) { [weak self] in self?.answerOpening(way) }
    }

    private func answerOpening(_ way: Int) {
        if socket.isClosed { return }
        switch way {
        case 0: socket.send("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy")
        case 1: socket.finish()
        case 2: socket.reset()
        case 3: socket.send("SSH-2.0-nonsense\r\n\r\n\r\n")
        default:
            opens = nil
            socket.send("HTTP/1.1 200 Connection established\r\n\r\n")
            begin()
        }
    }

    // MARK: Requests

    private func received(_ bytes: [UInt8]) {
        if let opens { return readOpening(bytes, for: opens) }
        if isTunnel { return tunnelBytes(bytes) }
        reader.feed(bytes)
        advance()
    }

    private func advance() {
        while reader.hasHead && !socket.isClosed && !isClosing && !isTunnel {
            if case .broken(let what) = reader.state {
                return world.violate(.content, "origin \(number) reads nonsense: \(what)")
            }
            if exchange == nil { beginExchange() }
            // An early answer may have been the last one.
            guard let exchange, !isClosing, world.violations.isEmpty else { return }
            checkContent(exchange)
            guard reader.isComplete else { return }
            if !world.ledger.isSentWhole[exchange.id] {
                return world.violate(.truncation, "request \(exchange.id) was cut short and looks complete")
            }
            if reader.content.count != exchange.requestContent {
                return world.violate(.content, "request \(exchange.id): \(reader.content.count) bytes")
            }
            if hasAnswered {
                // Answered early; now its request has come whole, and the next one may follow.
                guard exchange.fault == .early, !exchange.offersUpgrade else { return }
                endExchange()
                continue
            }
            hasAnswered = true
            world.schedule(after: exchange.delay) { [weak self] in self?.answer(exchange) }
            return
        }
    }

    private func beginExchange() {
        guard let id = Int(reader.target.dropFirst(3)), world.plan.exchanges.indices.contains(id),
            reader.target.hasPrefix("/x/")
        else { return world.violate(.pairing, "origin \(number) got \(reader.startLine)") }
        let found = world.plan.exchanges[id]
        guard found.origin == number, found.method == reader.method, found.malformed == nil,
            reader.fields["host"] == "o\(number).test"
        else { return world.violate(.pairing, "origin \(number) got \(reader.startLine) \(reader.fields)") }
        exchange = found
        requests += 1
        hasAnswered = false
        world.ledger.arrivals[id] += 1
        world.trace("origin \(number) got \(id)")
        if world.ledger.arrivals[id] > (found.isIdempotent ? 2 : 1) {
            return world.violate(
                .repetition,
                "\(found.method) \(id) reached origins \(world.ledger.arrivals[id]) times"
            )
        }
        if reader.fields["expect"] != nil && world.random.oneIn(2) {
            socket.send("HTTP/1.1 100 Continue\r\n\r\n")
        }
        if found.fault == .early {
            hasAnswered = true
            answer(found)
        }
    }

    private func checkContent(_ exchange: ExchangePlan) {
        let count = reader.content.count
        if count > exchange.requestContent
            || reader.content != Content.bytes(exchange.id, isResponse: false, 0..<count)
        {
            world.violate(
                .content,
                "request \(exchange.id): content differs in \(count) of \(exchange.requestContent) bytes"
            )
        }
    }

    // MARK: Responses

    private func answer(_ exchange: ExchangePlan) {
        if socket.isClosed { return }
        for _ in 0..<exchange.interims {
            socket.send("HTTP/1.1 103 Early Hints\r\nX-Exchange: \(exchange.id)\r\n\r\n")
        }
        switch exchange.fault {
        case .silence: return
        case .garbage: return socket.send("SSH-2.0-nonsense\r\n\r\n\r\n")
        case .gone(let byReset):
            return byReset ? socket.reset() : socket.finish()
        default: break
        }
        if exchange.offersUpgrade && exchange.upgrades {
            socket.send("HTTP/1.1 101 Switching\r\nX-Exchange: \(exchange.id)\r\n")
            socket.send("Connection: upgrade\r\nUpgrade: test\r\n\r\n")
            isTunnel = true
            startTunnel(exchange)
            let rest = reader.takeUnread()
            if !rest.isEmpty { tunnelBytes(rest) }
            return
        }
        sendFinal(exchange)
    }

    private func sendFinal(_ exchange: ExchangePlan) {
        responses += 1
        let isLast = responses >= plan.closesAfter
        let closes = exchange.originCloses || isLast
        socket.send(
            exchange.responseHead(announcesClose: exchange.originCloses || (isLast && plan.announcesClose))
        )
        let hasContent = !exchange.isHead && exchange.responseFraming != .none
        if hasContent && !sendContent(exchange) { return }
        if exchange.fault == .extra && exchange.responseFraming != .untilClose {
            socket.send("extra bytes that nobody asked for")
        }
        if closes {
            isClosing = true
            return socket.finish()
        }
        if exchange.fault == .early && !reader.isComplete { return }
        endExchange()
        advance()
    }

    private func endExchange() {
        exchange = nil
        reader.next()
        watchIdle()
    }

    /// Sends the content; false if it stopped short and so did the connection.
    private func sendContent(_ exchange: ExchangePlan) -> Bool {
        let count = exchange.responseContent
        var content = Content.bytes(exchange.id, isResponse: true, 0..<count)
        let isChunked = exchange.responseFraming == .chunked
        guard case .truncated(let byReset) = exchange.fault, count > 0 else {
            if exchange.fault == .badChunk && isChunked && count > 0 {
                socket.send("zz\r\n")
                return false
            }
            socket.send(isChunked ? chunks(content, world, hasEnd: true) : content)
            return true
        }
        content.removeLast(1 + world.random.below(count))
        isClosing = true
        socket.send(isChunked ? chunks(content, world, hasEnd: false) : content)
        // A FIN is the proper end of content that only the close delimits.
        let mustReset = byReset || exchange.responseFraming == .untilClose
        end(byReset: mustReset)
        return false
    }

    private func end(byReset: Bool) {
        if !byReset { return socket.finish() }
        if !socket.hasUnsent { return socket.reset() }
        socket.onSent = { [unowned self] in socket.reset() }
    }

    private func watchIdle() {
        guard !plan.idleLimit.isUnlimited else { return }
        let seen = requests
        world.schedule(after: plan.idleLimit) { [weak self] in
            guard let self, requests == seen, !reader.hasStarted else { return }
            world.trace("origin \(number) closes an idle connection")
            socket.close()
        }
    }

    private func ended(isReset: Bool) {
        if isTunnel { socket.finish() } else { socket.close() }
    }

    // MARK: Tunnel

    private func startTunnel(_ exchange: ExchangePlan) {
        self.exchange = exchange
        world.ledger.arrivals[exchange.id] += 1
        socket.send(Content.bytes(exchange.id, isResponse: true, 0..<exchange.tunnelDown))
        if exchange.originFinishesFirst { socket.finish() }
    }

    private func tunnelBytes(_ bytes: [UInt8]) {
        guard let exchange else { return world.violate(.pairing, "a tunnel to nowhere: \(key)") }
        let range = tunnelSeen..<tunnelSeen + bytes.count
        if range.upperBound > exchange.tunnelUp
            || bytes != Content.bytes(exchange.id, isResponse: false, range)
        {
            world.violate(.content, "tunnel \(exchange.id) up at \(range)")
        }
        tunnelSeen += bytes.count
    }
}
