import Basics
import ClientPolicy
import ProxyCore
import Testing

@Suite("Leaks: tunnels")
struct TunnelLeakTests {
    private typealias Pair = (client: HarnessPeer, origin: HarnessPeer)

    /// The verdict stands, and what made it is gone.
    private func underVerdict(
        _ change: (inout EngineConfiguration) -> Void = { _ in },
        at location: SourceLocation = #_sourceLocation,
        _ body: (LeakScene) throws -> Void
    ) throws {
        try withLeak(change, at: location) { scene in
            scene.shell.unread = 0
            try scene.leakTunnels()
            #expect(scene.destinationVerdicts == [.leaking])
            scene.shell.advance(.seconds(3))
            #expect(scene.shell.openTunnels == 0)
            try body(scene)
        }
    }

    // MARK: The verdict

    @Test("a leak of tunnels is found within 32, and told once for its destination")
    func found() throws {
        try withLeak { scene in
            try scene.leakTunnels(LeakScene.found - 1)
            #expect(scene.destinationVerdicts.isEmpty)
            #expect(scene.shell.openTunnels == LeakScene.found - 1, "none is cut before")
        }
        try withLeak { scene in
            scene.shell.unread = 0
            try scene.leakTunnels(300)
            #expect(scene.destinationVerdicts == [.leaking] && scene.ownerVerdicts.isEmpty)
            #expect(scene.shell.statistics.leaksFound == 1)
        }
    }

    @Test("tunnels to another destination, and a neighbour's to the same, are not touched")
    func othersAreNotTouched() throws {
        try withLeak { scene in
            scene.shell.unread = 0
            let elsewhere = try scene.shell.exchange(connectRequest("other.test:443"))
            _ = elsewhere.client.take()
            let neighbour = try scene.shell.tunnel(owner: LeakScene.neighbour)
            for pair in [elsewhere, neighbour] { scene.talk(pair) }
            try scene.leakTunnels()
            scene.shell.advance(.seconds(200))
            #expect(elsewhere.origin.isOpen && neighbour.origin.isOpen && scene.shell.openTunnels == 2)
        }
    }

    @Test("where leaks are not cured the verdict is told, and tunnels keep their time")
    func notCured() throws {
        try withLeak({ $0.clients.curesLeaks = false }) { scene in
            scene.shell.unread = 0
            let pairs = try scene.leakTunnels()
            #expect(scene.destinationVerdicts == [.leaking])
            scene.shell.advance(.seconds(50))
            #expect(pairs.allSatisfy { $0.origin.isOpen })
        }
    }

    // MARK: The cure

    @Test("under the verdict one exchange and then silence of leak_idle_timeout is a leak, and is reset")
    func reaped() throws {
        try underVerdict { scene in
            let pair = try scene.shell.tunnel()
            scene.talk(pair)
            let inspections = scene.shell.unreadInspections
            scene.shell.advance(.milliseconds(1999))
            #expect(pair.client.isOpen && scene.shell.unreadInspections == inspections)
            scene.shell.advance(.milliseconds(1))
            #expect(pair.client.closed == .reset && pair.origin.closed == .reset)
            #expect(scene.shell.unreadInspections == inspections + 1)
            #expect(scene.shell.lastNote?.record.cause == .tunnelLeaked)
            #expect(scene.shell.outcomes(.tunnelLeaked) == LeakScene.found + 1)
        }
    }

    @Test("where the kernel does not know what is unread, the client's half is ended in steps")
    func reapedUnknown() throws {
        try underVerdict { scene in
            scene.shell.unread = nil
            let pair = try scene.shell.tunnel()
            scene.talk(pair)
            scene.shell.advance(.seconds(2))
            #expect(pair.origin.closed == .reset && pair.client.hasSeenFIN && pair.client.isOpen)
            #expect(scene.shell.outcomes(.tunnelQuiet) == 1)
        }
    }

    @Test("a tunnel whose answer is unread is not ended as quiet, but cut when it stays so")
    func unread() throws {
        try underVerdict { scene in
            let pair = try scene.shell.tunnel()
            scene.talk(pair)
            scene.shell.unread = 300
            scene.shell.advance(.milliseconds(3999))
            #expect(pair.client.isOpen)
            scene.shell.advance(.milliseconds(1))
            #expect(pair.client.closed == .reset && scene.shell.outcomes(.tooManyStalled) == 1)
        }
    }

