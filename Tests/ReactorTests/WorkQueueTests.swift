import Basics
import Glibc
import Reactor
import Synchronization
import Testing

extension ReactorSuite {
    @Suite("work queue")
    struct WorkQueueTests {
        @Test("work comes in order, to its bound, and the end of the queue ends the wait")
        func order() throws {
            let queue = try WorkQueue<Int>(capacity: 3)
            for number in 1...3 { #expect(queue.post(number)) }
            #expect(!queue.post(4))
            #expect(queue.take() == [1, 2, 3])
            #expect(queue.post(5))
            #expect(!queue.isClosed)
            queue.close()
            #expect(queue.isClosed)
            #expect(!queue.post(6))
            #expect(queue.take() == nil)
            #expect(queue.take() == nil)
        }

        @Test("a thread that waits is woken by work and by the end")
        func waking() throws {
            let queue = try WorkQueue<Int>(capacity: 100_000)
            let sum = Atomic(0)
            let worker = HelperThread {
                while let batch = queue.take() { for number in batch { sum.add(number, ordering: .relaxed) } }
            }
            for number in 1...50_000 {
                #expect(queue.post(number))
                if number % 1000 == 0 { usleep(100) }
            }
            while sum.load(ordering: .relaxed) < 50_000 * 50_001 / 2 { sched_yield() }
            queue.close()
            worker.join()
            #expect(sum.load(ordering: .relaxed) == 50_000 * 50_001 / 2)
        }
    }
}
