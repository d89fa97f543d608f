import Basics
import Dialling
import Glibc
import Reactor
import Settings
import Testing

@testable import ProxyServer

/// Pages of a test.
final class TestPages: AdminPages {
    var isDraining = false
    var metrics = "metric 1\n"
    var rendered = 0
    var orders: [AdminOrder] = []

    /// Answers that are left to the test.
    var delayed: [() -> Void]?
    var isStuck = false

    func show(_ page: AdminFigures, _ then: @escaping (ByteBuffer?) -> Void) {
        if isStuck { return then(nil) }
        var buffer = ByteBuffer()
        switch page {
        case .metrics:
            rendered += 1
            buffer.append(metrics)
        case .leaks: buffer.append("{\"owners\":[]}\n")
        case .status, .overview, .history: buffer.append("{}\n")
        }
        if delayed == nil { then(buffer) } else { delayed?.append { [buffer] in then(buffer) } }
    }

    func perform(_ order: AdminOrder, _ then: @escaping (UInt16, String) -> Void) {
        orders.append(order)
        then(200, "done")
    }
}

/// A loop with an admin server, and clients that talk to it from the same thread.
final class AdminWorld {
    let loop: EventLoop
    let pages = TestPages()
    let server: AdminServer
    private var clients: [Int32] = []

    init(timeout: Interval = .seconds(5), _ guardian: AdminGuard = AdminGuard(names: ["admin"])) throws {
        loop = try EventLoop()
        let anyPort = Endpoint(address: .v4(0x7F00_0001), port: 0)
        server = AdminServer(loop: loop, guardian: guardian, pages: pages, timeout: timeout)
        server.listen(on: [try ListeningSocket.open(on: anyPort)])
    }

    deinit {
        server.close()
        for client in clients { Sockets.close(client) }
    }

    func connect() throws -> Int32 {
        let endpoint = try #require(server.places.first?.endpoint)
        let client = try Sockets.openStream(to: endpoint).get()
        clients.append(client)
        return client
    }

    func send(_ client: Int32, _ text: String) throws {
        var entry = pollfd(fd: client, events: Int16(POLLOUT), revents: 0)
        #expect(poll(&entry, 1, 5000) == 1)
        #expect(Sockets.write(client, text.utf8.span) == .bytes(text.utf8.count))
    }

    func turn(until condition: () -> Bool) {
        var isLate = false
        let timer = LoopTimer(loop: loop) { isLate = true }
        timer.arm(at: loop.now + .seconds(10))
        while !condition() && !isLate { loop.turn() }
        #expect(!isLate, "waited in vain")
    }

    /// Turns the loop until the server has closed its side, and returns what it sent; nil after a reset.
    func answer(_ client: Int32) -> String? {
        var all: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 65_536)
        var isOver = false
        var isReset = false
        let watch = DescriptorWatch(loop: loop, descriptor: client) { _, _ in
            var span = room.mutableSpan
            switch Sockets.receive(client, into: &span) {
            case .bytes(let count): all += room[..<count]
            case .wouldBlock: break
            case .endOfFile: isOver = true
            case .failed: isReset = true
            }
        }
        watch.setReading(true)
        turn { isOver || isReset }
        watch.invalidate()
        return isReset ? nil : String(decoding: all, as: UTF8.self)
    }

    func ask(_ text: String) throws -> String {
        let client = try connect()
        try send(client, text)
        return try #require(answer(client))
    }

    /// Closes a client.
    func close(_ client: Int32) {
        clients.removeAll { $0 == client }
        Sockets.close(client)
    }
}

@Suite("Admin server", .serialized)
struct AdminServerTests {
    private func get(_ path: String, method: String = "GET") -> String {
        "\(method) \(path) HTTP/1.1\r\nHost: admin\r\n\r\n"
    }