    @Test("what lies quiet when the verdict comes goes too, after the same time")
    func earlierOnes() throws {
        try withLeak { scene in
            scene.shell.unread = 0
            let pairs = try scene.leakTunnels()
            scene.shell.advance(.zero)
            #expect(pairs.prefix(7).allSatisfy { !$0.client.isOpen }, "quiet for two seconds already")
            #expect(pairs.suffix(5).allSatisfy { $0.client.isOpen }, "for less than half a second")
            scene.shell.advance(.seconds(2))
            #expect(pairs.allSatisfy { $0.client.closed == .reset })
        }
    }

    @Test("under the verdict no more are quiet for longer than half a second than the budget says")
    func budget() throws {
        try underVerdict({ $0.maxQuietPerDestination = 2 }) { scene in
            var pairs: [Pair] = []
            for _ in 0..<3 {
                let pair = try scene.shell.tunnel()
                scene.talk(pair)
                pairs.append(pair)
                scene.shell.advance(.milliseconds(10))
            }
            scene.shell.advance(.milliseconds(469))
            #expect(pairs.allSatisfy { $0.origin.isOpen })
            scene.shell.advance(.milliseconds(1))
            #expect(pairs.map { $0.origin.isOpen } == [false, true, true])
            scene.shell.advance(.milliseconds(1000))
            #expect(pairs.map { $0.origin.isOpen } == [false, true, true], "within the budget")
            scene.shell.advance(.milliseconds(521))
            #expect(pairs.allSatisfy { !$0.origin.isOpen })
        }
    }

    @Test("a leak of tunnels with unread answers is held at max_stalled_per_owner, found, and drained")
    func unreadLeak() throws {
        try withLeak({ $0.maxStalledPerOwner = 10 }) { scene in
            scene.shell.unread = 5000
            for _ in 0..<300 {
                let pair = try scene.shell.tunnel()
                scene.talk(pair)
                scene.shell.advance(.milliseconds(100))
                #expect(scene.shell.openTunnels <= 75)
            }
            #expect(scene.destinationVerdicts == [.leaking])
            scene.shell.advance(.seconds(5))
            #expect(scene.shell.openTunnels == 0)
        }
    }

    @Test("sixty tunnels whose answers are read late are no leak, and none is cut")
    func lateReaders() throws {
        try withLeak { scene in
            scene.shell.unread = 5000
            let pairs = try (0..<60).map { _ in
                let pair = try scene.shell.tunnel()
                scene.talk(pair)
                scene.shell.advance(.milliseconds(20))
                return pair
            }
            #expect(scene.shell.inquiries > 0 && scene.shell.verdicts.isEmpty)
            scene.shell.unread = 0
            for pair in pairs { scene.talk(pair) }
            scene.shell.advance(.seconds(250))
            #expect(scene.shell.verdicts.isEmpty && pairs.allSatisfy { $0.client.isOpen })
        }
    }

    // MARK: Who is not a leak

    @Test("a working tunnel is never ended, however long the answer takes")
    func working() throws {
        try underVerdict { scene in
            let pair = try scene.shell.tunnel()
            scene.shell.send(pair.client, "question")
            scene.shell.advance(.seconds(86_400))
            #expect(pair.client.isOpen)
            scene.shell.send(pair.origin, "answer")
            #expect(pair.client.take() == "answer")
        }
    }

    @Test(
        "a second question after a pause of 100 ms proves a tunnel live",
        arguments: [(99, false), (100, true)]
    )
    func secondQuestion(milliseconds: Int, isProven: Bool) throws {
        try underVerdict { scene in
            let pair = try scene.shell.tunnel()
            scene.talk(pair)
            scene.shell.advance(.milliseconds(milliseconds))
            scene.talk(pair)
            scene.shell.advance(.seconds(2))
            #expect(pair.origin.isOpen == isProven)
            scene.shell.advance(.milliseconds(297_999))
            #expect(pair.origin.isOpen == isProven)
            scene.shell.advance(.milliseconds(1))
            #expect(!pair.origin.isOpen)
        }
    }

    @Test("five questions in quick succession prove a tunnel live, four do not", arguments: [4, 5])
    func questions(count: Int) throws {
        try underVerdict { scene in
            let pair = try scene.shell.tunnel()
            for _ in 0..<count { scene.talk(pair) }
            scene.shell.advance(.seconds(2))
            #expect(pair.origin.isOpen == (count == 5))
        }
    }

