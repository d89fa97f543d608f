import Basics
import ClientPolicy
import ProxyCore
import Testing

@Suite("Leaks: answers that are not read")
struct UnreadTests {
    /// A client that takes an answer only in part.
    private func stalled(_ scene: LeakScene, _ owner: UInt64, _ uri: String = "http://origin.test/") throws
        -> (client: HarnessPeer, origin: HarnessPeer)
    {
        let pair = try scene.shell.exchange(get(uri), owner: owner)
        scene.shell.stall(pair.client)
        scene.shell.send(pair.origin, message("HTTP/1.1 200 OK", "Content-Length: 9", content: "abc"))
        return pair
    }

    // MARK: Unread is not parked

    @Test("a connection whose answer is unread after a second is not parked, and is again once it was read")
    func unreadIsNotParked() throws {
        try withLeak { scene in
            let shell = scene.shell
            shell.unread = 100
            let client = try scene.serve()
            shell.advance(.milliseconds(999))
            #expect(shell.parkedClients == 1 && shell.unreadInspections == 0)
            shell.advance(.milliseconds(1))
            #expect(shell.parkedClients == 0 && shell.clientReport.unread == 1)
            shell.advance(.seconds(100))
            #expect(shell.clientReport.unread == 1 && !client.hasSeenFIN)
            shell.unread = 0
            shell.advance(.seconds(5))
            #expect(shell.parkedClients == 1 && shell.clientReport.unread == 0)
            shell.advance(.milliseconds(74_999))
            #expect(!client.hasSeenFIN, "it has lain idle only since it was read")
            shell.advance(.milliseconds(1))
            #expect(client.hasSeenFIN)
        }
    }

    @Test("what the kernel does not tell, or says is read, stays parked", arguments: [nil, 0])
    func readIsParked(unread: Int?) throws {
        try withLeak { scene in
            scene.shell.unread = unread
            let client = try scene.serve()
            scene.shell.advance(.milliseconds(74_999))
            #expect(scene.shell.parkedClients == 1 && !client.hasSeenFIN)
            scene.shell.advance(.milliseconds(1))
            #expect(client.hasSeenFIN)
        }
    }

    @Test("an answer that stays unread for write_timeout is cut by a reset")
    func unreadForEver() throws {
        try withLeak { scene in
            scene.shell.unread = 1
            let client = try scene.serve()
            scene.shell.advance(.milliseconds(300_999))
            #expect(client.isOpen)
            scene.shell.advance(.milliseconds(5001))
            #expect(client.closed == .reset)
        }
    }

    @Test("a request on an unread connection is served like any other")
    func requestOnUnread() throws {
        try withLeak { scene in
            scene.shell.unread = 100
            let client = try scene.serve()
            _ = client.take()
            scene.shell.advance(.seconds(3))
            try scene.ask(client)
            #expect(client.take() == okAtClient() && scene.shell.parkedClients == 1)
        }
    }

    @Test("a client that leaves an unread answer behind is closed at once")
    func leavesUnread() throws {
        try withLeak { scene in
            scene.shell.unread = 100
            let clients = try (0..<2).map { _ in try scene.serve() }
            scene.shell.advance(.seconds(2))
            #expect(scene.shell.clientReport.unread == 2)
            scene.shell.finish(clients[0])
            scene.shell.fail(clients[1])
            #expect(clients[0].closed == .normal && clients[1].closed == .reset)
        }
    }