    private func content(_ answer: String) -> String {
        answer.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false).dropFirst()
            .joined()
    }

    @Test("a page is served with its type and length, and the connection is closed")
    func metrics() throws {
        let world = try AdminWorld()
        let answer = try world.ask(get("/metrics"))
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\nDate: "))
        #expect(answer.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"))
        #expect(answer.contains("\r\nContent-Length: 9\r\n"))
        #expect(answer.contains("\r\nConnection: close\r\n"))
        #expect(content(answer) == "metric 1\n")
        #expect(try world.ask(get("/status")).contains("\r\nContent-Type: application/json\r\n"))
    }

    @Test("health tells whether the process is stopping")
    func health() throws {
        let world = try AdminWorld()
        let running = try world.ask(get("/healthz"))
        #expect(running.hasPrefix("HTTP/1.1 200 ") && content(running) == "ok\n")
        world.pages.isDraining = true
        let draining = try world.ask(get("/healthz"))
        #expect(draining.hasPrefix("HTTP/1.1 503 ") && content(draining) == "draining\n")
    }

    @Test("HEAD gets the head of GET without content")
    func head() throws {
        let world = try AdminWorld()
        let answer = try world.ask(get("/metrics", method: "HEAD"))
        #expect(answer.contains("\r\nContent-Length: 9\r\n") && content(answer) == "")
    }

    @Test("a query and the absolute form name the same page")
    func otherForms() throws {
        let world = try AdminWorld()
        #expect(try world.ask(get("/healthz?verbose")).hasPrefix("HTTP/1.1 200 "))
        #expect(try world.ask(get("http://admin:9128/healthz")).hasPrefix("HTTP/1.1 200 "))
    }

    @Test(
        "anything else is refused with one line",
        arguments: [
            ("GET /x HTTP/1.1\r\nHost: admin\r\n\r\n", 404),
            ("GET /metrics/ HTTP/1.1\r\nHost: admin\r\n\r\n", 404),
            ("GET /METRICS HTTP/1.1\r\nHost: admin\r\n\r\n", 404),
            ("POST /nothing HTTP/1.1\r\nHost: admin\r\n\r\n", 404),
            ("POST /metrics HTTP/1.1\r\nHost: admin\r\nContent-Length: 3\r\n\r\nabc", 405),
            ("DELETE /status HTTP/1.1\r\nHost: admin\r\n\r\n", 405),
            ("OPTIONS * HTTP/1.1\r\nHost: admin\r\n\r\n", 405),
            ("CONNECT admin:80 HTTP/1.1\r\nHost: admin:80\r\n\r\n", 405),
            ("GET /metrics HTTP/1.1\r\n\r\n", 400),
            ("GET /metrics\r\n\r\n", 400), ("GET /metrics HTTP/2.0\r\nHost: admin\r\n\r\n", 505),
            ("\u{16}\u{3}\u{1}", 400), ("GET /metrics HTTP/1.1\nHost: admin\n\n", 400),
        ]
    )
    func refusals(request: String, status: Int) throws {
        let world = try AdminWorld()
        let answer = try world.ask(request)
        #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
        #expect(content(answer).hasSuffix("\n") && content(answer).filter(\.isNewline).count == 1)
        #expect(answer.contains("\r\nAllow: GET, HEAD") == (status == 405))
        #expect(world.pages.rendered == 0)
    }

    @Test("a head in pieces is put together; one that never ends is refused at 8 KiB")
    func pieces() throws {
        let world = try AdminWorld()
        let client = try world.connect()
        for byte in get("/healthz") {
            try world.send(client, String(byte))
            world.loop.turn(waiting: false)
        }
        #expect(try #require(world.answer(client)).hasPrefix("HTTP/1.1 200 "))
        let long = "GET /healthz HTTP/1.1\r\nHost: admin\r\nX: \(String(repeating: "x", count: 9000))"
        #expect(try world.ask(long).hasPrefix("HTTP/1.1 431 "))
    }

    @Test("a page larger than the socket's buffers is served as fast as its reader reads")
    func largePage() throws {
        let world = try AdminWorld(timeout: .seconds(60))
        world.pages.metrics = String(repeating: "0123456789abcde\n", count: 1 << 18)
        let client = try world.connect()
        try world.send(client, get("/metrics"))
        world.turn { world.pages.rendered == 1 }
        // Others are served meanwhile.
        #expect(try world.ask(get("/healthz")).hasPrefix("HTTP/1.1 200 "))
        let answer = try #require(world.answer(client))
        #expect(content(answer).utf8.count == 4 << 20)
    }

    @Test("a client that has finished its side still gets its answer, at the cost of no spinning")
    func halfClose() throws {
        let world = try AdminWorld()
        let client = try world.connect()
        try world.send(client, get("/healthz"))
        Sockets.shutdownWrite(client)
        #expect(try #require(world.answer(client)).hasPrefix("HTTP/1.1 200 "))
        world.turn { world.server.connectionCount == 0 }
    }

    @Test("a connection that its client closes is given back at once")
    func closedByClient() throws {
        let world = try AdminWorld()
        let client = try world.connect()
        world.turn { world.server.connectionCount == 1 }
        world.close(client)
        world.turn { world.server.connectionCount == 0 }
    }

    @Test("a connection that does nothing is cut after its time")
    func deadline() throws {
        let world = try AdminWorld(timeout: .milliseconds(50))
        let began = world.loop.now
        let client = try world.connect()
        #expect(world.answer(client) == nil, "reset")
        #expect(world.loop.now.since(began) >= .milliseconds(50))
        #expect(world.server.connectionCount == 0)
    }

    @Test("beyond 32 connections further ones wait in the backlog until one ends")
    func manyConnections() throws {
        let world = try AdminWorld()
        let idle = try (0..<AdminServer.maxConnections).map { _ in try world.connect() }
        world.turn { world.server.connectionCount == AdminServer.maxConnections }
        let late = try world.connect()
        try world.send(late, get("/healthz"))
        world.loop.turn(waiting: false)
        #expect(Sockets.peek(late) == .wouldBlock)
        #expect(world.server.connectionCount == AdminServer.maxConnections)
        world.close(idle[7])
        #expect(try #require(world.answer(late)).hasPrefix("HTTP/1.1 200 "))
    }

    @Test("an address in use is an error that names it")
    func addressInUse() throws {
        let world = try AdminWorld()
        let endpoint = try #require(world.server.places.first?.endpoint)
        #expect {
            _ = try ListeningSocket.open(on: endpoint)
        } throws: { error in
            (error as? SystemError)?.code == EADDRINUSE && "\(error)".contains("\(endpoint)")
        }
    }

    @Test("another address takes the place of the former one, and connections go on")
    func anotherAddress() throws {
        let world = try AdminWorld()
        let former = try #require(world.server.places.first?.endpoint)
        let early = try world.connect()
        world.turn { world.server.connectionCount == 1 }
        let anyPort = Endpoint(address: .v4(0x7F00_0001), port: 0)
        world.server.listen(on: [try ListeningSocket.open(on: anyPort)])
        #expect(world.server.places.count == 1 && world.server.places.first?.endpoint != former)
        try world.send(early, get("/healthz"))
        #expect(try #require(world.answer(early)).hasPrefix("HTTP/1.1 200 "))
        let late = try world.connect()
        try world.send(late, get("/healthz"))
        #expect(try #require(world.answer(late)).hasPrefix("HTTP/1.1 200 "))
        Sockets.close(try Sockets.listen(on: former, backlog: 1))
    }

    @Test("while another process accepts, clients wait")
    func held() throws {
        let world = try AdminWorld()
        world.server.setHeld(true)
        let client = try world.connect()
        try world.send(client, get("/healthz"))
        world.loop.turn(waiting: false)
        #expect(world.server.connectionCount == 0 && Sockets.peek(client) == .wouldBlock)
        world.server.setHeld(false)
        #expect(try #require(world.answer(client)).hasPrefix("HTTP/1.1 200 "))
    }

    @Test("an answer may come later, and for a client that has gone it comes to nothing")
    func later() throws {
        let world = try AdminWorld()
        world.pages.delayed = []
        let gone = try world.connect()
        try world.send(gone, get("/metrics"))
        world.turn { world.pages.delayed?.count == 1 }
        world.close(gone)
        world.turn { world.server.connectionCount == 1 }
        let client = try world.connect()
        try world.send(client, get("/status"))
        world.turn { world.pages.delayed?.count == 2 }
        #expect(Sockets.peek(client) == .wouldBlock)
        for answer in world.pages.delayed?.reversed() ?? [] { answer() }
        let answer = try #require(world.answer(client))
        #expect(answer.hasPrefix("HTTP/1.1 200 ") && content(answer) == "{}\n")
        world.turn { world.server.connectionCount == 0 }
    }

    @Test("where figures cannot be had, that is said")
    func unavailable() throws {
        let world = try AdminWorld()
        world.pages.isStuck = true
        let answer = try world.ask(get("/metrics"))
        #expect(answer.hasPrefix("HTTP/1.1 503 ") && content(answer) == "not all workers answer\n")
    }

    @Test("closing cuts the connections and frees the address")
    func close() throws {
        let world = try AdminWorld()
        let client = try world.connect()
        world.turn { world.server.connectionCount == 1 }
        let endpoint = try #require(world.server.places.first?.endpoint)
        world.server.close()
        #expect(world.answer(client) == nil)
        let descriptor = try Sockets.listen(on: endpoint, backlog: 1)
        Sockets.close(descriptor)
    }
}

extension NetworkEndpoint {
    fileprivate init?(_ endpoint: Endpoint) {
        guard let address = NumericAddress(endpoint.address.description) else { return nil }
        self.init(address: address, port: endpoint.port)
    }
}