    @Test(
        "an origin that speaks again after 500 ms has a stream of events",
        arguments: [(499, false), (500, true)]
    )
    func eventStream(milliseconds: Int, isProven: Bool) throws {
        try underVerdict({ $0.maxQuietPerDestination = 8 }) { scene in
            let pair = try scene.shell.tunnel()
            scene.talk(pair)
            scene.shell.advance(.milliseconds(milliseconds))
            scene.shell.send(pair.origin, "event")
            scene.shell.advance(.seconds(2))
            #expect(pair.origin.isOpen == isProven)
        }
    }

    @Test("a TLS 1.2 handshake with long pauses is no exchange, and proves nothing")
    func slowHandshake() throws {
        try underVerdict { scene in
            let pair = try scene.shell.tunnel()
            for flight in ["hello", "key exchange"] {
                scene.shell.send(pair.client, "\u{16}\(flight)")
                scene.shell.send(pair.origin, "\u{16}answer")
                scene.shell.advance(.milliseconds(3000))
            }
            #expect(pair.origin.isOpen, "nothing was asked yet")
            scene.talk(pair)
            scene.shell.advance(.milliseconds(1999))
            #expect(pair.origin.isOpen)
            scene.shell.advance(.milliseconds(1))
            #expect(pair.client.closed == .reset)
        }
    }

    // MARK: The origin's farewell

    @Test(
        "an unasked word proves nothing if the origin's FIN follows within half a second",
        arguments: [(0, false), (499, false), (500, true)]
    )
    func farewell(milliseconds: Int, isProven: Bool) throws {
        try underVerdict { scene in
            let pair = try scene.shell.tunnel()
            scene.talk(pair)
            scene.shell.advance(.milliseconds(600))
            scene.shell.send(pair.origin, "alert")
            scene.shell.advance(.milliseconds(milliseconds))
            scene.shell.finish(pair.origin)
            // What the kernel counts for our FIN.
            scene.shell.unread = 1
            scene.shell.advance(.milliseconds(2000 - milliseconds - 1))
            #expect(pair.client.hasSeenFIN && pair.client.isOpen)
            scene.shell.advance(.milliseconds(1))
            #expect(pair.client.isOpen == isProven)
            scene.shell.advance(.seconds(32))
            #expect(!pair.client.isOpen, "half_close_timeout and close_grace")
        }
    }

    @Test("an event stream stays proven when its origin finishes after a question or a second event")
    func streamEnds() throws {
        try underVerdict { scene in
            let pair = try scene.shell.tunnel()
            scene.talk(pair)
            scene.shell.advance(.milliseconds(600))
            scene.shell.send(pair.origin, "event")
            scene.shell.advance(.milliseconds(600))
            scene.shell.send(pair.origin, "last event")
            scene.shell.finish(pair.origin)
            scene.shell.advance(.seconds(29))
            #expect(pair.client.isOpen)
        }
    }

    @Test("a leak before origins that say farewell is found, told once and drained")
    func leakWithFarewells() throws {
        try withLeak { scene in
            scene.shell.unread = 0
            var saying: [Pair] = []
            for _ in 0..<200 {
                let pair = try scene.shell.tunnel()
                scene.talk(pair)
                saying.append(pair)
                scene.shell.advance(.milliseconds(100))
                if saying.count > 6 {
                    let former = saying.removeFirst()
                    scene.shell.send(former.origin, "alert")
                    scene.shell.finish(former.origin)
                }
                #expect(scene.shell.openTunnels < 60)
            }
            #expect(scene.destinationVerdicts == [.leaking])
        }
    }

    @Test("a long answer in pieces is one answer")
    func longAnswer() throws {
        try underVerdict { scene in
            let pair = try scene.shell.tunnel()
            scene.shell.send(pair.client, "question")
            for _ in 0..<20 {
                scene.shell.send(pair.origin, "part")
                scene.shell.advance(.milliseconds(400))
                #expect(pair.origin.isOpen)
            }
            scene.shell.advance(.milliseconds(1600))
            #expect(!pair.origin.isOpen)
        }
    }

