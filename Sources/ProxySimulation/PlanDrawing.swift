import Access
import Basics
import ClientPolicy
import HTTPWire
import ProxyCore
import UpstreamPool

/// Draws a plan from a seed: one world in five is without faults, the others go to extremes.
struct PlanDrawing {
    private var random: RandomSource
    private var plan = Plan()

    static func plan(seed: UInt64) -> Plan {
        var drawing = PlanDrawing(random: RandomSource(seed: seed ^ 0x51ED))
        drawing.draw()
        // Numbers of its own, so that everything else stays as it was.
        drawing.random = RandomSource(seed: seed ^ 0x1EA6)
        drawing.drawLeaks()
        drawing.random = RandomSource(seed: seed ^ 0x12C7)
        drawing.drawInterceptions()
        drawing.random = RandomSource(seed: seed ^ 0x9A4E)
        drawing.drawParent()
        return drawing.plan
    }

    private init(random: RandomSource) { self.random = random }

    private mutating func pick<T>(_ choices: T...) -> T { choices[random.below(choices.count)] }
    /// A default most of the time, so that a world gets somewhere, and else an extreme.
    private mutating func pick<T>(usually usual: T, _ extremes: T...) -> T {
        random.oneIn(plan.mood == .hostile ? 2 : 5) ? extremes[random.below(extremes.count)] : usual
    }

    private mutating func odds(_ clean: Int, _ ordinary: Int, _ hostile: Int) -> Bool {
        let odds = plan.mood == .clean ? clean : plan.mood == .ordinary ? ordinary : hostile
        return odds > 0 && random.oneIn(odds)
    }

    private mutating func draw() {
        plan.mood = pick(.clean, .ordinary, .ordinary, .hostile, .hostile)
        plan.latency = pick(.zero, .milliseconds(1), .milliseconds(20))
        plan.readBlock = plan.mood == .clean ? pick(64, 65536) : pick(1, 13, 512, 65536)
        plan.timerLateness = odds(3, 3, 2) ? .milliseconds(3) : .zero
        plan.configuration = configuration()
        if odds(0, 8, 5) { drawDeath() }
        for _ in 0...random.below(3) { plan.origins.append(origin()) }
        for _ in 0...random.below(6) { plan.clients.append(client()) }
        if odds(0, 20, 12) { plan.drainAt = instant(400) }
        if odds(0, 20, 12) { plan.exhaustAt = instant(400) }
        if odds(0, 20, 12) {
            plan.reloadAt = instant(400)
            plan.reloaded = configuration()
        }
    }

    /// In a quarter of the worlds all that is no plain request goes through a parent proxy.
    private mutating func drawParent() {
        guard random.oneIn(4) else { return }
        let exempt = DestinationList([DestinationPattern(.any, port: 80)])
        let parent = ParentProxy(
            host: "parent.test",
            port: 3128,
            authorization: pick("", "Basic eA=="),
            exempt: exempt
        )
        plan.configuration.parent = parent
        plan.reloaded.parent = pick(parent, nil)
    }

    /// In a third of the worlds without faults apps leak, and others beside them do not.
    private mutating func drawLeaks() {
        guard plan.mood == .clean, random.oneIn(3) else { return }
        // A crowd makes a queue, and who half-closes in a queue is taken for gone.
        for index in plan.clients.indices where plan.clients[index].end == .halfClose {
            plan.clients[index].end = .close
        }
        for owner in 100...100 + random.below(2) {
            plan.leakyOwners.insert(owner)
            let pause = pick(5, 40, 110, 1100)
            for number in 0..<30 + random.below(20) {
                var new = ClientPlan()
                new.startsAt = MonotonicTime(nanoseconds: Int64(number * pause) * 1_000_000)
                new.end = .leak
                add(new, owner, exchanges: 1)
            }
        }
        for owner in 10...10 + random.below(3) {
            plan.healthyOwners.insert(owner)
            for _ in 0...random.below(4) {
                var new = ClientPlan()
                new.startsAt = instant(pick(30, 6000))
                // Longer than what a leaking owner's connections are left, and shorter than idle_timeout.
                new.think = pick(.milliseconds(30), .seconds(3), .seconds(10), .seconds(40))
                add(new, owner, exchanges: 2 + random.below(4))
            }
        }
    }

