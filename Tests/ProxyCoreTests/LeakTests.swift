import Basics
import ClientPolicy
import ProxyCore
import Testing

@Suite("Leaks: connections")
struct LeakTests {
    // MARK: The verdict and its cure

    @Test("a leak is found within 32 connections, and told once")
    func found() throws {
        try withLeak { scene in
            try scene.leak(LeakScene.found - 1)
            #expect(scene.ownerVerdicts.isEmpty)
        }
        try withLeak { scene in
            try scene.leak()
            #expect(scene.ownerVerdicts == [.leaking] && scene.shell.statistics.leaksFound == 1)
            for _ in 0..<100 {
                scene.shell.advance(.milliseconds(100))
                _ = try scene.serve()
            }
            #expect(scene.ownerVerdicts == [.leaking] && scene.destinationVerdicts.isEmpty)
        }
    }

    @Test("a leaking owner's answers announce the close, all but one a second")
    func announced() throws {
        try withLeak { scene in
            let clients = try scene.leak()
            #expect(clients.allSatisfy { !scene.announcesClose($0) }, "kept until the verdict, then a probe")
            var kept = 0
            for _ in 0..<10 {
                scene.shell.advance(.milliseconds(90))
                let client = try scene.serve()
                if scene.announcesClose(client) {
                    #expect(client.hasSeenFIN)
                } else {
                    kept += 1
                    #expect(!client.hasSeenFIN)
                }
            }
            #expect(kept == 0)
            scene.shell.advance(.milliseconds(100))
            let probe = try scene.serve()
            #expect(!scene.announcesClose(probe) && !probe.hasSeenFIN)
            #expect(scene.shell.clientEnds(.leaking) == 10)
        }
    }

    @Test("what a leaking owner has parked ends after 5/4 of leak_idle_timeout, in steps")
    func parkedGoes() throws {
        try withLeak { scene in
            let clients = try scene.leak()
            // The first have lain longer than that already.
            scene.shell.advance(.zero)
            for (index, client) in clients.enumerated() where index < 26 {
                #expect(client.hasSeenFIN == (index <= 1), "\(index)")
            }
            scene.shell.advance(.milliseconds(99))
            #expect(!clients[2].hasSeenFIN)
            scene.shell.advance(.milliseconds(1))
            #expect(clients[2].hasSeenFIN && clients[2].isOpen && !clients[3].hasSeenFIN)
            // Half a second instead of close_grace: the app is not expected to answer.
            scene.shell.advance(.milliseconds(499))
            #expect(clients[2].isOpen)
            scene.shell.advance(.milliseconds(1))
            #expect(clients[2].closed == .reset)
            scene.shell.advance(.seconds(3))
            #expect(clients.prefix(26).allSatisfy { $0.closed == .reset })
            #expect(clients[26].isOpen, "the probe")
            #expect(scene.shell.clientEnds(.abandoned) == 26 && scene.shell.parkedClients == 1)
        }
    }

    @Test("leak_idle_timeout is never longer than idle_timeout")
    func shortIdle() throws {
        try withLeak({
            $0.clientIdleTimeout = .seconds(60); $0.leakIdleTimeout = .seconds(600)
        }) { scene in
            let clients = try scene.leak()
            scene.shell.advance(.milliseconds(72_399))
            #expect(!clients[0].hasSeenFIN)
            scene.shell.advance(.milliseconds(1))
            #expect(clients[0].hasSeenFIN)
        }
    }

    @Test("a healthy neighbour keeps its connections and its keep-alive")
    func neighbour() throws {
        try withLeak { scene in
            let parked = try scene.serve(LeakScene.neighbour)
            try scene.leak()
            for _ in 0..<10 {
                scene.shell.advance(.seconds(2))
                _ = try scene.serve()
                let other = try scene.serve(LeakScene.neighbour)
                #expect(!scene.announcesClose(other))
                scene.shell.finish(other)
            }
            #expect(!parked.hasSeenFIN)
            try scene.ask(parked)
            #expect(parked.isOpen && !scene.announcesClose(parked))
            scene.shell.advance(.milliseconds(74_999))
            #expect(!parked.hasSeenFIN)
            scene.shell.advance(.milliseconds(1))
            #expect(parked.hasSeenFIN)
        }
    }

