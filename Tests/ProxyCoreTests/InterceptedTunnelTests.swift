import Basics
import ClientPolicy
import HTTPWire
import ProxyCore
import Testing
import UpstreamPool

@Suite("Interception: tunnels")
struct InterceptedTunnelTests {
    private static let address = OriginalDestination(host: "192.0.2.7", port: 443)

    /// A ClientHello with the server name `a.example`: what counts is where it is cut, so it is text here.
    private static let hello: String = {
        let name = "\0\0\0\u{e}\0\u{c}\0\0\u{9}a.example"
        let body =
            "\u{3}\u{3}" + String(repeating: "r", count: 32) + "\0\0\u{2}\u{13}\u{1}\u{1}\0\0\u{12}" + name
        return "\u{16}\u{3}\u{1}\0\u{41}\u{1}\0\0\u{3d}" + body
    }()

    private func count(_ shell: EngineHarness, _ kind: InterceptedKind) -> Int {
        shell.statistics.intercepted[Int(kind.rawValue)]
    }

    private func names(_ shell: EngineHarness) -> [String] {
        shell.engine.destinations.reports().map(\.name)
    }

    private func open(_ shell: EngineHarness, _ text: String = "") throws -> HarnessPeer {
        try shell.interceptedClient(text, to: InterceptedTunnelTests.address)
    }

    @Test("TLS goes to the address dialled, whole and first, and is named by its server name")
    func tls() throws {
        try withProxy { shell in
            let client = try open(shell, InterceptedTunnelTests.hello)
            #expect(shell.destinations == ["192.0.2.7:443 tunnel"] && shell.openTunnels == 1)
            let origin = try shell.dialled()
            #expect(origin.take() == InterceptedTunnelTests.hello && client.take().isEmpty)
            #expect(names(shell) == ["a.example:443"] && count(shell, .tls) == 1)
            shell.send(origin, "hello too")
            shell.send(client, "finished")
            #expect(client.take() == "hello too" && origin.take() == "finished")
            shell.finish(client)
            shell.finish(origin)
            #expect(client.closed == .normal && origin.closed == .normal)
            #expect(shell.lastNote?.text == "TLS a.example:443")
            #expect(shell.lastNote?.record.bytesUp == UInt64(InterceptedTunnelTests.hello.utf8.count + 8))
        }
    }

    @Test("wherever a hello is split, it arrives whole and its name is read")
    func tlsInPieces() throws {
        let hello = InterceptedTunnelTests.hello
        for split in 1..<hello.utf8.count {
            try withProxy { shell in
                let client = try open(shell, String(hello.prefix(split)))
                shell.send(client, String(hello.dropFirst(split)))
                let origin = try shell.dialled()
                #expect(origin.take() == hello)
                #expect(names(shell) == ["a.example:443"])
            }
        }
    }

    @Test("a hello that stays unfinished for 50 ms is passed on as far as it came, under its address")
    func tlsTooLate() throws {
        let hello = InterceptedTunnelTests.hello
        for split in [6, 40, hello.utf8.count - 1] {
            try withProxy { shell in
                let client = try open(shell, String(hello.prefix(split)))
                shell.advance(.milliseconds(50))
                let origin = try shell.dialled()
                #expect(origin.take() == String(hello.prefix(split)) && count(shell, .tls) == 1)
                shell.send(client, String(hello.dropFirst(split)))
                #expect(origin.take() == String(hello.dropFirst(split)))
                #expect(names(shell) == ["192.0.2.7:443"])
            }
        }
    }

