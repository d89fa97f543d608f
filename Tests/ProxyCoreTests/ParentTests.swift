import Access
import Basics
import ClientPolicy
import HTTPWire
import Testing
import UpstreamPool

@testable import ProxyCore

@Suite("Parent proxy")
struct ParentTests {
    private static let basic = "Basic YTpi"

    /// An engine with a parent that knows who weir is, and goes to direct.test by itself.
    private static func withParent(
        _ authorization: String = basic,
        _ change: (inout EngineConfiguration) -> Void = { _ in },
        at location: SourceLocation = #_sourceLocation,
        _ body: (EngineHarness) throws -> Void
    ) throws {
        let exempt = DestinationList([DestinationPattern(.name("direct.test", itself: true))])
        let parent = ParentProxy(
            host: "parent.test",
            port: 3128,
            authorization: authorization,
            exempt: exempt
        )
        try withProxy(
            {
                $0.parent = parent
                change(&$0)
            },
            at: location,
            body
        )
    }

    private static func connectHead(_ authority: String, via: String = "1.1 weir") -> String {
        message(
            "CONNECT \(authority) HTTP/1.1",
            "Host: \(authority)",
            "Proxy-Authorization: \(basic)",
            "Via: \(via)"
        )
    }

    private static let opened = "HTTP/1.1 200 OK\r\n\r\n"

    // MARK: Plain requests

    @Test("a plain request goes to the parent in absolute-form, with weir's credentials and not the client's")
    func absoluteForm() throws {
        try ParentTests.withParent { shell in
            let client = try shell.client(
                message(
                    "GET ws://Origin.test:81?x HTTP/1.1",
                    "Host: y",
                    "Proxy-Authorization: Basic eDp5",
                    "A: b"
                )
            )
            #expect(shell.destinations == ["parent.test:3128 parent"])
            let parent = try shell.dialled()
            let head = message(
                "GET http://Origin.test:81/?x HTTP/1.1",
                "Host: Origin.test:81",
                "A: b",
                "Via: 1.1 weir",
                "Proxy-Authorization: \(ParentTests.basic)"
            )
            #expect(parent.take() == head)
            shell.send(parent, ok("content"))
            #expect(client.take() == okAtClient("content"))
        }
    }

    @Test("connections to the parent serve every origin, one after the other, but not what is exempt")
    func sharedPool() throws {
        try ParentTests.withParent { shell in
            let client = try shell.client(get("http://a.test/"))
            let parent = try shell.dialled()
            shell.send(parent, ok())
            shell.send(client, get("http://b.test:8080/"))
            #expect(parent.take().contains("GET http://b.test:8080/ HTTP/1.1\r\n"))
            shell.send(parent, ok())
            shell.send(client, get("http://sub.direct.test/"))
            #expect(shell.destinations == ["parent.test:3128 parent", "sub.direct.test:80 http"])
            let origin = try shell.dialled()
            let head = message("GET / HTTP/1.1", "Host: sub.direct.test", "Via: 1.1 weir")
            #expect(origin.take() == head)
        }
    }

    @Test("a request that waits or is tried again takes no credentials to where they do not belong")
    func credentialsStay() throws {
        try ParentTests.withParent { shell in
            let client = try shell.client(get("http://a.test/"))
            shell.reconfigure {
                $0.parent = ParentProxy(host: "other.test", port: 1, authorization: "Basic eDp5")
            }
            let parent = try shell.dialled()
            #expect(!parent.take().contains("Proxy-Authorization"), "neither the former nor another's")
            shell.send(parent, ok())
            shell.send(client, get("http://a.test/"))
            let other = try shell.dialled()
            #expect(other.take().contains("\r\nProxy-Authorization: Basic eDp5\r\n\r\n"))
            shell.send(other, ok())
            shell.send(client, get("http://a.test/"))
            shell.reconfigure { $0.parent = nil }
            shell.finish(other)
            let head = message("GET http://a.test/ HTTP/1.1", "Host: a.test", "Via: 1.1 weir")
            #expect(try shell.dialled().take() == head)
            #expect(shell.destinations.last == "a.test:80 http")
        }
    }

