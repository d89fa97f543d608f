import Basics
import ClientPolicy
import ProxyCore
import Testing

@Suite("Crowding: who makes room for newcomers")
struct CrowdingTests {
    private typealias Pair = (client: HarnessPeer, origin: HarnessPeer)

    /// Opens tunnels and lets each answer once, as long as there is room.
    private func fill(_ scene: LeakScene, _ count: Int, owner: UInt64 = LeakScene.leaker) throws -> [Pair] {
        try (0..<count).map { _ in
            let pair = try scene.shell.tunnel(owner: owner)
            scene.talk(pair)
            return pair
        }
    }

    @Test("at the bound quiet tunnels make room once they are read, and newcomers tell of the leak")
    func unreadAtTheInquiry() throws {
        // Most of them: the evidence of the others is forgotten as well, and nothing else tells of them.
        for unread in [.max, 16] { try unreadAtTheInquiry(unread) }
    }

    private func unreadAtTheInquiry(_ suspects: Int) throws {
        try withLeak({ $0.clients.maxConnections = 48 }) { scene in
            scene.shell.unread = 300
            scene.shell.unreadSuspects = suspects
            try scene.leakTunnels()
            #expect(scene.shell.inquiries > 0 && scene.destinationVerdicts.isEmpty)
            while scene.shell.canAccept { _ = try fill(scene, 1) }
            #expect(scene.shell.openTunnels == 48)
            scene.shell.unread = 0
            scene.shell.advance(.seconds(10))
            #expect(scene.shell.canAccept)
            try scene.leakTunnels(40)
            #expect(scene.destinationVerdicts == [.leaking])
        }
    }

    @Test("one that is quiet for leak_idle_timeout goes, the longest quiet of who has most, and no sooner")
    func longestOfHeaviest() throws {
        try withLeak({ $0.clients.maxConnections = 32 }) { scene in
            scene.shell.unread = 0
            let neighbours = try fill(scene, 10, owner: LeakScene.neighbour)
            scene.shell.advance(.seconds(3))
            let leaked = try fill(scene, 20)
            scene.shell.advance(.milliseconds(1900))
            let newcomers = try fill(scene, 1)
            #expect(leaked.allSatisfy { $0.origin.isOpen }, "near the bound, but quiet for less than 2 s")
            scene.shell.advance(.milliseconds(100))
            #expect(!leaked[0].origin.isOpen && leaked[1].origin.isOpen)
            #expect((neighbours + newcomers).allSatisfy { $0.origin.isOpen })
        }
    }

    @Test("working and proven tunnels never make room")
    func workingAndProven() throws {
        try withLeak({ $0.clients.maxConnections = 16 }) { scene in
            scene.shell.unread = 0
            let proven = try fill(scene, 8)
            scene.shell.advance(.milliseconds(200))
            for pair in proven { scene.talk(pair) }
            let working = try (0..<8).map { _ in
                let pair = try scene.shell.tunnel()
                scene.shell.send(pair.client, "question")
                return pair
            }
            scene.shell.advance(.seconds(50))
            #expect(!scene.shell.canAccept)
            #expect((proven + working).allSatisfy { $0.origin.isOpen })
        }
    }

    @Test("what the app has not read is no room, and is looked at until its time is up")
    func unread() throws {
        try withLeak({ $0.clients.maxConnections = 16 }) { scene in
            scene.shell.unread = 300
            let pairs = try fill(scene, 16)
            scene.shell.advance(.seconds(200))
            #expect(pairs.allSatisfy { $0.origin.isOpen } && !scene.shell.canAccept)
            let inspections = scene.shell.unreadInspections
            scene.shell.advance(.seconds(200))
            #expect(scene.shell.unreadInspections > inspections)
            #expect(scene.shell.openTunnels == 0, "tunnel.idle_timeout")
        }
    }

    @Test("without descriptors a quiet tunnel goes before one that is not read")
    func descriptors() throws {
        try withLeak { scene in
            scene.shell.unread = 300
            try scene.leakTunnels()
            let quiet = try fill(scene, 1)
            scene.shell.advance(.seconds(3))
            let open = scene.shell.openTunnels
            scene.shell.unread = 0
            // Some at a time.
            for _ in 0..<4 where quiet[0].origin.isOpen { scene.shell.exhaustDescriptors() }
            #expect(!quiet[0].origin.isOpen && scene.shell.statistics.stallsCut == 0)
            #expect((1..<open).contains(scene.shell.openTunnels))
            scene.shell.exhaustDescriptors()
            #expect(scene.shell.statistics.stallsCut == 1)
        }
    }
}
