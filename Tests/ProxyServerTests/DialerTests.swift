import Basics
import Dialling
import Glibc
import Reactor
import Testing

@testable import ProxyServer

/// The dialer on real sockets of the loopback interface.
@Suite("Dialer", .serialized)
struct DialerTests {
    @Test("an address literal is dialled")
    func dialsLiteral() throws {
        let world = try DialerWorld()
        let listener = try world.listen()
        let socket = try world.dial("127.0.0.1", listener.port).get()
        #expect(socket.endpoint == Endpoint(address: DialerWorld.loopback4, port: listener.port))
        #expect(Sockets.peerEndpoint(socket.descriptor) == socket.endpoint)
        #expect(socket.connectDuration < .seconds(5))
        #expect(option(socket.descriptor, SOL_SOCKET, SO_KEEPALIVE) == 0, "who is here cannot vanish")
        #expect(world.dialer.pendingCount == 0)
    }

    @Test("a peer elsewhere is probed, one within the host is not")
    func keepalive() throws {
        var detection = DeadPeerDetection()
        detection.keepaliveIdle = .seconds(31)
        let (within, elsewhere) = (socket(AF_INET, 1, 0), socket(AF_INET, 1, 0))
        defer { for descriptor in [within, elsewhere] { Sockets.close(descriptor) } }
        detection.apply(to: within, isWithinHost: true)
        detection.apply(to: elsewhere)
        #expect(option(within, SOL_SOCKET, SO_KEEPALIVE) == 0)
        #expect(option(elsewhere, SOL_SOCKET, SO_KEEPALIVE) == 1)
        #expect(option(elsewhere, Int32(IPPROTO_TCP), TCP_KEEPIDLE) == 31)
    }