    /// In half of the worlds some clients do not know of the proxy.
    private mutating func drawInterceptions() {
        guard random.oneIn(2) else { return }
        for _ in 0...random.below(4) {
            let first = plan.exchanges.count
            var new = client()
            new.interception = pick(.http, .relay)
            // As beside leaks: who half-closes in a queue is taken for gone.
            if plan.mood == .clean && new.end == .halfClose { new.end = .close }
            // In pieces, and with pauses in which nobody knows what it will be; but the beginning of a request
            // line is whole, or it would be something else.
            new.capacity = 65536
            new.writes = Pace()
            if random.oneIn(2) {
                new.writes.bytes = 9 + random.below(40)
                new.writes.pause = pick(.zero, .milliseconds(10), .milliseconds(70))
            }
            for index in first..<plan.exchanges.count {
                plan.exchanges[index] = intercepted(plan.exchanges[index], new)
            }
            if new.interception == .relay {
                new.exchanges = [first]
                new.isPipelining = false
                plan.exchanges.removeLast(plan.exchanges.count - first - 1)
            }
            plan.clients.append(new)
        }
    }

    /// The exchange as one of a client that dials one origin and does not know of the proxy.
    private mutating func intercepted(_ former: ExchangePlan, _ client: ClientPlan) -> ExchangePlan {
        var exchange = former
        exchange.isIntercepted = true
        exchange.malformed = nil
        exchange.origin = plan.exchanges[client.exchanges[0]].origin
        exchange.requestContent = min(exchange.requestContent, 100)
        exchange.responseContent = min(exchange.responseContent, 100)
        if client.interception == .relay { return relayed(exchange) }
        let origin = plan.origins[exchange.origin]
        let canLose = plan.mood == .clean && origin.closesAfter < .max && !origin.announcesClose
        if exchange.isConnect || canLose {
            exchange.method = "GET"
            exchange.isEager = false
            exchange.offersUpgrade = false
            exchange.expectsContinue = false
            exchange.requestFraming = .none
            exchange.requestContent = 0
        }
        return exchange
    }

    /// The exchange as a tunnel for which nobody has asked.
    private mutating func relayed(_ former: ExchangePlan) -> ExchangePlan {
        var exchange = ExchangePlan()
        exchange.id = former.id
        exchange.origin = former.origin
        exchange.method = "CONNECT"
        exchange.isIntercepted = true
        exchange.tunnelUp = random.below(pick(2, 10, 300))
        exchange.tunnelDown = random.below(pick(2, 300))
        exchange.isEager = random.oneIn(2)
        // Who finishes while it waits in a queue is taken for gone.
        exchange.originFinishesFirst = random.oneIn(2) || plan.mood == .clean
        return exchange
    }

    private mutating func add(_ client: ClientPlan, _ owner: Int, exchanges count: Int) {
        var new = client
        new.owner = owner
        for _ in 0..<count {
            var exchange = exchange(new, isLast: false)
            // They are many, and each byte can be an event.
            exchange.requestContent = min(exchange.requestContent, 100)
            exchange.responseContent = min(exchange.responseContent, 100)
            plan.exchanges.append(exchange)
            new.exchanges.append(exchange.id)
        }
        plan.clients.append(new)
    }

    /// Flows die while they are idle in the pool, and then a request that must not be repeated comes.
    private mutating func drawDeath() {
        plan.deathAt = instant(pick(30, 400, 1500))
        plan.configuration.pool.maxIdle = 100
        plan.configuration.pool.idleTimeout = .seconds(60)
        plan.configuration.pool.maxAge = .seconds(600)
        plan.configuration.ackTimeout = pick(.milliseconds(20), .seconds(5))
        plan.configuration.responseTimeout = pick(.unlimited, .seconds(6))
    }

    private mutating func instant(_ milliseconds: Int) -> MonotonicTime {
        MonotonicTime(nanoseconds: Int64(random.below(milliseconds * 1000)) * 1000)
    }

    private mutating func configuration() -> EngineConfiguration {
        var new = EngineConfiguration()
        new.accessLog = random.oneIn(2)
        new.halfCloseTimeout = .seconds(300)
        new.heads.headSize = 512
        if plan.mood == .clean {
            // Ample, but small enough that reuse and waiting happen.
            new.pool.maxConnections = pick(8, 1024)
            new.pool.maxPerDestination = pick(6, 256)
            new.pool.maxIdlePerDestination = pick(1, 32)
            new.queueTimeout = .seconds(300)
            return new
        }
        new.requestTimeout = pick(usually: .seconds(30), .milliseconds(1), .seconds(1))
        new.headerTimeout = pick(usually: .seconds(10), .milliseconds(1), .milliseconds(50))
        new.clientIdleTimeout = pick(
            usually: .seconds(60),
            .milliseconds(1),
            .milliseconds(100),
            .seconds(2),
            .unlimited
        )
        new.closeGrace = pick(usually: .seconds(2), .zero, .milliseconds(1))
        new.writeTimeout = pick(usually: .seconds(300), .milliseconds(5), .seconds(1))
        new.connectTimeout = pick(usually: .seconds(30), .milliseconds(1), .milliseconds(100))
        new.responseTimeout = pick(usually: .unlimited, .milliseconds(1), .milliseconds(200), .seconds(6))
        new.expectContinueTimeout = pick(usually: .seconds(1), .zero, .milliseconds(10))
        new.queueTimeout = pick(usually: .seconds(10), .zero, .milliseconds(1), .milliseconds(100))
        new.ackTimeout = pick(usually: .seconds(5), .milliseconds(5))
        new.tunnelIdleTimeout = pick(usually: .seconds(300), .milliseconds(1), .milliseconds(500))
        new.halfCloseTimeout = pick(usually: .seconds(30), .milliseconds(1))
        new.maxTunnels = pick(usually: 1024, 0, 1, 2)
        new.maxQuietPerDestination = pick(usually: .max, 0, 1, 2)
        new.minimumQuiet = pick(usually: .seconds(2), .zero, .milliseconds(1))
        if random.oneIn(6) { new.allowedTunnelPorts = [10_001, 10_003, 10_004] }
        if random.oneIn(8) { new.heads = HeadLimits(headSize: pick(100, 160, 300), fields: 3, uriSize: 30) }
        drawClientLimits(&new)
        drawPoolLimits(&new.pool)
        return new
    }

