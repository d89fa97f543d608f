import Access
import Basics
import Dialling
import Testing
import UpstreamPool

@testable import ProxyCore

@Suite("Access control")
struct AccessTests {
    private static func policy(
        deny: String? = nil,
        allow: String? = nil,
        ports: [UInt16] = [],
        isPrivateDenied: Bool = false
    ) throws -> AccessPolicy {
        var rules = AccessPolicy.Rules()
        if let deny { rules.denied = DestinationList([try DestinationPattern(deny)]) }
        if let allow { rules.allowed = DestinationList([try DestinationPattern(allow)]) }
        rules.ports = ports
        rules.deniesPrivate = isPrivateDenied
        return AccessPolicy(rules)
    }

    @Test("a denied host is answered before anything is dialled, and the connection goes on")
    func deniedHost() throws {
        let policy = try AccessTests.policy(deny: "origin.test")
        try withProxy({ $0.access = policy }) { shell in
            let client = try shell.client(get("http://a.origin.test:81/x"))
            let text = client.take()
            #expect(text.hasPrefix("HTTP/1.1 403 Forbidden\r\n"))
            #expect(text.contains("\r\nProxy-Status: weir; error=http_request_denied\r\n"))
            let line = "weir: this host is not allowed: a.origin.test:81 (access.allow, access.deny)\n"
            #expect(text.hasSuffix(line))
            shell.send(client, connectRequest("ORIGIN.test:443"))
            #expect(client.take().hasPrefix("HTTP/1.1 403 "))
            #expect(shell.destinations.isEmpty && shell.outcomes(.hostDenied) == 2 && shell.openTunnels == 0)
            shell.send(client, get("http://other.test/"))
            #expect(shell.destinations == ["other.test:80 http"])
        }
    }

    @Test(
        "a literal is judged at once, in any spelling",
        arguments: ["10.1.2.3", "[::ffff:10.1.2.3]", "[::1]"]
    )
    func literal(host: String) throws {
        let policy = try AccessTests.policy(isPrivateDenied: true)
        try withProxy({ $0.access = policy }) { shell in
            let client = try shell.client(get("http://\(host)/"))
            #expect(client.take().contains("error=destination_ip_prohibited\r\n"))
            shell.send(client, connectRequest("\(host):443"))
            #expect(client.take().contains("error=destination_ip_prohibited\r\n"))
            #expect(shell.destinations.isEmpty && shell.outcomes(.addressDenied) == 2)
        }
    }

    @Test("ports of plain requests are not those of CONNECT")
    func ports() throws {
        let policy = try AccessTests.policy(ports: [80])
        try withProxy({ $0.access = policy }) { shell in
            let client = try shell.client(get("http://origin.test:22/"))
            #expect(client.take().contains("error=http_request_denied\r\n"))
            shell.send(client, connectRequest("origin.test:22"))
            #expect(shell.destinations == ["origin.test:22 tunnel"])
        }
    }

    @Test("a dial that finds no address allowed is a prohibited destination")
    func dialDenied() throws {
        try withProxy { shell in
            let client = try shell.client(connectRequest())
            try shell.dialFails(.addressDenied)
            let text = client.take()
            #expect(text.hasPrefix("HTTP/1.1 403 Forbidden\r\n"))
            #expect(text.contains("\r\nProxy-Status: weir; error=destination_ip_prohibited\r\n"))
        }
    }

    @Test("an intercepted client is judged by where it went and by what it calls that")
    func intercepted() throws {
        let policy = try AccessTests.policy(deny: "bad.test", isPrivateDenied: true)
        let outside = OriginalDestination(host: "9.9.9.9", port: 80)
        try withProxy({ $0.access = policy }) { shell in
            let client = try shell.interceptedClient(
                "GET / HTTP/1.1\r\nHost: bad.test:80\r\n\r\n",
                to: outside
            )
            #expect(client.take().hasPrefix("HTTP/1.1 403 "))
            let inside = OriginalDestination(host: "10.0.0.1", port: 80)
            let other = try shell.interceptedClient("GET / HTTP/1.1\r\nHost: good.test\r\n\r\n", to: inside)
            #expect(other.take().contains("error=destination_ip_prohibited\r\n"))
            let raw = try shell.interceptedClient("*1\r\n$4\r\nPING\r\n", to: inside)
            #expect(raw.closed == .reset && raw.take().isEmpty)
            #expect(shell.outcomes(.addressDenied) == 2 && shell.outcomes(.hostDenied) == 1)
            #expect(shell.destinations.isEmpty)
        }
    }

    @Test("an intercepted name stands for itself where a list allows it")
    func claimed() throws {
        let policy = try AccessTests.policy(allow: "good.test")
        try withProxy({ $0.access = policy }) { shell in
            _ = try shell.interceptedClient("GET / HTTP/1.1\r\nHost: good.test\r\n\r\n")
            #expect(shell.destinations == ["192.0.2.7:8080 intercepted"])
            let raw = try shell.interceptedClient("*1\r\n$4\r\nPING\r\n")
            #expect(raw.closed == .reset)
        }
    }

    @Test("a client that is denied is told so once it asks, and an intercepted one reset")
    func deniedClient() throws {
        try withProxy { shell in
            let client = try shell.client()
            shell.event { $0.engine.clientJudged(client.id, isDenied: true, now: $0.now) }
            shell.send(client, connectRequest())
            #expect(client.take().contains("this client may not use the proxy"))
            #expect(client.hasSeenFIN && shell.openTunnels == 0)
            let raw = try shell.interceptedClient()
            shell.event { $0.engine.clientJudged(raw.id, isDenied: true, now: $0.now) }
            shell.send(raw, "*1\r\n$4\r\nPING\r\n")
            #expect(raw.closed == .reset && shell.outcomes(.clientDenied) == 2)
        }
    }

    @Test("an idle connection to what a reload denies is closed, a leased one not kept, a dial left alone")
    func reload() throws {
        try withProxy { shell in
            let (client, origin) = try shell.parkedPair()
            shell.event { $0.engine.upstreamProhibited(UpstreamID(origin.id.id), now: $0.now) }
            #expect(origin.closed == .reset && shell.idleUpstreams == 0)
            shell.send(client, get())
            let leased = try shell.dialled()
            shell.event { $0.engine.upstreamProhibited(UpstreamID(leased.id.id), now: $0.now) }
            #expect(leased.isOpen)
            shell.send(leased, ok())
            #expect(client.take().hasPrefix("HTTP/1.1 200 ") && leased.closed == .reset)
            shell.send(client, get())
            let dialling = try #require(shell.dials.first)
            shell.event { $0.engine.upstreamProhibited(dialling, now: $0.now) }
            _ = try shell.dialled()
        }
    }
}