    private func option(_ descriptor: Int32, _ level: Int32, _ name: Int32) -> Int32 {
        var value: Int32 = -1
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, level, name, &value, &length)
        return value
    }

    @Test("an IPv6 literal in brackets is dialled")
    func dialsBracketed() throws {
        let world = try DialerWorld()
        let listener = try world.listen(DialerWorld.loopback6)
        let socket = try world.dial("[::1]", listener.port).get()
        #expect(socket.endpoint.address == DialerWorld.loopback6)
        #expect(try world.dial("::1%lo", listener.port, token: 2).get().endpoint.port == listener.port)
    }

    @Test("a refused connection is reported as refused")
    func refused() throws {
        let world = try DialerWorld()
        #expect(world.dial("127.0.0.1", try world.closedPort()) == .failure(.connectionRefused))
    }

    @Test("only permitted addresses are dialled, and none is a failure of its own")
    func permitted() throws {
        let world = try DialerWorld()
        let four = try world.listen()
        _ = try world.listen(DialerWorld.loopback6, port: four.port)
        var judged: [Endpoint.Address] = []
        world.dialer.dial(token: 1, host: "localhost", port: four.port, timeout: .seconds(5)) { address in
            judged.append(address)
            return !address.isIPv6
        }
        world.turn { world.results[1] != nil }
        #expect(try world.results[1]?.get().endpoint.address == DialerWorld.loopback4)
        #expect(Set(judged) == [DialerWorld.loopback4, DialerWorld.loopback6])
        world.dialer.dial(token: 2, host: "127.0.0.1", port: four.port, timeout: .seconds(5)) { _ in false }
        world.turn { world.results[2] != nil }
        #expect(world.results[2] == .failure(.prohibited))
        #expect(world.dialer.pendingCount == 0)
    }

    @Test("where IPv6 is refused IPv4 wins at once")
    func fallsBack() throws {
        let world = try DialerWorld()
        let listener = try world.listen()
        let start = world.loop.now
        let socket = try world.dial("localhost", listener.port).get()
        #expect(socket.endpoint.address == DialerWorld.loopback4)
        #expect(world.loop.now.since(start) < .milliseconds(240))
    }

    @Test("where IPv6 is silent IPv4 is tried after 250 ms, and the loser leaves no socket")
    func overtakes() throws {
        let world = try DialerWorld()
        let listener = try world.listen()
        _ = try world.blackHole(DialerWorld.loopback6, port: listener.port)
        let before = try SocketTable.live(to: listener.port)
        let start = world.loop.now
        let socket = try world.dial("localhost", listener.port).get()
        #expect(socket.endpoint.address == DialerWorld.loopback4)
        #expect(world.loop.now.since(start) >= .milliseconds(250))
        #expect(socket.connectDuration < .milliseconds(240))
        #expect(try SocketTable.live(to: listener.port) == before + 1)
        #expect(try SocketTable.count(to: listener.port, states: ["06"]) == 0)
    }

    @Test("a black hole ends at the timeout and leaves no socket")
    func blackHole() throws {
        let world = try DialerWorld()
        let port = try world.blackHole()
        let before = try SocketTable.live(to: port)
        let start = world.loop.now
        #expect(world.dial("127.0.0.1", port, timeout: .milliseconds(300)) == .failure(.timedOut))
        let passed = world.loop.now.since(start)
        #expect(passed >= .milliseconds(300) && passed < .seconds(3))
        #expect(try SocketTable.live(to: port) == before)
    }

    @Test("a silent name server ends the dial at the dial's timeout")
    func silentNameServer() throws {
        let silent = try NameServerSocket()
        let world = try DialerWorld(servers: [silent.address])
        let result = world.dial("name.test", 80, timeout: .milliseconds(200))
        #expect(result == .failure(.dnsTimeout))
    }

    @Test("a name server that is not there fails the dial before its timeout")
    func absentNameServer() throws {
        let port = try NameServerSocket().port
        let world = try DialerWorld(servers: ["127.0.0.1:\(port)"])
        let start = world.loop.now
        // Whether the last of c-ares' queries was refused or lost is a matter of their order.
        let causes: [Result<DialedSocket, DialFailure>] = [.failure(.dnsFailed), .failure(.dnsTimeout)]
        #expect(causes.contains(world.dial("name.test", 80)))
        #expect(world.loop.now.since(start) < .milliseconds(4500))
    }

    @Test("dials of one name share one look-up, and its answer is used again")
    func sharesLookUp() throws {
        let server = try NameServerSocket()
        let world = try DialerWorld(servers: [server.address])
        server.answer(on: world.loop)
        let listener = try world.listen()
        for token in UInt64(1)...3 {
            world.dialer.dial(token: token, host: "name.test", port: listener.port, timeout: .seconds(9))
        }
        world.turn { world.results.count == 3 }
        _ = try world.dial("NAME.test", listener.port, token: 4).get()
        #expect(world.results.values.allSatisfy { (try? $0.get()) != nil })
        #expect(server.questions == 2, "one for each family")
        world.dialer.reconfigure(Dialer.Options())
        _ = try world.dial("name.test", listener.port, token: 5).get()
        #expect(server.questions == 4)
    }

    @Test("a name that cannot be one fails without a look-up, at the end of the turn")
    func impossibleName() throws {
        let world = try DialerWorld()
        #expect(world.dial("no such name", 80) == .failure(.dnsNotFound))
        #expect(world.dial("", 80, token: 2) == .failure(.dnsNotFound))
    }

    @Test("too many look-ups are refused")
    func refusesLookUps() throws {
        let silent = try NameServerSocket()
        var options = Dialer.Options()
        options.names.maxQueries = 1
        options.names.maxQueued = 1
        let world = try DialerWorld(options, servers: [silent.address])
        for (token, name) in ["a.test", "b.test"].enumerated() {
            world.dialer.dial(token: UInt64(token), host: name, port: 80, timeout: .seconds(60))
        }
        #expect(world.dial("c.test", 80, token: 9) == .failure(.dnsRefused))
        #expect(world.dialer.pendingCount == 2)
        #expect(world.dialer.nameCounts == (0, 1, 1))
    }

    @Test("a cancelled dial is not told and leaves no socket")
    func cancels() throws {
        let silent = try NameServerSocket()
        let world = try DialerWorld(servers: [silent.address])
        let port = try world.blackHole()
        let before = try SocketTable.live(to: port)
        world.dialer.dial(token: 1, host: "127.0.0.1", port: port, timeout: .seconds(9))
        world.dialer.dial(token: 2, host: "name.test", port: port, timeout: .seconds(9))
        world.loop.turn(waiting: false)
        #expect(try SocketTable.live(to: port) == before + 1)
        world.dialer.cancel(token: 1)
        world.dialer.cancel(token: 2)
        world.dialer.cancel(token: 3)
        #expect(try SocketTable.live(to: port) == before)
        #expect(world.dialer.pendingCount == 0)
        world.loop.turn(waiting: false)
        #expect(world.results.isEmpty)
    }

    @Test("a dial that has succeeded but has not been told can be cancelled")
    func cancelsUntold() throws {
        let world = try DialerWorld()
        let listener = try world.listen()
        world.dialer.dial(token: 1, host: "127.0.0.1", port: listener.port, timeout: .seconds(9))
        // Within the host it stands at once, and is told at the end of a turn.
        #expect(world.dialer.pendingCount == 0 && world.results.isEmpty)
        world.dialer.cancel(token: 1)
        world.loop.turn(waiting: false)
        world.dialer.dial(token: 2, host: "no such name", port: 80, timeout: .seconds(9))
        world.dialer.cancel(token: 2)
        world.loop.turn(waiting: false)
        #expect(world.results.isEmpty)
        #expect(try SocketTable.live(to: listener.port) == 0)
    }

    @Test("a dial from inside the telling is told in a later turn")
    func redialsFromInside() throws {
        let world = try DialerWorld()
        var told: [UInt64] = []
        world.dialer.onFinished = { [unowned world] token, _ in
            told.append(token)
            if token < 3 { world.dialer.dial(token: token + 1, host: "", port: 80, timeout: .seconds(1)) }
        }
        world.dialer.dial(token: 1, host: "", port: 80, timeout: .seconds(1))
        for expected in 1...3 {
            world.loop.turn(waiting: false)
            #expect(told.count == expected)
        }
    }

    @Test("source addresses take turns")
    func rotatesSources() throws {
        var options = Dialer.Options()
        options.sources = [.v4(0x7F00_0002), .v4(0x7F00_0003), .v6(high: 0, low: 1, scope: 0)]
        let world = try DialerWorld(options)
        let listener = try world.listen()
        for token in UInt64(1)...4 { _ = try world.dial("127.0.0.1", listener.port, token: token).get() }
        let peers = (1...4).compactMap { _ in world.acceptedPeer(listener)?.address }
        #expect(peers == [.v4(0x7F00_0002), .v4(0x7F00_0003), .v4(0x7F00_0002), .v4(0x7F00_0003)])
    }

    @Test("a source that is not this host's is passed over; where there is no other, that is the cause")
    func foreignSources() throws {
        var options = Dialer.Options()
        let foreign = Endpoint.Address.v4(0xC000_0209)
        options.sources = [foreign, .v4(0x7F00_0002)]
        let world = try DialerWorld(options)
        let listener = try world.listen()
        for token in UInt64(1)...2 { _ = try world.dial("127.0.0.1", listener.port, token: token).get() }
        options.sources = [foreign]
        world.dialer.reconfigure(options)
        #expect(world.dial("127.0.0.1", listener.port, token: 3) == .failure(.sourceUnavailable))
    }

    @Test("however dials and cancellations mix, each ends once and no socket is left", arguments: 1...5)
    func mixes(seed: UInt64) throws {
        var random = RandomSource(seed: seed)
        let server = try NameServerSocket()
        let world = try DialerWorld(servers: [server.address])
        server.answer(on: world.loop)
        let listener = try world.listen(backlog: 512)
        let hole = try world.blackHole()
        let ports = [listener.port, hole, try world.closedPort()]
        let before = try SocketTable.live(to: hole)
        let hosts = ["127.0.0.1", "localhost", "a.test", "b.test", "::1", "not a name"]
        var cancelled: Set<UInt64> = []
        for token in UInt64(1)...300 {
            let port = ports[random.below(ports.count)]
            let timeout = Interval.milliseconds(1 + random.below(60))
            world.dialer.dial(
                token: token,
                host: hosts[random.below(hosts.count)],
                port: port,
                timeout: timeout
            )
            if random.oneIn(3) {
                let victim = 1 + UInt64(random.below(Int(token)))
                if world.results[victim] == nil { cancelled.insert(victim) }
                world.dialer.cancel(token: victim)
            }
            if random.oneIn(2) { world.loop.turn(waiting: false) }
        }
        world.turn { world.results.count + cancelled.count == 300 }
        #expect(cancelled.isDisjoint(with: world.results.keys))
        #expect(world.dialer.pendingCount == 0)
        // The table is not read in one piece: while other tests open and close sockets a line may be missed.
        let isAsBefore = (0..<50).contains { _ in (try? SocketTable.live(to: hole)) == before }
        #expect(isAsBefore, "a socket is left")
        let successes = world.results.values.filter { (try? $0.get()) != nil }.count
        #expect(try SocketTable.live(to: listener.port) == successes)
        #expect(successes > 20)
    }
}

