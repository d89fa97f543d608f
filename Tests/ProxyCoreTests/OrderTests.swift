import Basics
import ClientPolicy
import ProxyCore
import Testing
import UpstreamPool

@Suite("Orders of an operator")
struct OrderTests {
    @Test("winding down ends what is parked, announces every close, and serves everybody")
    func windDown() throws {
        try withProxy { shell in
            let (parked, origin) = try shell.parkedPair()
            let (working, busy) = try shell.exchange(get("http://other.test/"))
            let tunnel = try shell.tunnel()
            let fresh = try shell.client()
            shell.event { $0.engine.windDown(true, now: $0.now) }
            // A request may be on its way.
            shell.advance(.milliseconds(999))
            #expect(!parked.hasSeenFIN)
            shell.advance(.milliseconds(1))
            #expect(parked.hasSeenFIN && origin.closed == nil, "the pool stays warm")
            #expect(shell.canAccept && shell.clientEnds(.draining) == 1)
            shell.send(busy, ok("hi"))
            #expect(working.take().contains("\r\nConnection: close\r\n") && working.hasSeenFIN)
            // Newcomers, and those who had not asked yet, are served.
            shell.advance(.seconds(5))
            for client in [fresh, try shell.client()] {
                shell.send(client, get())
                shell.send(origin, ok("yes"))
                let answer = client.take()
                #expect(answer.hasSuffix("yes") && answer.contains("\r\nConnection: close\r\n"))
                #expect(client.hasSeenFIN)
            }
            shell.send(tunnel.client, "still here")
            #expect(tunnel.origin.take() == "still here")
        }
    }

    @Test("a parked connection has a last call; after resume connections are kept again")
    func resume() throws {
        try withProxy { shell in
            let (late, origin) = try shell.parkedPair()
            for _ in 0..<49 {
                _ = try shell.client(get())
                shell.send(origin, ok())
            }
            shell.event { $0.engine.windDown(true, now: $0.now) }
            shell.advance(.milliseconds(500))
            shell.send(late, get())
            shell.send(origin, ok())
            #expect(late.take().contains("\r\nConnection: close\r\n") && late.hasSeenFIN)
            shell.advance(.milliseconds(500))
            #expect(shell.parkedClients == 0)
            shell.event { $0.engine.windDown(false, now: $0.now) }
            let client = try shell.client(get())
            shell.send(origin, ok())
            #expect(!client.take().contains("Connection: close") && shell.parkedClients == 1)
            shell.event { $0.engine.windDown(true, now: $0.now) }
            shell.event { $0.engine.windDown(false, now: $0.now) }
            shell.advance(.seconds(2))
            #expect(shell.parkedClients == 1, "its time is the usual one again")
        }
    }

    @Test("an origin's idle connections are closed by reset, its busy ones go on")
    func closeIdle() throws {
        try withProxy { shell in
            let (client, idle) = try shell.parkedPair()
            let (working, busy) = try shell.exchange(get("http://other.test/"))
            var closed: [Int?] = []
            for host in ["ORIGIN.test", "other.test", "third.test"] {
                shell.event {
                    closed.append($0.engine.closeIdle(host: host.utf8.span, port: 80, now: $0.now))
                }
            }
            #expect(closed == [1, 0, nil])
            #expect(idle.closed == .reset && busy.closed == nil)
            shell.send(busy, ok("hi"))
            #expect(working.take().hasSuffix("hi"))
            shell.send(client, get())
            shell.send(try shell.dialled(at: 0), ok("again"))
            #expect(client.take().hasSuffix("again"))
        }
    }
}
