import Basics
import ClientPolicy
import HTTPWire
import ProxyCore
import Testing

@Suite("Interception: HTTP")
struct InterceptionTests {
    private let v6 = OriginalDestination(host: "2001:db8::7", port: 80)

    private func exchange(
        _ shell: EngineHarness,
        _ text: String,
        to destination: OriginalDestination = OriginalDestination(host: "192.0.2.7", port: 8080)
    ) throws -> (client: HarnessPeer, origin: HarnessPeer) {
        let client = try shell.interceptedClient(text, to: destination)
        return (client, try shell.dialled(at: shell.dials.count - 1))
    }

    private func count(_ shell: EngineHarness, _ kind: InterceptedKind) -> Int {
        shell.statistics.intercepted[Int(kind.rawValue)]
    }

    @Test("a request goes to the address that the client dialled, in the form in which it came")
    func dialled() throws {
        try withProxy { shell in
            let (client, origin) = try exchange(
                shell,
                message("GET /a?b HTTP/1.1", "Host: liar.test", "X: y")
            )
            #expect(shell.destinations == ["192.0.2.7:8080 intercepted"])
            let head = message("GET /a?b HTTP/1.1", "Host: liar.test", "X: y", "Via: 1.1 weir")
            #expect(origin.take() == head)
            shell.send(origin, ok("hello"))
            #expect(client.take() == okAtClient("hello"))
            #expect(count(shell, .http) == 1 && shell.parkedClients == 1 && shell.idleUpstreams == 1)
            #expect(shell.lastNote?.text == "GET http://liar.test/a?b")
        }
    }

    @Test("connections are shared by requests of one Host at one address, and by no others")
    func pooled() throws {
        try withProxy { shell in
            let text = message("GET / HTTP/1.1", "Host: a.test")
            let (_, origin) = try exchange(shell, text)
            shell.send(origin, ok())
            _ = origin.take()
            let again = try shell.interceptedClient(message("GET / HTTP/1.1", "Host: A.test"))
            #expect(shell.dials.isEmpty && origin.take().contains("Host: A.test\r\n"))
            shell.send(origin, ok())
            #expect(again.take() == okAtClient())
            for (host, destination) in [
                ("b.test", OriginalDestination(host: "192.0.2.7", port: 8080)),
                ("a.test", OriginalDestination(host: "192.0.2.8", port: 8080)),
                ("a.test", OriginalDestination(host: "192.0.2.7", port: 8081)),
            ] {
                let pair = try exchange(shell, message("GET / HTTP/1.1", "Host: \(host)"), to: destination)
                shell.send(pair.origin, ok())
            }
            // One that knows of the proxy and names the address, neither.
            let (_, plain) = try shell.exchange(
                message("GET http://192.0.2.7:8080/ HTTP/1.1", "Host: 192.0.2.7:8080")
            )
            shell.send(plain, ok())
            #expect(shell.idleUpstreams == 5)
        }
    }

    @Test("without a Host, which HTTP/1.0 need not have, the origin is told the address")
    func withoutHost() throws {
        try withProxy { shell in
            let (client, origin) = try exchange(shell, message("GET / HTTP/1.0"))
            #expect(origin.take() == message("GET / HTTP/1.1", "Host: 192.0.2.7:8080", "Via: 1.0 weir"))
            shell.send(origin, ok())
            #expect(client.take().contains("Connection: close\r\n"))
            let (_, six) = try exchange(shell, message("GET / HTTP/1.0"), to: v6)
            #expect(six.take().contains("Host: [2001:db8::7]\r\n"))
            let bad = try shell.interceptedClient(message("GET / HTTP/1.1"))
            #expect(bad.take().hasPrefix("HTTP/1.1 400 "), "HTTP/1.1 must have one")
        }
    }

    @Test("an empty Host is passed on as it is")
    func emptyHost() throws {
        try withProxy { shell in
            let (_, origin) = try exchange(shell, message("GET / HTTP/1.1", "Host:"))
            #expect(origin.take().hasPrefix("GET / HTTP/1.1\r\nHost: \r\n"))
        }
    }

