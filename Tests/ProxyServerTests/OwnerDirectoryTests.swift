import Basics
import Dialling
import Glibc
import Reactor
import Synchronization
import Testing

@testable import ProxyServer

@Suite("Owner directory", .serialized)
struct OwnerDirectoryTests {
    @Test("no thread runs before the first question")
    func lazy() throws {
        let world = try DirectoryWorld()
        #expect(!world.directory.isRunning)
        _ = world.directory.name(of: LocalOwner(uid: 1, cgroup: nil))
        #expect(world.directory.isRunning)
        world.directory.close()
        #expect(!world.directory.isRunning)
    }

    @Test("a name is asked for once, told once, and then known")
    func name() throws {
        let world = try DirectoryWorld()
        let owner = LocalOwner(uid: 1000, cgroup: 77)
        let name = OwnerName(
            user: "user1000",
            cgroupPath: "/system.slice/unit77.service",
            unit: "unit77.service"
        )
        for _ in 0..<5 { #expect(world.directory.name(of: owner) == nil) }
        #expect(world.directory.pendingCount == 1)
        world.turn { world.told.count == 1 }
        #expect(world.told == [owner])
        #expect(world.directory.name(of: owner) == name)
        #expect(world.directory.pendingCount == 0)
        #expect(world.lookUps == 1)

        // Without a control group, and with one that is gone.
        let plain = LocalOwner(uid: 1000, cgroup: nil)
        let gone = LocalOwner(uid: 1000, cgroup: 13)
        for owner in [plain, gone] { _ = world.directory.name(of: owner) }
        world.turn { world.told.count == 3 }
        let unknown = OwnerName(user: "user1000", cgroupPath: nil, unit: nil)
        #expect(world.directory.name(of: plain) == unknown)
        #expect(world.directory.name(of: gone) == unknown)
        #expect(world.lookUps == 3)
    }

    @Test("more owners than fit are forgotten and found again")
    func capacity() throws {
        let world = try DirectoryWorld(capacity: 10)
        for uid in 0..<25 { _ = world.directory.name(of: LocalOwner(uid: UInt32(uid), cgroup: nil)) }
        world.turn { world.told.count == 25 }
        #expect((1...10).contains(world.directory.count))
        let first = LocalOwner(uid: 0, cgroup: nil)
        #expect(world.directory.name(of: first) == nil)
        world.turn { world.told.count == 26 }
        #expect(world.directory.name(of: first)?.user == "user0")
    }

    @Test("what is asked while the thread is stuck is bounded, never waited for, and comes in the end")
    func stuck() throws {
        let world = try DirectoryWorld(isStuck: true)
        let started = world.loop.now
        for uid in 0..<5000 { _ = world.directory.name(of: LocalOwner(uid: UInt32(uid), cgroup: nil)) }
        let pending = world.directory.pendingCount
        #expect((1000...1100).contains(pending))
        var refused: ProcessSearch?
        world.directory.findProcesses(Holders(inodes: [1])) { refused = $0 }
        #expect(refused == nil, "told from inside the call")
        world.turn { refused != nil }
        #expect(refused == ProcessSearch(isComplete: false))
        #expect(world.loop.now.since(started) < .seconds(5))
        world.release()
        world.turn { world.told.count == pending }
        _ = world.directory.name(of: LocalOwner(uid: 4999, cgroup: nil))
        world.turn { world.told.count == pending + 1 }
    }

    @Test("clients are counted by their sockets, where those are hidden by their group, or not at all")
    func clients() throws {
        let world = try DirectoryWorld()
        var counts: [Int?] = []
        let owner = LocalOwner(uid: 1, cgroup: 7)
        func count(_ owner: LocalOwner, _ holders: Holders) {
            world.directory.countClients(of: owner, among: holders) { counts.append($0) }
        }
        count(owner, Holders(inodes: [1, 2]))
        #expect(counts.isEmpty, "told from inside the call")
        count(owner, Holders(inodes: [1, 2000]))
        let plain = LocalOwner(uid: 1, cgroup: nil)
        count(plain, Holders(inodes: [2000]))
        // Over Unix sockets processes are known by number; this one holds a TCP socket, too.
        count(owner, Holders(inodes: [1], pids: [1: 3, 5: 1, 6: 9]))
        count(owner, Holders(pids: [5: 1, 6: 9], isWhole: false))
        world.turn { counts.count == 5 }
        #expect(counts == [1, 7, nil, 3, 7] && world.directory.pendingCount == 0)
        world.directory.close()
        world.directory.countClients(of: owner, among: Holders(inodes: [1])) { counts.append($0) }
        #expect(world.directory.pendingCount == 0)
    }

    @Test("the end does not wait for a stuck thread, and nothing is told after it")
    func closing() throws {
        let world = try DirectoryWorld(isStuck: true)
        var isTold = false
        _ = world.directory.name(of: LocalOwner(uid: 1, cgroup: nil))
        world.directory.findProcesses(Holders(inodes: [1])) { _ in isTold = true }
        let started = world.loop.now
        world.directory.close()
        world.directory.close()
        #expect(world.loop.now.since(started) < .seconds(1))
        world.release()
        #expect(world.directory.name(of: LocalOwner(uid: 1, cgroup: nil)) == nil)
        world.directory.findProcesses(Holders(inodes: [1])) { _ in isTold = true }
        for _ in 0..<50 {
            world.loop.turn(waiting: false)
            usleep(1000)
        }
        #expect(!isTold)
        #expect(world.told.isEmpty)
        #expect(world.directory.pendingCount == 0)
    }

    @Test("it may be closed by whom it tells")
    func closedByListener() throws {
        let world = try DirectoryWorld()
        var told = 0
        world.directory.onNamed = { [unowned world] _, _ in
            told += 1
            world.directory.close()
        }
        for uid in 0..<100 { _ = world.directory.name(of: LocalOwner(uid: UInt32(uid), cgroup: nil)) }
        world.turn { told > 0 }
        for _ in 0..<20 {
            world.loop.turn(waiting: false)
            usleep(1000)
        }
        #expect(told == 1)
    }

    @Test("the system's users, groups and processes are found for a real connection")
    func system() throws {
        let loop = try EventLoop()
        let directory = OwnerDirectory(loop: loop)
        defer { directory.close() }
        let listener = try Sockets.listen(on: Endpoint(address: .v4(0x7F00_0001), port: 0), backlog: 1)
        let endpoint = try #require(Sockets.localEndpoint(listener))
        let client = try Sockets.openStream(to: endpoint).get()
        defer { for descriptor in [listener, client] { Sockets.close(descriptor) } }
        let source = try #require(Sockets.localEndpoint(client))
        let report = try #require(SocketDiagnostics().report(from: source, to: endpoint))
        let owner = LocalOwner(uid: try #require(report.uid), cgroup: report.cgroup)

        var name: OwnerName?
        directory.onNamed = { _, found in name = found }
        var search: ProcessSearch?
        _ = directory.name(of: owner)
        directory.findProcesses(Holders(inodes: [report.inode])) { search = $0 }
        var isOver = false
        let timer = LoopTimer(loop: loop) { isOver = true }
        timer.arm(at: loop.now + .seconds(20))
        while (name == nil || search == nil) && !isOver { loop.turn() }
        #expect(name?.user == UserNames.name(of: geteuid()))
        #expect(name == directory.name(of: owner))
        // Perhaps in a program that another test is about to start, too.
        #expect(search?.findings.first?.inodes == [report.inode])
    }
}

/// A directory over a system of its own, which may be stuck.
private final class DirectoryWorld {
    let loop: EventLoop
    let directory: OwnerDirectory
    private let gate: WakeUp
    private let counter = Counter()
    private(set) var told: [LocalOwner] = []

    /// Shared with the thread.
    final class Counter: Sendable {
        let lookUps = Atomic(0)
        let isStuck = Atomic(false)
    }

    init(capacity: Int = 4096, isStuck: Bool = false) throws {
        loop = try EventLoop()
        let gate = try WakeUp()
        self.gate = gate
        let counter = counter
        counter.isStuck.store(isStuck, ordering: .relaxed)
        let sources = OwnerSources(
            user: { uid in
                if counter.isStuck.load(ordering: .relaxed) { _ = gate.wait() }
                counter.lookUps.add(1, ordering: .relaxed)
                return "user\(uid)"
            },
            groupPath: { $0 == 13 ? nil : "/system.slice/unit\($0).service" },
            processes: { holders in
                let inodes = holders.inodes
                let finding = ProcessFinding(pid: 1, command: "app", executable: nil, inodes: inodes)
                // What is above a thousand is hidden.
                return ProcessSearch(findings: inodes.contains { $0 > 1000 } ? [] : [finding])
            },
            population: { $0.cgroup.map { Int($0) } }
        )
        directory = OwnerDirectory(loop: loop, sources: sources, capacity: capacity)
        directory.onNamed = { [unowned self] owner, _ in told.append(owner) }
    }

    deinit {
        release()
        directory.close()
    }

    /// How often a user was looked up.
    var lookUps: Int { counter.lookUps.load(ordering: .relaxed) }

    /// Lets the thread go on.
    func release() {
        counter.isStuck.store(false, ordering: .relaxed)
        gate.raise()
    }

    /// Turns the loop until the condition holds; the timer keeps a lost event from hanging the test.
    func turn(until condition: () -> Bool) {
        var isOver = false
        let guardTimer = LoopTimer(loop: loop) { isOver = true }
        guardTimer.arm(at: loop.now + .seconds(20))
        while !condition() && !isOver { loop.turn() }
        if isOver { Issue.record("nothing happened for 20 seconds") }
    }
}
