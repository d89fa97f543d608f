import Basics
import Reactor
import Settings
import Synchronization
import Testing

@testable import ProxyServer

@Suite("Workers", .serialized)
struct WorkersTests {
    private final class World {
        let loop: EventLoop
        let workers: Workers

        init(_ count: Int) throws {
            let facts = HostFacts(descriptorLimit: 20_000, ephemeralPorts: 32768...60999)
            let settings = try Settings.defaults(for: facts)
            let setups = (0..<count).map { index in
                WorkerSetup(
                    index: index,
                    count: count,
                    settings: settings,
                    pseudonym: "weir-test",
                    mark: 0,
                    seed: 1
                )
            }
            loop = try EventLoop()
            workers = try Workers(setups[0], loop: loop)
            try workers.start(Array(setups.dropFirst()))
        }

        func turn(until condition: () -> Bool) {
            var isLate = false
            let timer = LoopTimer(loop: loop) { isLate = true }
            timer.arm(at: loop.now + .seconds(10))
            while !condition() && !isLate { loop.turn() }
            #expect(!isLate, "waited in vain")
        }

        func end() {
            workers.close()
            workers.local.close()
        }
    }

    @Test("one worker answers at once, without a thread")
    func one() throws {
        let world = try World(1)
        var answers: [Int]?
        world.workers.gather({ $0.setup.index }) { answers = $0 }
        #expect(answers == [0])
        world.workers.drain(lastCall: .zero)
        #expect(world.workers.areAtRest && world.workers.keepNothing)
        world.end()
    }

    @Test("all are asked, each on its own thread, and the answers come in their order")
    func gather() throws {
        let world = try World(3)
        var answers: [Int]?
        world.workers.gather({ worker in
            worker.loop.assertOnThread()
            return worker.setup.index
        }) { answers = $0 }
        #expect(answers == nil)
        world.turn { answers != nil }
        #expect(answers == [0, 1, 2])
        world.end()
    }

    @Test("one that does not answer in time is not waited for, and its late answer is ignored")
    func stuck() throws {
        let world = try World(2)
        let gate = try WakeUp()
        world.workers.tell(1) { _ in _ = gate.wait() }
        var results: [Int?] = []
        world.workers.gather(within: .milliseconds(50), { _ in 1 }) { results.append($0?.count) }
        world.turn { !results.isEmpty }
        #expect(results == [nil])
        gate.raise()
        world.workers.gather({ _ in 1 }) { results.append($0?.count) }
        world.turn { results.count == 2 }
        #expect(results == [nil, 2])
        world.end()
    }

    @Test("at rest are they when the last one has said so, after the last call to drain")
    func drain() throws {
        let world = try World(2)
        let gate = try WakeUp()
        world.workers.drain(lastCall: .zero, stillAccepts: true)
        world.turn { world.workers.areAtRest }
        world.workers.tell(1) { _ in _ = gate.wait() }
        world.workers.drain(lastCall: .zero)
        #expect(!world.workers.areAtRest && !world.workers.keepNothing)
        gate.raise()
        world.turn { world.workers.areAtRest }
        world.end()
    }

    @Test("what finds no room in the mailbox is told later, in order")
    func fullMailbox() throws {
        let loop = try EventLoop()
        let letters = try Mailbox<WorkerLetter>(capacity: 2)
        let outbox = WorkerOutbox(letters, worker: 1, loop: loop)
        for number in 0..<5 {
            outbox.post(.settled(WorkerRest(drain: number, keepsNothing: true, isAtRest: true)))
        }
        var told: [Int] = []
        let reader = MailboxReader(letters, loop: loop) { letter in
            if case .settled(let rest) = letter.notice { told.append(rest.drain) }
        }
        while told.count < 5 { loop.turn() }
        #expect(told == [0, 1, 2, 3, 4])
        reader.close()
        outbox.close()
    }
}
