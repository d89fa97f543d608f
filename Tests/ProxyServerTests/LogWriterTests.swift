import Basics
import Glibc
import Reactor
import Testing

@testable import ProxyServer

@Suite("Log writer", .serialized)
struct LogWriterTests {
    @Test("lines reach the descriptor in order and whole, and stopping flushes them")
    func flushOnStop() throws {
        let pipe = try LogPipe()
        defer { pipe.closeReader() }
        let writer = try LogWriter(descriptor: pipe.writer)
        // Less than a pipe holds, as nobody reads before the end.
        let lines = (0..<2000).map { "line \($0)\n" }
        for line in lines { #expect(writer.write(ByteBuffer(line))) }
        #expect(writer.stop())
        pipe.closeWriter()
        #expect(pipe.readAll() == lines.joined())
        #expect(writer.droppedLines == 0)
    }

    @Test("a reader that has stopped costs lines, which are counted, and never holds up the writer's caller")
    func fullPipe() throws {
        let pipe = try LogPipe()
        pipe.fill()
        let writer = try LogWriter(descriptor: pipe.writer, capacity: 1000)
        let line = ByteBuffer(String(repeating: "x", count: 99) + "\n")
        var taken = 0
        for _ in 0..<10_000 where writer.write(line) { taken += 1 }
        // One batch of at most the capacity is with the thread, one more waits.
        #expect((1...20).contains(taken))
        #expect(writer.droppedLines == 10_000 - taken)
        #expect(!writer.stop(within: .milliseconds(20)), "nobody has taken the lines")
        // The thread wakes when its reader is gone, and counts what it could not write.
        pipe.closeReader()
        while writer.droppedLines < 10_000 { sched_yield() }
        pipe.closeWriter()
        #expect(writer.droppedLines == 10_000)
    }

    @Test("a pipe whose reader is gone raises no signal, and its lines are counted as dropped")
    func brokenPipe() throws {
        let pipe = try LogPipe()
        pipe.closeReader()
        let writer = try LogWriter(descriptor: pipe.writer)
        #expect(writer.write(ByteBuffer("lost\n")))
        #expect(writer.stop())
        #expect(writer.droppedLines == 1)
        pipe.closeWriter()
    }

    @Test("a non-blocking descriptor is waited for, not given up")
    func nonBlockingPipe() throws {
        let pipe = try LogPipe()
        defer { pipe.closeReader() }
        _ = fcntl(pipe.writer, F_SETFL, fcntl(pipe.writer, F_GETFL) | O_NONBLOCK)
        let writer = try LogWriter(descriptor: pipe.writer)
        let line = String(repeating: "y", count: 999) + "\n"
        for _ in 0..<500 { writer.write(ByteBuffer(line)) }
        let descriptor = pipe.writer
        // The reader comes late: the pipe was full long before.
        let stopper = try HelperThread {
            writer.stop()
            Sockets.close(descriptor)
        }
        #expect(pipe.readAll() == String(repeating: line, count: 500))
        #expect(stopper.join(within: .seconds(5)))
        #expect(writer.droppedLines == 0)
    }

    @Test("lines from many threads never mix")
    func manyThreads() throws {
        let pipe = try LogPipe()
        defer { pipe.closeReader() }
        let writer = try LogWriter(descriptor: pipe.writer)
        let threads = try (0..<4).map { number in
            try HelperThread {
                for index in 0..<500 { writer.write(ByteBuffer("thread \(number) line \(index)\n")) }
            }
        }
        let descriptor = pipe.writer
        let stopper = try HelperThread {
            for thread in threads { _ = thread.join(within: .seconds(10)) }
            writer.stop()
            Sockets.close(descriptor)
        }
        let lines = pipe.readAll().split(separator: "\n")
        #expect(stopper.join(within: .seconds(10)))
        for number in 0..<4 {
            let own = lines.filter { $0.hasPrefix("thread \(number) ") }
            #expect(own == (0..<500).map { "thread \(number) line \($0)" })
        }
        #expect(lines.count == 2000)
    }

    @Test("after it was stopped it takes no more lines, and stopping again does nothing")
    func afterStop() throws {
        let pipe = try LogPipe()
        defer { pipe.closeReader() }
        let writer = try LogWriter(descriptor: pipe.writer)
        #expect(writer.stop())
        #expect(writer.stop())
        #expect(!writer.write(ByteBuffer("late\n")))
        pipe.closeWriter()
        #expect(pipe.readAll() == "")
    }
}