    @Test("HTTP/2 with prior knowledge and CONNECT to another proxy pass untouched")
    func untouched() throws {
        for (text, kind) in [
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}", InterceptedKind.http2), (connectRequest(), .raw),
            ("SSH-2.0-x\r\n", .raw), ("OPTIONS rtsp://a/ RTSP/1.0\r\n\r\n", .raw),
        ] {
            try withProxy { shell in
                let client = try open(shell, text)
                let origin = try shell.dialled()
                #expect(origin.take() == text && count(shell, kind) == 1)
                shell.send(origin, "answer")
                #expect(client.take() == "answer")
                #expect(names(shell) == ["192.0.2.7:443"])
            }
        }
    }

    @Test("who says nothing for 50 ms lets the origin speak first")
    func serverFirst() throws {
        try withProxy { shell in
            let client = try open(shell)
            shell.advance(.milliseconds(49))
            #expect(shell.dials.isEmpty)
            shell.advance(.milliseconds(1))
            let origin = try shell.dialled()
            shell.send(origin, "220 ready\r\n")
            #expect(client.take() == "220 ready\r\n" && count(shell, .raw) == 1)
            shell.send(client, "EHLO a\r\n")
            #expect(origin.take() == "EHLO a\r\n")
        }
    }

    @Test("undecided bytes are passed on when time is up, in order with those that follow")
    func undecided() throws {
        try withProxy { shell in
            let client = try open(shell, "hel")
            shell.advance(.milliseconds(30))
            shell.send(client, "lo")
            shell.advance(.milliseconds(19))
            #expect(shell.dials.isEmpty, "the clock is that of the first byte")
            shell.advance(.milliseconds(1))
            shell.send(client, " world")
            #expect(client.isPaused)
            let origin = try shell.dialled()
            #expect(origin.take() == "hello world")
        }
    }

    @Test("bytes and the FIN behind them arrive in that order, whenever the FIN comes")
    func finBehindBytes() throws {
        for text in ["undecided", "*1\r\n", InterceptedTunnelTests.hello, "\u{16}\u{3}"] {
            try withProxy { shell in
                let client = try open(shell, text)
                shell.finish(client)
                let origin = try shell.dialled()
                #expect(origin.take() == text && origin.hasSeenFIN && !client.hasSeenFIN)
                shell.send(origin, "reply")
                #expect(client.take() == "reply" && client.isOpen)
                shell.finish(origin)
                #expect(client.closed == .normal && origin.closed == .normal)
            }
        }
    }

    @Test("who finishes without a word still hears what the origin has to say")
    func silentFIN() throws {
        try withProxy { shell in
            let client = try open(shell)
            shell.finish(client)
            let origin = try shell.dialled()
            #expect(origin.hasSeenFIN)
            shell.send(origin, "the time is now")
            shell.finish(origin)
            #expect(client.take() == "the time is now" && client.closed == .normal)
        }
    }

    @Test("a reset on either side is one on the other")
    func resets() throws {
        for fromClient in [true, false] {
            try withProxy { shell in
                let client = try open(shell, "*1\r\n")
                let origin = try shell.dialled()
                shell.fail(fromClient ? client : origin)
                #expect(client.closed == .reset && origin.closed == .reset)
            }
        }
        try withProxy { shell in
            let client = try open(shell, "*1\r\n")
            shell.fail(client)
            #expect(client.closed == .reset)
        }
    }

    @Test("a dial that fails is a reset before the first byte")
    func dialFails() throws {
        for text in ["", "*1\r\n", InterceptedTunnelTests.hello] {
            try withProxy { shell in
                let client = try open(shell, text)
                shell.advance(.milliseconds(50))
                try shell.dialFails(.connectRefused)
                #expect(client.take().isEmpty && client.closed == .reset && shell.openTunnels == 0)
                #expect(shell.outcomes(.connectRefused) == 1)
            }
        }
    }

    @Test("so is the bound of tunnels, and a full queue")
    func bounds() throws {
        try withProxy({ $0.maxTunnels = 1 }) { shell in
            _ = try open(shell, "*1\r\n")
            for text in ["*1\r\n", InterceptedTunnelTests.hello] {
                let refused = try open(shell, text)
                #expect(refused.closed == .reset)
            }
            let late = try open(shell, "undecided")
            shell.advance(.milliseconds(50))
            #expect(late.closed == .reset && shell.outcomes(.tooManyTunnels) == 3)
        }
        try withProxy({
            $0.pool.maxPerDestination = 1
            $0.pool.maxQueue = 1
        }) { shell in
            _ = try open(shell, "*1\r\n")
            _ = try shell.dialled()
            _ = try open(shell, "*2\r\n")
            let refused = try open(shell, "*3\r\n")
            #expect(refused.closed == .reset)
            #expect(shell.outcomes(.queueFull) == 1)
        }
    }

    @Test("CONNECT's ports do not bind who asks for no tunnel")
    func allowedPorts() throws {
        try withProxy({ $0.allowedTunnelPorts = [1] }) { shell in
            _ = try open(shell, "*1\r\n")
            let origin = try shell.dialled()
            #expect(origin.take() == "*1\r\n")
        }
    }

    @Test("backpressure holds behind the first bytes too")
    func backpressure() throws {
        try withProxy { shell in
            let client = try open(shell, "*1\r\n")
            let origin = try shell.dialled()
            shell.stall(origin)
            shell.send(client, "more")
            shell.send(client, "and more")
            #expect(client.isPaused)
            shell.drainPending(origin)
            #expect(origin.take() == "*1\r\nmoreand more")
        }
    }

    // MARK: Quiet ones

    /// Connections of a pool: each has been opened, greeted and used for one question.
    private func pool(_ shell: EngineHarness, _ count: Int, pause: Interval) throws -> [HarnessPeer] {
        try (0..<count).map { _ in
            let client = try open(shell)
            shell.advance(.milliseconds(50))
            let origin = try shell.dialled()
            shell.send(origin, "greeting")
            shell.send(client, "question")
            shell.send(origin, "answer")
            shell.advance(pause)
            return client
        }
    }

    @Test("a pool of connections to a database may lie quiet for two hours")
    func quietPool() throws {
        try withProxy { shell in
            shell.unread = 0
            let clients = try pool(shell, 20, pause: .milliseconds(1))
            shell.advance(.seconds(7190))
            #expect(clients.allSatisfy { $0.isOpen })
            shell.advance(.seconds(20))
            #expect(!clients.contains { $0.isOpen } && shell.outcomes(.tunnelQuiet) == 20)
        }
    }

    @Test("of one that leaks those beyond the budget go when they have been quiet for a minute, never sooner")
    func leakingPool() throws {
        try withProxy { shell in
            shell.unread = 0
            let clients = try pool(shell, 40, pause: .milliseconds(100))
            #expect(shell.statistics.leaksFound == 1)
            shell.advance(.seconds(40))
            #expect(clients.allSatisfy { $0.isOpen })
            shell.advance(.seconds(60))
            #expect(clients.filter(\.isOpen).count == 8)
        }
    }

    @Test("TLS is as any tunnel: one exchange and then quiet is a leak under the verdict")
    func leakingTLS() throws {
        try withProxy { shell in
            shell.unread = 0
            for _ in 0..<40 {
                let client = try open(shell, InterceptedTunnelTests.hello)
                let origin = try shell.dialled()
                for _ in 0..<2 {
                    shell.send(origin, "answer")
                    shell.send(client, "question")
                }
                shell.send(origin, "answer")
                shell.advance(.milliseconds(100))
            }
            shell.advance(.seconds(4))
            #expect(shell.statistics.leaksFound == 1 && shell.openTunnels == 0)
            #expect(names(shell) == ["a.example:443"])
        }
    }

    @Test("a reload brings the quiet of raw ones to an end as well")
    func reload() throws {
        try withProxy { shell in
            let client = try open(shell, "*1\r\n")
            let origin = try shell.dialled()
            shell.send(origin, "+OK\r\n")
            shell.advance(.seconds(100))
            shell.reconfigure { $0.rawIdleTimeout = .seconds(50) }
            shell.advance(.seconds(51))
            #expect(!client.isOpen || client.hasSeenFIN)
        }
    }
}