    @Test("an absolute target is for another proxy: it stays so, with its own Host, and leads nowhere else")
    func absolute() throws {
        try withProxy { shell in
            let text = message(
                "GET http://b.test/x HTTP/1.1",
                "Host: a.test",
                "Proxy-Authorization: Basic eA==",
                "Proxy-Connection: close"
            )
            let (client, origin) = try exchange(shell, text)
            #expect(shell.destinations == ["192.0.2.7:8080 intercepted"])
            #expect(
                origin.take()
                    == message(
                        "GET http://b.test/x HTTP/1.1",
                        "Host: b.test",
                        "Proxy-Authorization: Basic eA==",
                        "Via: 1.1 weir"
                    )
            )
            shell.send(
                origin,
                message("HTTP/1.1 407 No", "Proxy-Authenticate: Basic realm=x", "Content-Length: 0")
            )
            let answer = client.take()
            #expect(answer.contains("Proxy-Authenticate: Basic realm=x\r\n"))
            #expect(answer.contains("Connection: keep-alive\r\n"), "Proxy-Connection is not for weir")
        }
    }

    @Test("what is said to a proxy stays with weir where the client speaks to weir")
    func proxyAuthorizationOfAProxyClient() throws {
        try withProxy { shell in
            let text = message(
                "GET http://origin.test/ HTTP/1.1",
                "Host: origin.test",
                "Proxy-Authorization: Basic eA=="
            )
            let (_, origin) = try shell.exchange(text)
            #expect(!origin.take().contains("Proxy-Authorization"))
        }
    }

    @Test("OPTIONS * is asked of the origin, and of weir only when it may go no further")
    func asterisk() throws {
        try withProxy { shell in
            let (_, origin) = try exchange(shell, message("OPTIONS * HTTP/1.1", "Host: a.test"))
            #expect(origin.take().hasPrefix("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n"))
            let last = try shell.interceptedClient(
                message("OPTIONS * HTTP/1.1", "Host: a.test", "Max-Forwards: 0")
            )
            #expect(last.take().hasPrefix("HTTP/1.1 200 OK\r\n"))
            let trace = try shell.interceptedClient(
                message("TRACE / HTTP/1.1", "Host: a.test", "Max-Forwards: 0")
            )
            #expect(trace.take().contains("message/http"))
        }
    }

    @Test("a request that has been here before is refused")
    func loop() throws {
        try withProxy { shell in
            let client = try shell.interceptedClient(
                message("GET / HTTP/1.1", "Host: a.test", "Via: 1.1 weir")
            )
            #expect(client.take().hasPrefix("HTTP/1.1 508 "))
        }
    }

    @Test("a dial that fails is answered, with the address that was dialled and not the Host")
    func dialFailure() throws {
        try withProxy { shell in
            let client = try shell.interceptedClient(message("GET / HTTP/1.1", "Host: liar.test"))
            try shell.dialFails(.connectRefused)
            let answer = client.take()
            #expect(answer.hasPrefix("HTTP/1.1 502 "))
            #expect(answer.contains("next-hop=\"192.0.2.7:8080\"") && !answer.contains("liar"))
            #expect(shell.parkedClients == 1)
        }
    }

    @Test("a request line in pieces is waited for, and then as for any client")
    func pieces() throws {
        let text = message("GET / HTTP/1.1", "Host: a.test")
        for split in 1..<text.utf8.count {
            try withProxy { shell in
                let client = try shell.interceptedClient(String(text.prefix(split)))
                shell.advance(.milliseconds(49))
                shell.send(client, String(text.dropFirst(split)))
                let origin = try shell.dialled()
                #expect(origin.take() == message("GET / HTTP/1.1", "Host: a.test", "Via: 1.1 weir"))
                #expect(count(shell, .http) == 1)
            }
        }
    }

    @Test(
        "a request line that stays unfinished for 50 ms is HTTP if it begins like it, and then has its time"
    )
    func slow() throws {
        try withProxy { shell in
            let client = try shell.interceptedClient("GET /a")
            shell.advance(.seconds(1))
            #expect(count(shell, .http) == 1 && client.isOpen)
            shell.send(client, "b HTTP/1.1\r\nHost: a.test\r\n\r\n")
            let origin = try shell.dialled()
            #expect(origin.take().hasPrefix("GET /ab HTTP/1.1\r\n"))
            let late = try shell.interceptedClient("POST /")
            shell.advance(.seconds(11))
            #expect(late.take().hasPrefix("HTTP/1.1 408 "))
        }
    }

    @Test("one that leaves in the middle of its first request line is let go")
    func leaves() throws {
        try withProxy { shell in
            let client = try shell.interceptedClient("GET /a")
            shell.finish(client)
            #expect(client.closed == .normal && shell.dials.isEmpty)
            let other = try shell.interceptedClient("GET /a")
            shell.fail(other)
            #expect(other.closed == .reset)
        }
    }

    @Test("an upgrade becomes a tunnel as for any client")
    func upgrade() throws {
        try withProxy { shell in
            let text = message(
                "GET /ws HTTP/1.1",
                "Host: a.test",
                "Connection: Upgrade",
                "Upgrade: websocket"
            )
            let (client, origin) = try exchange(shell, text)
            #expect(origin.take().contains("Upgrade: websocket\r\n"))
            shell.send(
                origin,
                message("HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket")
            )
            #expect(client.take().hasPrefix("HTTP/1.1 101 ") && shell.openTunnels == 1)
            shell.send(client, "frame")
            shell.send(origin, "answer")
            #expect(origin.take() == "frame" && client.take() == "answer")
            let reports = shell.engine.destinations.reports().map(\.name)
            #expect(reports == ["192.0.2.7:8080"])
        }
    }

    @Test("CONNECT behind a request is for another proxy, and becomes a tunnel to it")
    func connectBehindRequest() throws {
        try withProxy { shell in
            let (client, origin) = try exchange(shell, message("GET http://b.test/ HTTP/1.1", "Host: b.test"))
            shell.send(origin, ok())
            _ = client.take()
            shell.send(client, connectRequest() + "early")
            #expect(shell.destinations.last == "192.0.2.7:8080 tunnel")
            let proxy = try shell.dialled()
            #expect(proxy.take() == connectRequest() + "early")
            shell.send(proxy, "HTTP/1.1 200 OK\r\n\r\n")
            #expect(client.take() == "HTTP/1.1 200 OK\r\n\r\n")
            #expect(shell.openTunnels == 1)
        }
    }

    @Test("a leaking app is found and cured as on the ordinary listener")
    func leak() throws {
        try withLeak { scene in
            var last: HarnessPeer?
            for _ in 0..<40 {
                let client = try scene.shell.interceptedClient(message("GET / HTTP/1.1", "Host: a.test"))
                if let origin = scene.shell.lastReceiver, scene.shell.dials.isEmpty {
                    scene.shell.send(origin, ok())
                } else {
                    scene.shell.send(try scene.shell.dialled(), ok())
                }
                scene.shell.advance(.milliseconds(100))
                last = client
            }
            #expect(scene.ownerVerdicts == [.leaking])
            #expect(last?.take().contains("Connection: close\r\n") == true)
        }
    }
}