    private mutating func drawClientLimits(_ new: inout EngineConfiguration) {
        new.clients.maxConnections = pick(usually: 4096, 1, 2, 3, 20)
        new.clients.maxParkedPerOwner = pick(usually: 128, 0, 1, 2)
        new.clients.maxRequests = pick(usually: .max, 1, 2)
        new.clients.keepAlive = !random.oneIn(8)
        new.clients.maxAge = pick(usually: .unlimited, .milliseconds(5))
    }

    private mutating func drawPoolLimits(_ pool: inout PoolLimits) {
        pool.maxConnections = pick(usually: 1024, 1, 2, 4)
        pool.maxPerDestination = pick(usually: 256, 1, 2)
        pool.maxIdle = pick(usually: 100, 0, 1, 2)
        pool.maxIdlePerDestination = pick(usually: 32, 0, 1)
        pool.maxDialsPerDestination = pick(usually: 16, 1, 2)
        pool.maxQueue = pick(usually: 1024, 0, 1, 2)
        pool.idleTimeout = pick(usually: .seconds(60), .milliseconds(1), .milliseconds(50), .unlimited)
        pool.maxAge = pick(usually: .seconds(600), .milliseconds(1), .milliseconds(50), .unlimited)
        pool.maxRequests = pick(usually: .max, 1, 2)
        pool.unsafeReuseWindow = pick(usually: .seconds(1), .zero, .milliseconds(5))
        pool.dialBackoff = pick(usually: .milliseconds(100), .milliseconds(1))
    }

    private mutating func origin() -> OriginPlan {
        var new = OriginPlan()
        new.dialDelay = pick(.zero, .milliseconds(2), .milliseconds(30))
        new.closesAfter = pick(1, 2, 3, .max)
        new.announcesClose = random.oneIn(2)
        new.capacity = pick(1, 16, 500, 65536)
        if odds(0, 4, 3) { new.dialFailureOdds = pick(1, 2, 4) }
        if odds(0, 8, 6) { new.dialSilenceOdds = pick(1, 2, 4) }
        if odds(0, 3, 2) { new.idleLimit = pick(.zero, .milliseconds(1), .milliseconds(20), .seconds(2)) }
        new.reads = pace(odds(4, 4, 2))
        new.writes = pace(odds(4, 4, 2))
        return new
    }

    private mutating func pace(_ isSlow: Bool) -> Pace {
        var pace = Pace()
        guard isSlow else { return pace }
        pace.bytes = pick(3, 50, 700)
        pace.pause = pick(.milliseconds(1), .milliseconds(7))
        if odds(0, 10, 5) { pace.stopsAfter = random.below(600) }
        return pace
    }

    private mutating func client() -> ClientPlan {
        var new = ClientPlan()
        new.startsAt = instant(pick(1, 30, 300))
        new.owner = random.below(2)
        new.isPipelining = random.oneIn(5)
        new.end = pick(.close, .close, .leak, .leak, .halfClose, .reset)
        if odds(0, 5, 3) {
            new.abortsAt = new.startsAt + Interval(nanoseconds: Int64(random.below(60_000_000)))
        }
        new.abortsByReset = random.oneIn(2)
        new.think = pick(.zero, .milliseconds(1), .milliseconds(30), .milliseconds(1500))
        if plan.deathAt != nil { new.think = pick(.milliseconds(30), .milliseconds(300)) }
        new.capacity = pick(1, 16, 500, 65536)
        new.reads = pace(odds(4, 4, 2))
        new.writes = pace(odds(4, 4, 2))
        let count = 1 + random.below(4)
        for index in 0..<count {
            plan.exchanges.append(exchange(new, isLast: index == count - 1))
            new.exchanges.append(plan.exchanges.count - 1)
        }
        return new
    }

