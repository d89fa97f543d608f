import Access
import Basics
import Testing

@testable import ProxyCore

@Suite("Basic authentication")
struct AuthenticationTests {
    private static func get(_ credentials: String?, _ uri: String = "http://origin.test/") -> String {
        guard let credentials else { return message("GET \(uri) HTTP/1.1", "Host: origin.test") }
        return message(
            "GET \(uri) HTTP/1.1",
            "Host: origin.test",
            "Proxy-Authorization: \(credentials)",
            "A: b"
        )
    }

    /// Of user "a" with password "b".
    private static let right = "Basic YTpi"

    @Test("who says nothing is asked, and a password that is right is looked at once")
    func asked() throws {
        try withProxy({ $0.authenticates = true }) { shell in
            let client = try shell.client(Self.get(nil))
            let text = client.take()
            #expect(text.hasPrefix("HTTP/1.1 407 Proxy Authentication Required\r\n"))
            #expect(text.contains("\r\nProxy-Authenticate: Basic realm=\"weir\", charset=\"UTF-8\"\r\n"))
            #expect(shell.logIns.isEmpty)
            shell.send(client, Self.get(Self.right) + Self.get(Self.right))
            #expect(shell.logIns.map(\.credentials) == ["a:b"] && shell.dials.isEmpty && client.isPaused)
            try shell.logIn(.granted)
            let origin = try shell.dialled()
            let head = message("GET / HTTP/1.1", "Host: origin.test", "A: b", "Via: 1.1 weir")
            #expect(origin.take() == head, "the credentials end here")
            shell.send(origin, ok())
            #expect(client.take() == okAtClient() && origin.take() == head && shell.logIns.isEmpty)
            shell.send(origin, ok())
            let other = try shell.client(Self.get("basic  YTpi"))
            #expect(origin.take() == head && shell.logIns.isEmpty, "whoever says it")
            shell.fail(other)
        }
    }

    @Test("a password that is wrong is told so each time, and the connection goes on")
    func wrong() throws {
        try withProxy({ $0.authenticates = true }) { shell in
            let client = try shell.client()
            for _ in 0..<3 {
                shell.send(client, Self.get(Self.right))
                try shell.logIn(.refused)
                #expect(client.take().hasPrefix("HTTP/1.1 407 ") && client.isOpen)
            }
            #expect(shell.outcomes(.unauthenticated) == 3 && shell.destinations.isEmpty)
            // A verdict is for one request alone.
            shell.send(client, Self.get("Basic Yjph"))
            #expect(shell.logIns.count == 1)
            try shell.logIn(.granted)
            shell.send(client, Self.get(Self.right))
            _ = try shell.dialled()
        }
    }

    @Test(
        "what cannot be read is as good as nothing",
        arguments: [
            "Basic", "Basic YTp", "Basic YWI=", "Digest a", "Bearer YTpi", "BasicYTpi",
            "Basic YTpi, Basic YTpi",
            "Basic YTpi\r\nProxy-Authorization: Basic YTpi",
        ]
    )
    func unreadable(credentials: String) throws {
        try withProxy({ $0.authenticates = true }) { shell in
            let client = try shell.client(Self.get(credentials))
            #expect(client.take().hasPrefix("HTTP/1.1 407 ") && shell.logIns.isEmpty)
        }
    }

    @Test("a tunnel takes a password, too, and what follows waits for it")
    func tunnel() throws {
        try withProxy({ $0.authenticates = true }) { shell in
            let request = message(
                "CONNECT tunnel.test:443 HTTP/1.1",
                "Host: x",
                "Proxy-Authorization: Basic YTpi"
            )
            let client = try shell.client(request + "hello")
            #expect(shell.openTunnels == 0)
            try shell.logIn(.granted)
            #expect(try shell.dialled().take() == "hello" && shell.openTunnels == 1)
            let other = try shell.client(connectRequest())
            #expect(other.take().hasPrefix("HTTP/1.1 407 ") && shell.openTunnels == 1)
            _ = client
        }
    }

    @Test("a request with content that is refused ends the connection")
    func content() throws {
        try withProxy({ $0.authenticates = true }) { shell in
            let client = try shell.client(
                message("PUT http://origin.test/ HTTP/1.1", "Host: x", "Content-Length: 9", content: "half")
            )
            #expect(client.take().contains("\r\nConnection: close\r\n") && client.hasSeenFIN)
        }
    }

    @Test("a verdict that comes too late is nobody's")
    func late() throws {
        try withProxy({ $0.authenticates = true }) { shell in
            let client = try shell.client(Self.get(Self.right))
            shell.advance(.seconds(10))
            #expect(client.take().hasPrefix("HTTP/1.1 408 "))
            try shell.logIn(.granted)
            let gone = try shell.client(Self.get(Self.right))
            shell.fail(gone)
            try shell.logIn(.granted)
            #expect(shell.destinations.isEmpty)
        }
    }

    @Test("what was right is looked at again after a while, and after a reload")
    func expiry() throws {
        try withProxy({ $0.authenticates = true }) { shell in
            for pause in [Interval.seconds(299), .seconds(1)] {
                shell.fail(try shell.client(Self.get(Self.right)))
                if !shell.logIns.isEmpty { try shell.logIn(.granted) }
                let client = try shell.client(Self.get(Self.right))
                if !shell.logIns.isEmpty { try shell.logIn(.granted) }
                #expect(shell.logIns.isEmpty)
                shell.fail(client)
                shell.advance(pause)
            }
            let client = try shell.client(Self.get(Self.right))
            #expect(shell.logIns.count == 1)
            try shell.logIn(.granted)
            shell.fail(client)
            shell.reconfigure { _ in }
            _ = try shell.client(Self.get(Self.right))
            #expect(shell.logIns.count == 1)
        }
    }

    @Test("who is denied, or does not know of the proxy, is not asked")
    func notAsked() throws {
        try withProxy({ $0.authenticates = true }) { shell in
            let client = try shell.client()
            shell.event { $0.engine.clientJudged(client.id, isDenied: true, now: $0.now) }
            shell.send(client, Self.get(Self.right))
            #expect(client.take().hasPrefix("HTTP/1.1 403 ") && shell.logIns.isEmpty)
            _ = try shell.interceptedClient("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(shell.destinations.count == 1)
        }
    }

    @Test("memory of right passwords is bounded")
    func bounded() {
        var verified = VerifiedCredentials()
        for number in 0..<5000 {
            verified.insert(UInt64(number), now: .zero)
            #expect(
                verified.count <= VerifiedCredentials.most && verified.contains(UInt64(number), now: .zero)
            )
        }
        #expect(!verified.contains(4999, now: .zero + VerifiedCredentials.lifetime))
    }
}
