import Basics
import ProxyCore
import Testing

@Suite("Pipelining")
struct PipeliningTests {
    private static func numbered(_ number: Int) -> String { get("http://origin.test/\(number)") }

    @Test("pipelined requests are answered in order, one after the other")
    func inOrder() throws {
        for pieces in [Int.max, 1, 50] {
            try withProxy { shell in
                let client = try shell.client()
                shell.send(client, (1...5).map(PipeliningTests.numbered).joined(), in: pieces)
                let origin = try shell.dialled()
                for number in 1...5 {
                    let request = origin.take()
                    #expect(request.hasPrefix("GET /\(number) "))
                    #expect(!request.contains("GET /\(number + 1) "))
                    shell.send(origin, ok("\(number)"))
                    #expect(client.take() == okAtClient("\(number)"))
                }
                #expect(shell.statistics.requests == 5 && shell.parkedClients == 1)
            }
        }
    }

    @Test("a request behind content begins where the content ends")
    func behindContent() throws {
        try withProxy { shell in
            let client = try shell.client(
                post("hello")
                    + message(
                        "POST http://origin.test/ HTTP/1.1",
                        "Host: x",
                        "Transfer-Encoding: chunked",
                        content: "1\r\nx\r\n0\r\n\r\n"
                    )
                    + PipeliningTests.numbered(3)
            )
            let origin = try shell.dialled()
            for end in ["hello", "1\r\nx\r\n0\r\n\r\n", "Via: 1.1 weir\r\n\r\n"] {
                #expect(origin.take().hasSuffix("\r\n" + end))
                shell.send(origin, ok())
                #expect(client.take() == okAtClient())
            }
        }
    }

    @Test("destinations may differ from one pipelined request to the next")
    func destinations() throws {
        try withProxy { shell in
            let client = try shell.client(
                get("http://a.test/") + get("http://b.test/") + get("http://a.test/2")
            )
            let first = try shell.dialled()
            #expect(shell.dials.isEmpty, "one at a time")
            shell.send(first, ok("a"))
            let second = try shell.dialled()
            _ = first.take()
            shell.send(second, ok("b"))
            #expect(first.take().hasPrefix("GET /2 "))
            shell.send(first, ok("c"))
            #expect(client.take() == okAtClient("a") + okAtClient("b") + okAtClient("c"))
        }
    }

    @Test("weir's own answers keep their place in the order")
    func ownAnswers() throws {
        try withProxy({ $0.allowedTunnelPorts = [443] }) { shell in
            let client = try shell.client(
                get() + connectRequest("tunnel.test:22") + get("http://nowhere.test/")
                    + "GET / HTTP/1.1\r\n\r\n" + get()
            )
            let origin = try shell.dialled()
            #expect(client.take().isEmpty)
            shell.send(origin, ok())
            #expect(client.take().hasPrefix(okAtClient() + "HTTP/1.1 403 Forbidden\r\n"))
            try shell.dialFails(.nameNotFound)
            let rest = client.take()
            #expect(rest.hasPrefix("HTTP/1.1 502 ") && rest.contains("\nHTTP/1.1 400 "))
            // What follows an unreadable request is not looked at.
            #expect(client.hasSeenFIN && shell.statistics.requests == 4)
        }
    }

    @Test("requests behind one that ends the connection are not served")
    func behindClose() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange(
                message("GET http://origin.test/ HTTP/1.1", "Host: x", "Connection: close") + post("x")
            )
            _ = origin.take()
            shell.send(origin, ok())
            #expect(client.hasSeenFIN && origin.take().isEmpty && shell.statistics.requests == 1)
        }
    }

    @Test("while an answer is unread the next request waits")
    func unread() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange(PipeliningTests.numbered(1))
            _ = origin.take()
            shell.stall(client)
            shell.send(origin, ok("one"))
            shell.send(client, PipeliningTests.numbered(2) + PipeliningTests.numbered(3))
            #expect(client.isPaused && origin.take().isEmpty)
            shell.drainPending(client)
            #expect(client.take() == okAtClient("one"))
            #expect(origin.take().hasPrefix("GET /2 "))
            shell.send(origin, ok("two"))
            #expect(origin.take().hasPrefix("GET /3 "))
            shell.send(origin, ok("three"))
            #expect(client.take() == okAtClient("two") + okAtClient("three"))
        }
    }

    @Test("a FIN behind pipelined requests is seen when they have been served")
    func finBehind() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange(
                PipeliningTests.numbered(1) + PipeliningTests.numbered(2)
            )
            shell.finish(client)
            shell.send(origin, ok("1"))
            shell.send(origin, ok("2"))
            let text = client.take()
            #expect(text.hasPrefix(okAtClient("1")) && text.hasSuffix("\r\n\r\n2"))
            shell.advance(.zero)
            #expect(client.closed == .normal && shell.outcomes(.completed) == 2)
        }
    }

    @Test("a thousand pipelined requests neither recurse nor get lost")
    func many() throws {
        try withProxy({ $0.allowedTunnelPorts = [443] }) { shell in
            let client = try shell.client(String(repeating: connectRequest("tunnel.test:22"), count: 1000))
            let lines = client.take().utf8.split(separator: ASCII.lineFeed)
            #expect(lines.count { String($0)?.hasPrefix("weir: ") == true } == 1000)
            #expect(shell.outcomes(.denied) == 1000)
        }
    }
}