    private mutating func exchange(_ client: ClientPlan, isLast: Bool) -> ExchangePlan {
        var new = ExchangePlan()
        new.id = plan.exchanges.count
        new.origin = random.below(plan.origins.count)
        let origin = plan.origins[new.origin]
        let most = min(20_000, 60 * min(client.capacity, origin.capacity, 4 * plan.readBlock, 400))
        new.method = pick("GET", "GET", "GET", "HEAD", "POST", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
        if plan.deathAt != nil && random.oneIn(2) { new.method = "POST" }
        // A connection that is closed silently can eat a request that must not be repeated.
        let canLose = plan.mood == .clean && origin.closesAfter < .max && !origin.announcesClose
        if canLose { new.method = pick("GET", "HEAD", "DELETE") }
        if !canLose && ["POST", "PUT", "PATCH"].contains(new.method) {
            new.requestFraming = pick(.none, .length, .chunked)
            if new.requestFraming != .none { new.requestContent = random.below(pick(2, most)) }
            new.expectsContinue = new.requestContent > 0 && random.oneIn(4)
            if !client.isPipelining && odds(0, 20, 8) {
                new.requestStopsAfter = random.below(new.requestContent + 1)
            }
        }
        drawResponse(&new, most)
        if isLast { drawLast(&new, client, most) }
        if odds(0, 25, 10) { new.malformed = malformedRequest() }
        return new
    }

    private mutating func drawResponse(_ new: inout ExchangePlan, _ most: Int) {
        new.responseFraming = pick(.none, .length, .length, .chunked, .chunked, .untilClose)
        if new.responseFraming != .none { new.responseContent = random.below(pick(2, 300, most)) }
        new.status = new.responseFraming == .none ? pick(204, 304) : pick(200, 200, 404, 500)
        new.interims = random.oneIn(5) ? 1 + random.below(2) : 0
        new.isOriginHTTP10 = random.oneIn(8) && new.responseFraming != .chunked
        new.originCloses = new.responseFraming == .untilClose || new.isOriginHTTP10 || random.oneIn(8)
        new.delay = pick(.zero, .zero, .milliseconds(1), .milliseconds(40))
        guard odds(0, 4, 2) else { return }
        new.fault = pick(
            .truncated(byReset: false),
            .truncated(byReset: true),
            .extra,
            .garbage,
            .badChunk,
            .silence,
            .gone(byReset: false),
            .gone(byReset: true),
            .early
        )
    }

    /// What ends the connection's life as an HTTP connection.
    private mutating func drawLast(_ new: inout ExchangePlan, _ client: ClientPlan, _ most: Int) {
        switch random.below(8) {
        case 0, 1:
            new.method = "CONNECT"
            new.requestFraming = .none
            new.requestContent = 0
            new.expectsContinue = false
        case 2:
            // An upgrade cannot be repeated, and a connection that is closed silently would eat it.
            let origin = plan.origins[new.origin]
            if plan.mood == .clean && origin.closesAfter < .max && !origin.announcesClose { return }
            new.method = "GET"
            new.offersUpgrade = true
            new.upgrades = !random.oneIn(3)
            new.requestFraming = .none
            new.requestContent = 0
            new.expectsContinue = false
        case 3, 4, 5:
            new.isHTTP10 = !client.isPipelining
            if new.requestFraming == .chunked { new.requestFraming = .length }
        case 6: new.asksClose = true
        default: return
        }
        new.tunnelUp = random.below(pick(2, most))
        new.tunnelDown = random.below(pick(2, most))
        // A client that leaks never finishes; in a world without faults the origin does.
        new.isEager = new.isConnect && random.oneIn(3)
        new.originFinishesFirst = random.oneIn(2) || (plan.mood == .clean && client.end == .leak)
    }

    private mutating func malformedRequest() -> String {
        let post = "POST http://o0.test/x/9999 HTTP/1.1\r\nHost: o0.test\r\n"
        return pick(
            "GARBAGE\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: o0.test\r\n\r\n",
            "\u{16}\u{3}\u{1}\u{2}",
            "GET http://o0.test/x/9999 HTTP/1.1\r\n\r\n",
            "GET https://o0.test/ HTTP/1.1\r\nHost: o0.test\r\n\r\n",
            post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0",
            "GET http://o0.test/x/9999 HTTP/2.0\r\nHost: o0.test\r\n\r\n",
            post + "Transfer-Encoding: gzip, chunked\r\n\r\n",
            "GET http://o0.test/x/9999\r\nHost",
            "GET http://o0.test/x/9999 HTTP/1.1\nHost: o0.test\n\n"
        )
    }
}