    @Test("OPTIONS without a path stays without one")
    func options() throws {
        try ParentTests.withParent("") { shell in
            _ = try shell.client(message("OPTIONS http://a.test HTTP/1.1", "Host: a.test"))
            #expect(
                try shell.dialled().take().hasPrefix("OPTIONS http://a.test HTTP/1.1\r\nHost: a.test\r\nVia")
            )
        }
    }

    @Test("a reused connection to the parent that is dead costs a second try, as one to an origin")
    func retry() throws {
        try ParentTests.withParent { shell in
            let client = try shell.client(get("http://a.test/"))
            let parent = try shell.dialled()
            shell.send(parent, ok())
            shell.send(client, get("http://b.test/"))
            shell.finish(parent)
            let second = try shell.dialled()
            #expect(second.take().hasPrefix("GET http://b.test/ HTTP/1.1\r\n"))
            #expect(shell.destinations.last == "parent.test:3128 parent" && shell.statistics.retries == 1)
        }
    }

    @Test("a parent that does not accept weir's credentials is weir's fault, and not asked of the client")
    func unauthorized() throws {
        try ParentTests.withParent { shell in
            let client = try shell.client(get("http://a.test/"))
            let refusal = message(
                "HTTP/1.1 407 Proxy Authentication Required",
                "Proxy-Authenticate: Basic realm=x",
                "Content-Length: 0"
            )
            shell.send(try shell.dialled(), refusal)
            let text = client.take()
            #expect(text.hasPrefix("HTTP/1.1 502 Bad Gateway\r\n") && !text.contains("Proxy-Authenticate"))
            let status =
                "\r\nProxy-Status: weir; error=proxy_configuration_error; next-hop=\"parent.test:3128\"; received-status=407\r\n"
            #expect(text.contains(status))
            shell.send(client, connectRequest())
            shell.send(try shell.dialled(), refusal)
            #expect(client.take().contains(status) && shell.outcomes(.parentUnauthorized) == 2)
        }
    }

    // MARK: Tunnels

    @Test("CONNECT is passed on, and the tunnel stands when the parent says so")
    func tunnel() throws {
        try ParentTests.withParent { shell in
            let client = try shell.client(connectRequest("tunnel.test:443"))
            #expect(shell.destinations == ["parent.test:3128 tunnel"])
            let parent = try shell.dialled()
            #expect(parent.take() == ParentTests.connectHead("tunnel.test:443"))
            #expect(client.take().isEmpty)
            shell.send(parent, "HTTP/1.1 100 Continue\r\n\r\n" + ParentTests.opened + "server first", in: 7)
            #expect(client.take() == "HTTP/1.1 200 Connection established\r\n\r\nserver first")
            shell.send(client, "hello")
            #expect(parent.take() == "hello" && shell.openTunnels == 1)
            shell.finish(parent)
            shell.finish(client)
            #expect(parent.closed == .normal && shell.openTunnels == 0)
        }
    }

    @Test("an IPv6 literal stands in brackets")
    func literal() throws {
        try ParentTests.withParent("") { shell in
            _ = try shell.client(connectRequest("[2001:db8::1]:443"))
            #expect(
                try shell.dialled().take().hasPrefix(
                    "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\nVia"
                )
            )
        }
    }

    @Test(
        "a refusal is passed on with its status, where that means something to the client",
        arguments: [
            (403, 403, "http_request_denied"), (404, 404, "http_request_denied"),
            (503, 503, "destination_unavailable"),
            (504, 504, "connection_timeout"), (502, 502, "destination_unavailable"),
            (302, 502, "destination_unavailable"),
            (401, 502, "destination_unavailable"), (600, 502, "destination_unavailable"),
        ]
    )
    func refusal(received: Int, told: Int, error: String) throws {
        try ParentTests.withParent { shell in
            let client = try shell.client(connectRequest())
            let parent = try shell.dialled()
            shell.send(parent, message("HTTP/1.1 \(received) No", "Content-Length: 4", content: "body"))
            let text = client.take()
            #expect(text.hasPrefix("HTTP/1.1 \(told) "), "\(text)")
            #expect(
                text.contains(
                    "error=\(error); next-hop=\"parent.test:3128\"; received-status=\(received)\r\n"
                )
            )
            #expect(
                text.contains("refused the tunnel with \(received): tunnel.test:443 through parent.test:3128")
            )
            #expect(!text.contains("body") && parent.closed == .reset && shell.outcomes(.parentRefused) == 1)
        }
    }

    @Test("the time for the dial is the time for the parent's answer too")
    func silence() throws {
        try ParentTests.withParent { shell in
            let client = try shell.client(connectRequest())
            shell.advance(.seconds(20))
            let parent = try shell.dialled()
            shell.send(parent, "HTTP/1.1 200")
            shell.advance(.milliseconds(9999))
            #expect(client.take().isEmpty)
            shell.advance(.milliseconds(1))
            #expect(client.take().contains("error=connection_timeout; next-hop=\"parent.test:3128\"\r\n"))
            #expect(parent.closed == .reset && shell.cancelledDials == 0)
        }
    }

    @Test(
        "a parent that leaves, breaks or babbles",
        arguments: ["", "finish", "SSH-2.0-OpenSSH\r\n\r\n", "101"]
    )
    func broken(what: String) throws {
        try ParentTests.withParent { shell in
            let client = try shell.client(connectRequest())
            let parent = try shell.dialled()
            switch what {
            case "": shell.fail(parent)
            case "finish": shell.finish(parent)
            case "101": shell.send(parent, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\n\r\n")
            default: shell.send(parent, what)
            }
            #expect(client.take().hasPrefix("HTTP/1.1 502 ") && parent.closed == .reset)
            #expect(
                shell.outcomes(.upstreamGone) + shell.outcomes(.badResponse) == 1 && shell.openTunnels == 0
            )
        }
    }

    @Test("a client that leaves while the parent thinks is forgotten with its tunnel")
    func abandoned() throws {
        try ParentTests.withParent { shell in
            let client = try shell.client(connectRequest())
            let parent = try shell.dialled()
            shell.fail(client)
            #expect(shell.openTunnels == 0 && parent.isOpen)
            shell.send(parent, ParentTests.opened)
            #expect(parent.closed == .reset)
        }
    }

    @Test("a full window towards the parent does not take the dial's deadline away")
    func stalled() throws {
        try ParentTests.withParent { shell in
            let client = try shell.client(connectRequest())
            let id = try #require(shell.dials.first)
            let parent = try shell.dialled()
            shell.event { $0.engine.stalled(.upstream(id), now: $0.now) }
            shell.event { $0.engine.drained(.upstream(id), now: $0.now) }
            shell.advance(.seconds(30))
            #expect(client.take().hasPrefix("HTTP/1.1 504 ") && parent.closed == .reset)
        }
    }

    @Test("a CONNECT that comes back by way of the parent is known by Via, which is passed on")
    func loop() throws {
        try ParentTests.withParent { shell in
            _ = try shell.client(connectRequest())
            _ = try shell.client(
                message(
                    "CONNECT tunnel.test:443 HTTP/1.1",
                    "Host: x",
                    "Via: 1.1 one, 1.0 two",
                    "Via: 1.1 three"
                )
            )
            #expect(shell.dials.count == 2)
            for _ in 0..<2 {
                let head = ParentTests.connectHead(
                    "tunnel.test:443",
                    via: "1.1 one, 1.0 two, 1.1 three, 1.1 weir"
                )
                #expect(try shell.dialled().take() == head)
            }
            let client = try shell.client(
                message("CONNECT tunnel.test:443 HTTP/1.1", "Host: x", "Via: 1.1 weir")
            )
            #expect(client.take().hasPrefix("HTTP/1.1 508 "))
        }
    }

    // MARK: Intercepted

    @Test("an intercepted request goes by CONNECT to the address dialled, and its connection is reused")
    func intercepted() throws {
        try ParentTests.withParent { shell in
            let request = "GET /a HTTP/1.1\r\nHost: name.test\r\n\r\n"
            let client = try shell.interceptedClient(request)
            let parent = try shell.dialled()
            #expect(parent.take() == ParentTests.connectHead("192.0.2.7:8080"))
            shell.send(parent, ParentTests.opened)
            let head = message("GET /a HTTP/1.1", "Host: name.test", "Via: 1.1 weir")
            #expect(parent.take() == head)
            shell.send(parent, message("HTTP/1.1 407 Odd", "Content-Length: 0"))
            #expect(client.take().hasPrefix("HTTP/1.1 407 "), "the origin's own")
            shell.send(client, request)
            #expect(parent.take() == head && shell.dials.isEmpty)
        }
    }

    @Test("an intercepted tunnel, too, and a refusal resets it")
    func interceptedTunnel() throws {
        try ParentTests.withParent { shell in
            let client = try shell.interceptedClient("*1\r\n$4\r\nPING\r\n")
            let parent = try shell.dialled()
            #expect(parent.take() == ParentTests.connectHead("192.0.2.7:8080"))
            shell.send(parent, ParentTests.opened)
            #expect(parent.take() == "*1\r\n$4\r\nPING\r\n")
            shell.send(parent, "+PONG\r\n")
            #expect(client.take() == "+PONG\r\n")
            let other = try shell.interceptedClient("*1\r\n$4\r\nPING\r\n")
            shell.send(try shell.dialled(), "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
            #expect(other.closed == .reset && other.take().isEmpty)
        }
    }

    // MARK: Bounds and reloads

    @Test("what leads through the parent shares the ports towards it")
    func ports() throws {
        try ParentTests.withParent("", { $0.pool.ports = 2 }) { shell in
            _ = try shell.client(connectRequest("a.test:443"))
            _ = try shell.client(get("http://b.test/"))
            _ = try shell.client(connectRequest("c.test:443"))
            _ = try shell.client(connectRequest("direct.test:443"))
            #expect(shell.dials.count == 3, "the third one has to wait, what is exempt has not")
            #expect(shell.destinations.last == "direct.test:443 tunnel")
        }
    }

    @Test(
        "another parent: nothing that leads through the former one is reused, and dials keep their credentials"
    )
    func reload() throws {
        try ParentTests.withParent { shell in
            let client = try shell.client(get("http://a.test/"))
            let parent = try shell.dialled()
            shell.send(parent, ok())
            let intercepted = try shell.interceptedClient("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let leased = try shell.dialled()
            shell.send(leased, ParentTests.opened)
            _ = try shell.client(connectRequest())
            shell.reconfigure {
                $0.parent = ParentProxy(host: "other.test", port: 1, authorization: "Basic eDp5")
            }
            #expect(parent.closed == .reset && leased.isOpen)
            #expect(try shell.dialled().take() == ParentTests.connectHead("tunnel.test:443"))
            shell.send(leased, ok())
            #expect(intercepted.take().hasSuffix("\r\n\r\n") && leased.closed == .reset)
            shell.send(client, get("http://a.test/"))
            #expect(shell.destinations.last == "other.test:1 parent")
            shell.reconfigure { $0.parent = nil }
            shell.send(try shell.client(), get("http://c.test/"))
            #expect(shell.destinations.last == "c.test:80 http")
        }
    }
}