    @Test("a leaking owner's parked connections are not ended while their answer is unread")
    func unreadOfLeaker() throws {
        try withLeak { scene in
            scene.shell.unread = 0
            let clients = try scene.leak()
            scene.shell.unread = 500
            scene.shell.advance(.seconds(30))
            #expect(clients.allSatisfy { !$0.hasSeenFIN && $0.isOpen })
            #expect(scene.shell.clientReport.unread == 27)
            scene.shell.unread = 0
            scene.shell.advance(.seconds(5))
            scene.shell.advance(.milliseconds(2500))
            #expect(
                clients.prefix(26).allSatisfy { $0.hasSeenFIN },
                "read, and left lying; the last is a probe"
            )
        }
    }

    // MARK: Endings

    @Test(
        "after an announced close the reset comes with close_grace where everything was read",
        arguments: [(0, true), (1, true), (2, false), (5000, false), (nil, false)] as [(Int?, Bool)]
    )
    func announcedEnding(unread: Int?, isReset: Bool) throws {
        try withProxy { shell in
            shell.unread = unread
            let request = message("GET http://origin.test/ HTTP/1.1", "Host: x", "Connection: close")
            let (client, origin) = try shell.exchange(request)
            shell.send(origin, ok("hi"))
            shell.advance(.milliseconds(1999))
            #expect(client.isOpen)
            shell.advance(.milliseconds(1))
            #expect((client.closed == .reset) == isReset)
            shell.advance(.milliseconds(297_999))
            #expect(client.isOpen != isReset)
            // Where the kernel is asked again and again, write_timeout is met at the next time.
            shell.advance(.milliseconds(unread == nil ? 1 : 5000))
            #expect(client.closed == .reset && shell.statistics.resetAfterGrace == 1)
        }
    }

    @Test("an ending connection is looked at every 5 s, and reset when its answer was read")
    func readLater() throws {
        try withProxy { shell in
            shell.unread = 3
            let request = message("GET http://origin.test/ HTTP/1.1", "Host: x", "Connection: close")
            let (client, origin) = try shell.exchange(request)
            shell.send(origin, ok("hi"))
            shell.advance(.seconds(20))
            let inspections = shell.unreadInspections
            shell.unread = 1
            shell.advance(.seconds(5))
            #expect(client.closed == .reset && shell.unreadInspections == inspections + 1)
        }
    }

    @Test("a parked connection whose time has passed is not reset while something is unread")
    func idleEnding() throws {
        try withLeak { scene in
            let client = try scene.serve()
            try scene.ask(client)
            scene.shell.unread = 700
            scene.shell.advance(.seconds(75))
            #expect(client.hasSeenFIN)
            scene.shell.advance(.seconds(20))
            #expect(client.isOpen)
            scene.shell.unread = 1
            scene.shell.advance(.seconds(5))
            #expect(client.closed == .reset)
        }
    }

    // MARK: The budget of stalls

    @Test("beyond max_stalled_per_owner the longest stalled is cut by a reset, where most are")
    func budget() throws {
        try withLeak({ $0.maxStalledPerOwner = 3 }) { scene in
            let neighbour = try stalled(scene, LeakScene.neighbour)
            let elsewhere = try stalled(scene, LeakScene.leaker, "http://other.test/")
            let pairs = try (0..<2).map { _ in try stalled(scene, LeakScene.leaker) }
            #expect(pairs.allSatisfy { $0.client.isOpen })
            let latest = try stalled(scene, LeakScene.leaker)
            #expect(pairs[0].client.closed == .reset && pairs[0].origin.closed == .reset)
            for pair in [neighbour, elsewhere, pairs[1], latest] { #expect(pair.client.isOpen) }
            #expect(scene.shell.outcomes(.tooManyStalled) == 1 && scene.shell.statistics.stallsCut == 1)
        }
    }

    @Test("a reader that goes on makes room in the budget")
    func goesOn() throws {
        try withLeak({ $0.maxStalledPerOwner = 2 }) { scene in
            let pairs = try (0..<2).map { _ in try stalled(scene, LeakScene.leaker) }
            scene.shell.drainPending(pairs[0].client)
            let third = try stalled(scene, LeakScene.leaker)
            #expect((pairs + [third]).allSatisfy { $0.client.isOpen })
            scene.shell.send(pairs[0].origin, "defghi")
            #expect(pairs[0].client.take().hasSuffix("abcdefghi"))
        }
    }

    @Test("a complete answer that is not taken counts, with no exchange to end")
    func flushing() throws {
        try withLeak({ $0.maxStalledPerOwner = 1 }) { scene in
            let clients = try (0..<2).map { _ in
                let (client, origin) = try scene.shell.exchange()
                scene.shell.stall(client)
                scene.shell.send(origin, ok("hello"))
                // Closed, so that the next one is dialled.
                scene.shell.fail(origin)
                return client
            }
            #expect(clients[0].closed == .reset && clients[1].isOpen)
            #expect(scene.shell.outcomes(.completed) == 2 && scene.shell.statistics.stallsCut == 1)
        }
    }

    @Test("a paused reader is left alone for write_timeout while there is room")
    func paused() throws {
        try withLeak { scene in
            let pairs = try (0..<64).map { _ in try stalled(scene, LeakScene.leaker) }
            scene.shell.advance(.milliseconds(299_999))
            #expect(pairs.allSatisfy { $0.client.isOpen })
            let last = try stalled(scene, LeakScene.leaker)
            #expect(pairs[0].client.closed == .reset && pairs[1].client.isOpen && last.client.isOpen)
        }
    }

    @Test("for want of descriptors, with nothing parked, the longest stalled of the heaviest is cut")
    func descriptors() throws {
        try withLeak { scene in
            let light = try stalled(scene, LeakScene.neighbour)
            let heavy = try (0..<2).map { _ in try stalled(scene, LeakScene.leaker) }
            scene.shell.exhaustDescriptors()
            #expect(heavy[0].client.closed == .reset && heavy[1].client.isOpen && light.client.isOpen)
            #expect(scene.shell.outcomes(.tooManyStalled) == 1)
        }
    }

    @Test("what is unread is no evidence, and what is used after that neither")
    func unreadIsNoEvidence() throws {
        try withLeak { scene in
            scene.shell.unread = 0
            // The first is nobody's evidence; each of the others lay idle for a second beside it.
            let clients = try (0..<10).map { index in
                let client = try scene.serve()
                scene.shell.unread = index == 0 ? 0 : 100
                scene.shell.advance(.seconds(1))
                return client
            }
            #expect(scene.shell.clientReport.unread == 9)
            #expect(scene.evidence == 0)
            scene.shell.unread = 0
            for client in clients.dropFirst() { try scene.ask(client) }
            #expect(scene.evidence == 0)
        }
    }

    @Test("a request on an unread connection ends its probe as reused")
    func requestEndsProbe() throws {
        try withLeak { scene in
            scene.shell.unread = 0
            let probe = try #require(try scene.leak().last)
            scene.shell.advance(.milliseconds(950))
            for _ in 0..<8 {
                scene.shell.unread = 100
                scene.shell.advance(.milliseconds(1100))
                scene.shell.unread = 0
                #expect(scene.ownerVerdicts == [.leaking])
                try scene.ask(probe)
            }
            #expect(scene.ownerVerdicts == [.leaking, .healthy])
        }
    }

    @Test("a verdict on stalled connections is told with the one that makes it")
    func verdictOnStalls() throws {
        try withLeak({ $0.maxStalledPerOwner = 0 }) { scene in
            for number in 1...26 {
                let (client, origin) = try scene.shell.exchange()
                scene.shell.stall(client)
                scene.shell.send(origin, message("HTTP/1.1 200 OK", "Content-Length: 9", content: "abc"))
                #expect(client.closed == .reset)
                #expect(scene.destinationVerdicts.count == (number == 26 ? 1 : 0))
            }
        }
    }

    // MARK: Stalls under the verdict

    /// The verdict on what the leaker leaves stalled stands.
    private func underVerdict(_ body: (LeakScene) throws -> Void) throws {
        try withLeak({ $0.maxStalledPerOwner = 0 }) { scene in
            scene.shell.unread = 900
            for _ in 1...26 { _ = try stalled(scene, LeakScene.leaker) }
            #expect(scene.destinationVerdicts == [.leaking])
            scene.shell.reconfigure { $0.maxStalledPerOwner = 64 }
            try body(scene)
        }
    }

    @Test("under the verdict an answer that is not taken is cut after leak_idle_timeout, complete or not")
    func stallUnderVerdict() throws {
        try underVerdict { scene in
            let neighbour = try stalled(scene, LeakScene.neighbour)
            let part = try stalled(scene, LeakScene.leaker)
            let whole = try scene.shell.exchange()
            scene.shell.stall(whole.client)
            scene.shell.send(whole.origin, ok("hello"))
            scene.shell.advance(.milliseconds(1999))
            #expect(part.client.isOpen && whole.client.isOpen)
            scene.shell.advance(.milliseconds(1))
            #expect(part.client.closed == .reset && whole.client.closed == .reset)
            #expect(neighbour.client.isOpen)
        }
    }

    @Test("under the verdict a reader that is slow but takes something each second is not cut")
    func slowReaderUnderVerdict() throws {
        try underVerdict { scene in
            let pair = try stalled(scene, LeakScene.leaker)
            for unread in 0..<100 {
                scene.shell.unread = 90_000 - 100 * unread
                scene.shell.advance(.seconds(1))
                #expect(pair.client.isOpen)
            }
            scene.shell.advance(.seconds(1))
            #expect(pair.client.closed == .reset, "it has stopped")
        }
    }

    @Test("under the verdict the app's last look at a parked answer is awaited likewise")
    func slowReaderOfParked() throws {
        try underVerdict { scene in
            let client = try scene.serve()
            let kept = !scene.announcesClose(client)
            for unread in 0..<20 {
                scene.shell.unread = 90_000 - 100 * unread
                scene.shell.advance(.seconds(1))
                #expect(client.isOpen)
            }
            scene.shell.advance(.seconds(3))
            #expect(client.closed == .reset, "kept: \(kept)")
        }
    }

    @Test("what ends and stays unread counts, and is looked at again before it is cut for the budget")
    func endingSurplus() throws {
        try withLeak({ $0.maxStalledPerOwner = 2 }) { scene in
            scene.shell.unread = 100
            let request = message("GET http://origin.test/ HTTP/1.1", "Host: x", "Connection: close")
            let clients = try (0..<4).map { index in
                let (client, origin) = try scene.shell.exchange(request, owner: LeakScene.leaker)
                scene.shell.send(origin, ok("hi"))
                scene.shell.fail(origin)
                return client
            }
            scene.shell.advance(.seconds(2))
            #expect(clients.map(\.isOpen) == [false, false, true, true])
            #expect(scene.shell.statistics.stallsCut == 2)
        }
    }

    @Test("what was found unread is looked at again before it is cut for the budget", arguments: [0, 100])
    func surplusIsLookedAt(unread: Int) throws {
        try withLeak({ $0.maxStalledPerOwner = 2 }) { scene in
            scene.shell.unread = 100
            let clients = try (0..<2).map { _ in try scene.serve() }
            scene.shell.advance(.seconds(1))
            #expect(scene.shell.clientReport.unread == 2)
            scene.shell.unread = unread
            let third = try stalled(scene, LeakScene.leaker, "http://other.test/")
            #expect(clients[0].isOpen == (unread == 0) && clients[1].isOpen && third.client.isOpen)
            #expect(scene.shell.statistics.stallsCut == (unread == 0 ? 0 : 1))
        }
    }
}
