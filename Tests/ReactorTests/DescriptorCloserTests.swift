import Glibc
import Reactor
import Testing

extension ReactorSuite {
    @Suite("descriptor closer")
    struct DescriptorCloserTests {
        @Test("thousands that end together are closed turn by turn, the first at once")
        func slices() throws {
            let fixture = try LoopFixture()
            let closer = DescriptorCloser(loop: fixture.loop)
            let pairs = try (0..<150).map { _ in try Loopback.pair() }
            func closed() -> Int { pairs.count { fcntl($0.near, F_GETFD) < 0 } }
            fixture.loop.turn(waiting: false)
            for pair in pairs { closer.close(pair.near, isReset: true) }
            #expect(closed() == 64)
            // The loop does not wait while something is left.
            fixture.loop.turn()
            #expect(closed() == 128)
            fixture.loop.turn()
            #expect(closed() == 150)
            #expect(pairs.allSatisfy { Loopback.read($0.far).result == .failed(ECONNRESET) })
            for pair in pairs { Sockets.close(pair.far) }
        }

        @Test("what waits is closed by order, and a new turn begins anew")
        func closeAll() throws {
            let fixture = try LoopFixture()
            let closer = DescriptorCloser(loop: fixture.loop)
            let pairs = try (0..<100).map { _ in try Loopback.pair() }
            func closed() -> Int { pairs.count { fcntl($0.near, F_GETFD) < 0 } }
            for pair in pairs[..<80] { closer.close(pair.near, isReset: false) }
            closer.closeAll()
            #expect(closed() == 80)
            fixture.loop.turn(waiting: false)
            for pair in pairs[80...] { closer.close(pair.near, isReset: false) }
            #expect(closed() == 100)
            for pair in pairs { Sockets.close(pair.far) }
        }
    }
}