    @Test("a connection that a leaking owner reuses keeps the ordinary time")
    func reusedInLeak() throws {
        try withLeak { scene in
            let reused = try scene.serve()
            scene.shell.advance(.milliseconds(10))
            try scene.ask(reused)
            try scene.leak()
            #expect(scene.ownerVerdicts == [.leaking])
            scene.shell.advance(.seconds(60))
            #expect(!reused.hasSeenFIN)
        }
    }

    @Test("where leaks are not cured the verdict is told and nobody is ended early")
    func notCured() throws {
        try withLeak({ $0.clients.curesLeaks = false }) { scene in
            var clients = try scene.leak()
            #expect(scene.ownerVerdicts == [.leaking])
            scene.shell.advance(.seconds(5))
            clients.append(try scene.serve())
            #expect(clients.allSatisfy { !scene.announcesClose($0) && !$0.hasSeenFIN })
            scene.shell.advance(.milliseconds(67_400))
            #expect(clients[0].hasSeenFIN && !clients[1].hasSeenFIN)
        }
    }

    // MARK: Probes

    @Test("a probe that is left lying has the ordinary time")
    func probeKept() throws {
        try withLeak { scene in
            let probe = try #require(try scene.leak().last)
            scene.shell.advance(.milliseconds(74_999))
            #expect(!probe.hasSeenFIN)
            scene.shell.advance(.milliseconds(1))
            #expect(probe.hasSeenFIN)
        }
    }

    @Test("an app that reuses its probes is healthy again, and that is told once")
    func mended() throws {
        try withLeak { scene in
            let probe = try #require(try scene.leak().last)
            scene.shell.advance(.seconds(3))
            #expect(scene.shell.parkedClients == 1)
            for _ in 0..<8 {
                #expect(scene.ownerVerdicts == [.leaking] && !scene.announcesClose(probe))
                scene.shell.advance(.seconds(1))
                try scene.ask(probe)
            }
            #expect(scene.ownerVerdicts == [.leaking, .healthy])
            for _ in 0..<10 { #expect(!scene.announcesClose(try scene.serve())) }
            #expect(scene.shell.statistics.leaksFound == 1)
        }
    }

    @Test("when the verdict is lifted, what is parked has the ordinary time again")
    func liftedInTime() throws {
        try withLeak({ $0.leakIdleTimeout = .seconds(40) }) { scene in
            let clients = try scene.leak()
            for client in clients.prefix(8) { try scene.ask(client) }
            #expect(scene.ownerVerdicts == [.leaking, .healthy])
            scene.shell.advance(.seconds(60))
            // Those that were used before the eighth had their close announced.
            #expect(clients.dropFirst(7).allSatisfy { !$0.hasSeenFIN })
        }
    }

    // MARK: Patience

    @Test("an owner that came back after half of idle_timeout is waited for four times as long")
    func comesBackLate() throws {
        for (seconds, isLate) in [(29, false), (30, true)] {
            try withLeak { scene in
                let client = try scene.serve()
                scene.shell.advance(.seconds(seconds))
                try scene.ask(client)
                scene.shell.advance(.milliseconds(74_999))
                #expect(!client.hasSeenFIN)
                scene.shell.advance(.milliseconds(1))
                #expect(client.hasSeenFIN != isLate)
                scene.shell.advance(.milliseconds(164_999))
                #expect(client.isOpen == isLate && !(isLate && client.hasSeenFIN))
                scene.shell.advance(.milliseconds(1))
                #expect(!isLate || client.hasSeenFIN)
            }
        }
    }

    @Test("who churns is told and keeps its keep-alive")
    func churning() throws {
        try withLeak { scene in
            for _ in 0..<32 {
                let client = try scene.serve()
                #expect(!scene.announcesClose(client))
                scene.shell.finish(client)
            }
            #expect(scene.ownerVerdicts == [.churning] && scene.shell.statistics.leaksFound == 0)
            #expect(!scene.announcesClose(try scene.serve()))
        }
    }
}
