import Glibc
import Reactor
import Testing

extension ReactorSuite {
    @Suite("socket watch")
    struct SocketWatchTests {
        @Test("readability is reported under the token of the moment, until it was read")
        func reading() throws {
            let fixture = try LoopFixture()
            let (near, far) = try Loopback.pair()
            let watch = SocketWatch(loop: fixture.loop, descriptor: near, token: 7)
            #expect(watch.setReading(true))
            fixture.loop.turn(waiting: false)
            #expect(fixture.recorder.reports.isEmpty)

            Loopback.write(far, "x")
            fixture.loop.turn()
            fixture.loop.turn()
            watch.token = 8
            fixture.loop.turn()
            #expect(fixture.recorder.reports.map(\.token) == [7, 7, 8])
            #expect(fixture.recorder.reports.allSatisfy { $0.readable && !$0.writable })
            #expect(Loopback.drain(near) == Array("x".utf8))
            fixture.loop.turn(waiting: false)
            #expect(fixture.recorder.reports.count == 3)

            watch.invalidate()
            Sockets.close(near)
            Sockets.close(far)
        }

        @Test("a watch that is not to read is silent, and hears what came when it is to read again")
        func pausing() throws {
            let fixture = try LoopFixture()
            let (near, far) = try Loopback.pair()
            let watch = SocketWatch(loop: fixture.loop, descriptor: near, token: 1)
            watch.setReading(true)
            watch.setReading(false)
            Loopback.write(far, "x")
            try Loopback.wait(near, for: POLLIN)
            fixture.loop.turn(waiting: false)
            #expect(fixture.recorder.reports.isEmpty)
            watch.setReading(true)
            fixture.loop.turn()
            #expect(fixture.recorder.reports.count == 1)
            watch.invalidate()
            Sockets.close(near)
            Sockets.close(far)
        }

        @Test("writability is reported while it is wanted, and may be unwanted in its own callback")
        func writing() throws {
            let fixture = try LoopFixture()
            let (near, far) = try Loopback.pair()
            let watch = SocketWatch(loop: fixture.loop, descriptor: near, token: 1)
            fixture.recorder.act = { report in if report.writable { watch.setWriting(false) } }
            for _ in 0..<3 {
                #expect(watch.setWriting(true))
                #expect(watch.isWriting)
                fixture.loop.turn()
                #expect(!watch.isWriting)
            }
            #expect(fixture.recorder.reports.map(\.writable) == [true, true, true])
            watch.invalidate()
            Sockets.close(near)
            Sockets.close(far)
        }

        @Test("a socket that is closed in the callback of another is not reported in the same turn")
        func staleReadiness() throws {
            let fixture = try LoopFixture()
            let pairs = try (0..<8).map { _ in try Loopback.pair() }
            var watches: [SocketWatch?] = pairs.enumerated().map { index, pair in
                SocketWatch(loop: fixture.loop, descriptor: pair.near, token: UInt64(index))
            }
            for (pair, watch) in zip(pairs, watches) {
                watch?.setReading(true)
                watch?.setWriting(true)
                Loopback.write(pair.far, "x")
                try Loopback.wait(pair.near, for: POLLIN)
            }
            // The first one that is called ends all, itself included, and releases them.
            fixture.recorder.act = { _ in
                for index in watches.indices {
                    watches[index]?.invalidate()
                    watches[index] = nil
                    Sockets.close(pairs[index].near)
                }
            }
            fixture.loop.turn()
            fixture.loop.turn(waiting: false)
            #expect(fixture.recorder.reports.count == 1)
            for pair in pairs { Sockets.close(pair.far) }
        }

        @Test("a new socket with the number of a closed one is watched on its own")
        func reusedDescriptor() throws {
            let fixture = try LoopFixture()
            let (near, far) = try Loopback.pair()
            let (spare, spareFar) = try Loopback.pair()
            let first = SocketWatch(loop: fixture.loop, descriptor: near, token: 1)
            first.setReading(true)
            Loopback.write(far, "x")
            fixture.loop.turn()
            first.invalidate()
            Sockets.close(near)
            // dup2 gives the other connection exactly the number that was closed.
            #expect(dup2(spare, near) == near)
            Sockets.close(spare)
            let second = SocketWatch(loop: fixture.loop, descriptor: near, token: 2)
            second.setReading(true)
            fixture.loop.turn(waiting: false)
            Loopback.write(spareFar, "y")
            fixture.loop.turn()
            #expect(fixture.recorder.reports.map(\.token) == [1, 2])
            second.invalidate()
            for descriptor in [near, far, spareFar] { Sockets.close(descriptor) }
        }

        @Test("a reset is reported to a watch that only waits to write")
        func resetWhileWriting() throws {
            let fixture = try LoopFixture()
            let (near, far) = try Loopback.pair()
            let watch = SocketWatch(loop: fixture.loop, descriptor: near, token: 1)
            _ = Loopback.fill(near)
            watch.setWriting(true)
            fixture.loop.turn(waiting: false)
            #expect(fixture.recorder.reports.isEmpty)
            Sockets.closeWithReset(far)
            fixture.loop.turn { !fixture.recorder.reports.isEmpty }
            #expect(fixture.recorder.reports[0].writable)
            let bytes: [UInt8] = [1]
            #expect(Sockets.write(near, bytes.span) == .failed(ECONNRESET))
            watch.invalidate()
            Sockets.close(near)
        }

        @Test("a descriptor watch calls its closure and lets go of it when it is invalidated")
        func descriptorWatch() throws {
            let loop = try EventLoop()
            let (near, far) = try Loopback.pair()
            final class Witness {}
            var witness: Witness? = Witness()
            weak let observed = witness
            var calls: [[Bool]] = []
            let watch = DescriptorWatch(loop: loop, descriptor: near) { [witness] readable, writable in
                withExtendedLifetime(witness) { calls.append([readable, writable]) }
            }
            witness = nil
            watch.setWriting(true)
            loop.turn()
            watch.setWriting(false)
            watch.setReading(true)
            Loopback.write(far, "x")
            loop.turn()
            #expect(calls == [[false, true], [true, false]])
            #expect(observed != nil)
            watch.invalidate()
            #expect(observed == nil)
            Sockets.close(near)
            Sockets.close(far)
        }
    }
}