/// A UDP socket that stands for a name server: silent, unless it is told to answer every name with 127.0.0.1.
private final class NameServerSocket {
    private let descriptor: Int32
    private var watch: DescriptorWatch?
    let port: UInt16
    private(set) var questions = 0

    var address: String { "127.0.0.1:\(port)" }

    init() throws {
        let own = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        descriptor = own
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(own, $0, length) }
        }
        port = Sockets.localEndpoint(own)?.port ?? 0
        try #require(status == 0)
    }

    deinit {
        watch?.invalidate()
        Sockets.close(descriptor)
    }

    func answer(on loop: EventLoop) {
        watch = DescriptorWatch(loop: loop, descriptor: descriptor) { [unowned self] _, _ in answerOne() }
        watch?.setReading(true)
    }

    private func answerOne() {
        var query = [UInt8](repeating: 0, count: 1024)
        var from = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let count = withUnsafeMutablePointer(to: &from) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                recvfrom(descriptor, &query, query.count, 0, $0, &length)
            }
        }
        guard count > 12, let nameEnd = query[12...].firstIndex(of: 0) else { return }
        questions += 1
        let isFour = query[nameEnd + 2] == 1
        let flags: [UInt8] = [0x81, 0x80, 0, 1, 0, isFour ? 1 : 0, 0, 0, 0, 0]
        var reply = Array(query[..<2]) + flags + query[12..<(nameEnd + 5)]
        // A pointer to the question's name, type A, class IN, 60 seconds, four bytes.
        if isFour { reply += [0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1] }
        withUnsafePointer(to: &from) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(descriptor, reply, reply.count, 0, $0, length)
            }
        }
    }
}
