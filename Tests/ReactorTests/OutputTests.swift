import Basics
import Glibc
import Reactor
import Testing

extension ReactorSuite {
    @Suite("output")
    struct OutputTests {
        @Test("pieces of outbox and receive block go out in order, with one write")
        func gathering() throws {
            let (near, far) = try Loopback.pair()
            let (source, sink) = try Loopback.pair()
            Loopback.write(sink, "0123456789")
            try Loopback.wait(source, for: POLLIN)
            let block = ReceiveBlock()
            #expect(block.receive(from: source) == .bytes(10))
            var outbox = ByteBuffer()
            outbox.append("HEADtail")

            var writer = GatherWriter()
            var queue = OutputQueue()
            writer.addOutbox(0..<4)
            writer.addReceived(2..<5)
            writer.addReceived(5..<8)
            writer.addReceived(8..<8)
            writer.addOutbox(4..<8)
            #expect(writer.byteCount == 14)
            #expect(writer.write(to: near, outbox: outbox, received: block, queue: &queue) == .flushed(14))
            #expect(writer.isEmpty && queue.isEmpty)
            try Loopback.wait(far, for: POLLIN)
            #expect(Loopback.read(far).bytes == Array("HEAD234567tail".utf8))
            #expect(writer.write(to: near, outbox: outbox, received: block, queue: &queue) == .flushed(0))
            for descriptor in [near, far, source, sink] { Sockets.close(descriptor) }
        }

        @Test("sixteen pieces fit, and neighbours count as one")
        func capacity() {
            var writer = GatherWriter()
            for index in 0..<16 {
                #expect(!writer.isFull)
                writer.addOutbox(index * 2..<index * 2 + 1)
            }
            #expect(writer.isFull)
            writer.addOutbox(31..<40)
            #expect(writer.byteCount == 25)
            writer.removeAll()
            #expect(writer.isEmpty && !writer.isFull)
        }

        @Test("what a full socket does not take waits in the queue, and nothing overtakes it")
        func backpressure() throws {
            let (near, far) = try Loopback.pair()
            let filled = Loopback.fill(near)
            var outbox = ByteBuffer()
            outbox.append("abcdef")
            let block = ReceiveBlock()
            var writer = GatherWriter()
            var queue = OutputQueue()
            writer.addOutbox(0..<3)
            #expect(writer.write(to: near, outbox: outbox, received: block, queue: &queue) == .pending(0))
            #expect(queue.count == 3)
            #expect(queue.write(to: near) == .pending(0))
            let before = Loopback.drain(far).count
            try Loopback.wait(near, for: POLLOUT)
            // There may be room now, but three bytes come first.
            writer.addOutbox(3..<6)
            #expect(writer.write(to: near, outbox: outbox, received: block, queue: &queue) == .pending(0))
            #expect(queue.write(to: near) == .flushed(6))
            #expect(queue.isEmpty)
            Sockets.shutdownWrite(near)
            var rest: [UInt8] = []
            while true {
                try Loopback.wait(far, for: POLLIN)
                let (result, bytes) = Loopback.read(far)
                if result == .endOfFile { break }
                rest += bytes
            }
            #expect(before + rest.count == filled + 6)
            #expect(rest.suffix(6) == Array("abcdef".utf8)[...])
            Sockets.close(near)
            Sockets.close(far)
        }

        @Test("a lost connection is an error of the write, and the queue can be dropped")
        func lost() throws {
            let (near, far) = try Loopback.pair()
            Sockets.closeWithReset(far)
            try Loopback.wait(near, for: POLLERR)
            var outbox = ByteBuffer()
            outbox.append("x")
            var writer = GatherWriter()
            var queue = OutputQueue()
            writer.addOutbox(0..<1)
            let block = ReceiveBlock()
            let result = writer.write(to: near, outbox: outbox, received: block, queue: &queue)
            #expect(result == .failed(ECONNRESET))
            #expect(queue.isEmpty)
            queue.append(outbox, 0..<1)
            #expect(queue.write(to: near) == .failed(EPIPE))
            queue.removeAll()
            #expect(queue.count == 0)
            Sockets.close(near)
        }

        @Test(
            "whatever the sizes and however slow the reader, the bytes arrive whole and in order",
            arguments: 0..<20
        )
        func randomTraffic(seed: UInt64) throws {
            // Unix sockets, as TCP with so small a buffer waits for its timers; small, so that most writes
            // are partial.
            var ends: [Int32] = [0, 0]
            socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends)
            let (near, far) = (ends[0], ends[1])
            var size: Int32 = 1
            setsockopt(near, SOL_SOCKET, SO_SNDBUF, &size, 4)
            var partialWrites = 0
            var random = RandomSource(seed: seed)
            var outbox = ByteBuffer()
            for index in 0..<50_000 { outbox.append(UInt8(truncatingIfNeeded: index &* 31 >> 3)) }
            let whole = (0..<50_000).map { outbox.span[$0] }
            let block = ReceiveBlock()
            var writer = GatherWriter()
            var queue = OutputQueue()
            var expected: [UInt8] = []
            var received: [UInt8] = []
            for _ in 0..<200 {
                for _ in 0..<random.below(17) {
                    let start = random.below(50_000)
                    let end = start + random.below(min(50_000 - start, random.oneIn(10) ? 20_000 : 50) + 1)
                    writer.addOutbox(start..<end)
                    expected += whole[start..<end]
                }
                let result = writer.write(to: near, outbox: outbox, received: block, queue: &queue)
                if case .pending(1...) = result { partialWrites += 1 }
                if random.oneIn(2) { received += Loopback.read(far, 1 + random.below(30_000)).bytes }
                if random.oneIn(2) { _ = queue.write(to: near) }
            }
            while received.count < expected.count {
                _ = queue.write(to: near)
                try Loopback.wait(far, for: POLLIN)
                received += Loopback.drain(far)
            }
            #expect(received == expected)
            #expect(partialWrites > 0)
            #expect(queue.write(to: near) == .flushed(0))
            Sockets.close(near)
            Sockets.close(far)
        }

        @Test("the receive block lends what came, no more than was asked for")
        func receiving() throws {
            let (near, far) = try Loopback.pair()
            let block = ReceiveBlock()
            #expect(block.receive(from: near) == .wouldBlock)
            #expect(block.count == 0)
            Loopback.write(far, "hello")
            try Loopback.wait(near, for: POLLIN)
            #expect(block.receive(from: near, atMost: 2) == .bytes(2))
            block.withSpan(2) { span in
                #expect(span.count == 2 && span[0] == 104 && span[1] == 101)
            }
            #expect(block.receive(from: near) == .bytes(3))
            #expect(block.withSpan(1) { $0[0] } == 108)
            Sockets.shutdownWrite(far)
            try Loopback.wait(near, for: POLLIN)
            #expect(block.receive(from: near) == .endOfFile)
            #expect(block.count == 0)
            Sockets.close(near)
            Sockets.close(far)
        }
    }
}
