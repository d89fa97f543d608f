import Basics
import Glibc
import Reactor
import Testing

extension ReactorSuite {
    @Suite("pipes between sockets")
    struct SplicePipeTests {
        /// Two connections, and what passes from the second one's far end to the first one's.
        private struct Scene {
            let near, far, source, sink: Int32

            init() throws {
                (near, far) = try Loopback.pair()
                (source, sink) = try Loopback.pair()
            }

            func close() { for descriptor in [near, far, source, sink] { Sockets.close(descriptor) } }

            /// What `far` reads until the end of the stream.
            func rest() throws -> [UInt8] {
                var bytes: [UInt8] = []
                while true {
                    try Loopback.wait(far, for: POLLIN)
                    let (result, more) = Loopback.read(far)
                    if result == .endOfFile { return bytes }
                    bytes += more
                }
            }
        }

        @Test("bytes pass in order, no more than asked for, and the pipe is kept for the next")
        func passing() throws {
            let scene = try Scene()
            let pool = SplicePipePool()
            Loopback.write(scene.sink, "0123456789")
            try Loopback.wait(scene.source, for: POLLIN)
            let pipe = try #require(pool.take())
            #expect(pipe.fill(from: scene.source, atMost: 4) == .bytes(4))
            #expect(pipe.count == 4 && pool.lent == 1 && pool.idleCount == 0)
            var queue = OutputQueue()
            #expect(queue.send(pipe, to: scene.near) == .flushed(4))
            #expect(queue.isEmpty && pool.lent == 0 && pool.idleCount == 1)
            try Loopback.wait(scene.far, for: POLLIN)
            #expect(Loopback.read(scene.far).bytes == Array("0123".utf8))
            let again = try #require(pool.take())
            #expect(again === pipe)
            #expect(again.fill(from: scene.source, atMost: 100) == .bytes(6))
            #expect(again.drain(to: scene.near) == .flushed(6))
            #expect(again.fill(from: scene.source, atMost: 100) == .wouldBlock)
            Sockets.shutdownWrite(scene.sink)
            try Loopback.wait(scene.source, for: POLLIN)
            #expect(again.fill(from: scene.source, atMost: 100) == .endOfFile)
            again.giveBack()
            scene.close()
        }

        @Test("what a full socket does not take stays in the pipe, and what is written later comes behind it")
        func backpressure() throws {
            let scene = try Scene()
            let filled = Loopback.fill(scene.near)
            let pool = SplicePipePool()
            Loopback.write(scene.sink, "abcdef")
            try Loopback.wait(scene.source, for: POLLIN)
            let pipe = try #require(pool.take())
            #expect(pipe.fill(from: scene.source, atMost: 100) == .bytes(6))
            var queue = OutputQueue()
            #expect(queue.send(pipe, to: scene.near) == .pending(0))
            #expect(queue.count == 6 && !queue.isEmpty && pool.lent == 1)
            var outbox = ByteBuffer()
            outbox.append("ghi")
            var writer = GatherWriter()
            writer.addOutbox(0..<3)
            let block = ReceiveBlock()
            #expect(
                writer.write(to: scene.near, outbox: outbox, received: block, queue: &queue) == .pending(0)
            )
            #expect(queue.count == 9)
            #expect(queue.write(to: scene.near) == .pending(0))
            let before = Loopback.drain(scene.far).count
            try Loopback.wait(scene.near, for: POLLOUT)
            #expect(queue.write(to: scene.near) == .flushed(9))
            #expect(queue.isEmpty && pool.lent == 0 && pool.idleCount == 1)
            Sockets.shutdownWrite(scene.near)
            let rest = try scene.rest()
            #expect(before + rest.count == filled + 9)
            #expect(rest.suffix(9) == Array("abcdefghi".utf8)[...])
            scene.close()
        }

        @Test("a pipe with bytes that nobody is to get is closed, not lent again")
        func dropped() throws {
            let scene = try Scene()
            _ = Loopback.fill(scene.near)
            let pool = SplicePipePool()
            Loopback.write(scene.sink, "secret")
            try Loopback.wait(scene.source, for: POLLIN)
            let pipe = try #require(pool.take())
            #expect(pipe.fill(from: scene.source, atMost: 100) == .bytes(6))
            var queue = OutputQueue()
            #expect(queue.send(pipe, to: scene.near) == .pending(0))
            queue.removeAll()
            #expect(queue.isEmpty && queue.count == 0)
            #expect(pool.lent == 0 && pool.idleCount == 0)
            scene.close()
        }

        @Test("the pool lends no more than its bound, and keeps few that are empty")
        func bounds() throws {
            let pool = SplicePipePool(most: 3, idle: 1)
            let pipes = (0..<3).compactMap { _ in pool.take() }
            #expect(pipes.count == 3 && pool.take() == nil)
            for pipe in pipes { pipe.giveBack() }
            #expect(pool.lent == 0 && pool.idleCount == 1)
            pool.closeIdle()
            #expect(pool.idleCount == 0)
            let pipe = try #require(pool.take())
            pipe.giveBack()
        }

        @Test("a receiver that is gone is a failure, and so is a reset of the sender")
        func failures() throws {
            signal(SIGPIPE, SIG_IGN)
            let scene = try Scene()
            let pool = SplicePipePool()
            Loopback.write(scene.sink, "lost")
            try Loopback.wait(scene.source, for: POLLIN)
            let pipe = try #require(pool.take())
            #expect(pipe.fill(from: scene.source, atMost: 100) == .bytes(4))
            Sockets.closeWithReset(scene.far)
            try Loopback.wait(scene.near, for: POLLIN)
            var queue = OutputQueue()
            let result = queue.send(pipe, to: scene.near)
            #expect(result == .failed(ECONNRESET) || result == .failed(EPIPE))
            #expect(queue.isEmpty && pool.lent == 0 && pool.idleCount == 0)
            let other = try #require(pool.take())
            Sockets.closeWithReset(scene.sink)
            try Loopback.wait(scene.source, for: POLLIN)
            #expect(other.fill(from: scene.source, atMost: 100) == .failed(ECONNRESET))
            other.giveBack()
            for descriptor in [scene.near, scene.source] { Sockets.close(descriptor) }
        }
    }
}
