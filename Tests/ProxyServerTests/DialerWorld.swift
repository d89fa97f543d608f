import Basics
import Dialling
import Glibc
import ProxyServer
import Reactor
import Testing

/// A loop with a dialer, and what the dialer said.
final class DialerWorld {
    let loop: EventLoop
    let resolver: Resolver
    let dialer: Dialer
    private(set) var results: [UInt64: Result<DialedSocket, DialFailure>] = [:]
    private(set) var order: [UInt64] = []
    private var owned: [Int32] = []

    static let loopback4 = Endpoint.Address.v4(0x7F00_0001)
    static let loopback6 = Endpoint.Address.v6(high: 0, low: 1, scope: 0)

    init(_ options: Dialer.Options = Dialer.Options(), servers: [String] = ["127.0.0.1:9"]) throws {
        loop = try EventLoop()
        resolver = try Resolver(loop: loop, options: Resolver.Options(servers: servers))
        dialer = Dialer(loop: loop, resolver: resolver, options: options)
        dialer.onFinished = { [unowned self] token, result in
            if results.updateValue(result, forKey: token) != nil { Issue.record("told twice") }
            order.append(token)
            if case .success(let socket) = result { owned.append(socket.descriptor) }
        }
    }

    deinit {
        dialer.close()
        resolver.close()
        for descriptor in owned { Sockets.close(descriptor) }
    }

    /// Turns the loop until the condition holds; the timer keeps a lost event from hanging the test.
    func turn(until condition: () -> Bool) {
        var isOver = false
        let guardTimer = LoopTimer(loop: loop) { isOver = true }
        guardTimer.arm(at: loop.now + .seconds(20))
        while !condition() && !isOver { loop.turn() }
        if isOver { Issue.record("nothing happened for 20 seconds") }
    }

    /// Dials and waits for the end.
    func dial(
        _ host: String,
        _ port: UInt16,
        token: UInt64 = 1,
        timeout: Interval = .seconds(10)
    ) -> Result<DialedSocket, DialFailure> {
        dialer.dial(token: token, host: host, port: port, timeout: timeout)
        if results[token] != nil { Issue.record("told from inside dial") }
        turn { results[token] != nil }
        return results[token] ?? .failure(.other(errno: 0))
    }

    /// A listener that is closed with the world.
    func listen(_ address: Endpoint.Address = loopback4, port: UInt16 = 0, backlog: Int32 = 64) throws
        -> Listening
    {
        let descriptor = try Sockets.listen(on: Endpoint(address: address, port: port), backlog: backlog)
        owned.append(descriptor)
        return Listening(descriptor: descriptor, port: try #require(Sockets.localEndpoint(descriptor)).port)
    }

    struct Listening {
        var descriptor: Int32
        var port: UInt16
    }

    /// A listener whose backlog is full: the kernel drops every further SYN, as a black hole would.
    func blackHole(_ address: Endpoint.Address = loopback4, port: UInt16 = 0) throws -> UInt16 {
        let full = try listen(address, port: port, backlog: 0)
        let endpoint = Endpoint(address: address, port: full.port)
        owned.append(try Sockets.openStream(to: endpoint).get())
        return full.port
    }

    /// A port on which nobody listens, on either family.
    func closedPort() throws -> UInt16 {
        let descriptor = try Sockets.listen(on: Endpoint(address: Self.loopback4, port: 0), backlog: 1)
        defer { Sockets.close(descriptor) }
        return try #require(Sockets.localEndpoint(descriptor)).port
    }

    /// Where the next waiting connection of a listener comes from.
    func acceptedPeer(_ listener: Listening) -> Endpoint? {
        guard case .accepted(let descriptor, let peer) = Sockets.accept(listener.descriptor) else {
            return nil
        }
        owned.append(descriptor)
        return peer.endpoint
    }
}

/// The kernel's own list of sockets: other tests run beside this one, so a count of this process'
/// descriptors would tell nothing.
enum SocketTable {
    /// Sockets of the given states (as in `/proc/net/tcp`) that lead to this port.
    static func count(to port: UInt16, states: Set<String>) throws -> Int {
        var count = 0
        for path in ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"] {
            for line in try lines(of: path).dropFirst() {
                let fields = line.split(separator: " ")
                guard fields.count > 3, let remotePort = fields[2].split(separator: ":").last else {
                    continue
                }
                if UInt16(remotePort, radix: 16) == port && states.contains(String(fields[3])) { count += 1 }
            }
        }
        return count
    }

    /// Those that are connecting or connected.
    static func live(to port: UInt16) throws -> Int { try count(to: port, states: ["01", "02"]) }

    private static func lines(of path: String) throws -> [Substring] {
        let file = try #require(fopen(path, "r"))
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&block, 1, block.count, file)
            if count == 0 { break }
            bytes += block[..<count]
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }
}