    @Test("a TLS handshake is neither quiet nor an exchange")
    func handshake() throws {
        try underVerdict { scene in
            let pair = try scene.shell.tunnel()
            scene.shell.advance(.seconds(20))
            scene.shell.send(pair.client, "\u{16}hello")
            scene.shell.send(pair.origin, "\u{16}certificate")
            scene.shell.advance(.seconds(60))
            #expect(pair.origin.isOpen)
            // As long a pause as there may be: it proves nothing, as nothing was asked yet.
            scene.talk(pair)
            scene.shell.advance(.milliseconds(1999))
            #expect(pair.origin.isOpen)
            scene.shell.advance(.milliseconds(1))
            #expect(!pair.origin.isOpen)
        }
    }

    @Test("tunnels that are opened and stay in their handshake are no evidence")
    func handshakes() throws {
        try withLeak { scene in
            for _ in 0..<60 {
                let pair = try scene.shell.tunnel()
                scene.shell.send(pair.client, "\u{16}hello")
                scene.shell.send(pair.origin, "\u{16}certificate")
                scene.shell.advance(.milliseconds(100))
            }
            #expect(scene.shell.verdicts.isEmpty && scene.shell.openTunnels == 60)
        }
    }

    @Test("an upgraded connection is not a TLS tunnel, and one word more proves it live")
    func upgraded() throws {
        try withLeak({
            $0.maxQuietPerDestination = 0; $0.minimumQuiet = .seconds(2)
        }) { scene in
            let request = message(
                "GET http://origin.test/ HTTP/1.1",
                "Host: x",
                "Connection: upgrade",
                "Upgrade: websocket"
            )
            let answer = message(
                "HTTP/1.1 101 Switching Protocols",
                "Connection: upgrade",
                "Upgrade: websocket"
            )
            let pairs = try (0..<2).map { _ in
                let pair = try scene.shell.exchange(request)
                scene.shell.send(pair.origin, answer)
                return pair
            }
            scene.shell.advance(.milliseconds(100))
            scene.shell.send(pairs[0].client, "hello")
            scene.shell.send(pairs[0].origin, "hello")
            scene.shell.advance(.seconds(3))
            #expect(pairs[0].origin.isOpen && !pairs[1].origin.isOpen)
        }
    }

    @Test("clients that end their tunnels churn, and lose nothing")
    func churning() throws {
        try withLeak { scene in
            for _ in 0..<32 {
                let pair = try scene.shell.tunnel()
                scene.talk(pair)
                scene.shell.finish(pair.client)
                scene.shell.finish(pair.origin)
            }
            #expect(scene.destinationVerdicts == [.churning])
        }
    }

    @Test("tunnels that are in use again lift the verdict, which is told once")
    func mended() throws {
        try underVerdict { scene in
            for _ in 0..<12 {
                let pair = try scene.shell.tunnel()
                scene.talk(pair)
                scene.shell.advance(.milliseconds(150))
                scene.talk(pair)
            }
            #expect(scene.destinationVerdicts == [.leaking, .healthy])
            scene.shell.advance(.seconds(50))
            #expect(scene.shell.openTunnels == 12)
        }
    }

    // MARK: Tunnels that were found unread

    /// A tunnel that was to go for the budget, and was spared because its answer was unread.
    private func spared(_ scene: LeakScene) throws -> Pair {
        scene.shell.unread = 300
        let pairs = try (0..<2).map { _ in
            let pair = try scene.shell.tunnel()
            scene.talk(pair)
            return pair
        }
        scene.shell.advance(.seconds(60))
        #expect(pairs[0].client.isOpen && scene.shell.unreadInspections > 0)
        return pairs[0]
    }

    @Test("a tunnel that was unread and speaks again is not stalled any more, and not cut as such")
    func readAgain() throws {
        try withLeak({ $0.maxQuietPerDestination = 1 }) { scene in
            let pair = try spared(scene)
            scene.talk(pair)
            scene.shell.exhaustDescriptors()
            #expect(pair.client.isOpen && scene.shell.statistics.stallsCut == 0)
        }
    }

    @Test("a tunnel that was unread and speaks again is proven live")
    func readAgainIsProven() throws {
        try withLeak({ $0.maxQuietPerDestination = 1 }) { scene in
            let pair = try spared(scene)
            scene.talk(pair)
            scene.shell.unread = 0
            scene.shell.advance(.seconds(61))
            #expect(pair.client.isOpen, "alone it is within the budget")
            let others = try (0..<2).map { _ in try scene.shell.tunnel() }
            for other in others { scene.talk(other) }
            scene.shell.advance(.seconds(61))
            #expect(pair.client.isOpen && !others[0].client.isOpen)
        }
    }

}
