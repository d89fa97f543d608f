import Basics
import Glibc
import Reactor
import Testing

extension ReactorSuite {
    @Suite("event loop")
    struct EventLoopTests {
        @Test("stop ends run after the turn, and stop before run makes it return at once")
        func stopping() throws {
            let loop = try EventLoop()
            var turns = 0
            loop.afterTurn {
                turns += 1
                loop.stop()
            }
            loop.run()
            #expect(turns == 1)
            loop.stop()
            loop.run()
        }

        @Test("work for after the turn is done once, and what it asks for is done a turn later")
        func afterTurn() throws {
            let loop = try EventLoop()
            var steps: [Int] = []
            loop.afterTurn {
                steps.append(1)
                loop.afterTurn { steps.append(2) }
            }
            loop.turn()
            #expect(steps == [1])
            loop.turn()
            #expect(steps == [1, 2])
            loop.turn(waiting: false)
            #expect(steps == [1, 2])
        }

        @Test("the clock does not run backwards")
        func clock() throws {
            let loop = try EventLoop()
            var last = loop.now
            for _ in 0..<1000 {
                let now = loop.now
                #expect(now >= last)
                last = now
            }
        }
    }

    @Suite("timers")
    struct TimerTests {
        @Test("timers fire in the order of their deadlines, and none before its own")
        func order() throws {
            let loop = try EventLoop()
            let start = loop.now
            var fired: [Int] = []
            let timers = [30, 10, 20].map { delay in
                let deadline = start + .milliseconds(delay)
                let timer = LoopTimer(loop: loop) {
                    fired.append(delay)
                    #expect(loop.now >= deadline)
                }
                timer.arm(at: deadline)
                return timer
            }
            loop.turn { fired.count == timers.count }
            #expect(fired == [10, 20, 30])
            #expect(timers.allSatisfy { $0.armedFor == .never })
        }

        @Test("a timer armed again, earlier or later, fires once at its last deadline")
        func rearming() throws {
            let loop = try EventLoop()
            let start = loop.now
            var fired: [MonotonicTime] = []
            let later = LoopTimer(loop: loop) { fired.append(loop.now) }
            later.arm(at: start + .milliseconds(2))
            later.arm(at: start + .milliseconds(20))
            loop.turn { !fired.isEmpty }
            #expect(fired[0] >= start + .milliseconds(20))

            let earlier = LoopTimer(loop: loop) { fired.append(loop.now) }
            earlier.arm(at: start + .seconds(3600))
            earlier.arm(at: loop.now)
            loop.turn { fired.count == 2 }
            #expect(earlier.armedFor == .never)
        }

        @Test("a timer that was disarmed or released does not fire")
        func disarming() throws {
            let loop = try EventLoop()
            let start = loop.now
            let disarmed = LoopTimer(loop: loop) { Issue.record("fired after it was disarmed") }
            disarmed.arm(at: start + .milliseconds(1))
            disarmed.disarm()
            var released: LoopTimer? = LoopTimer(loop: loop) { Issue.record("fired after it was released") }
            released?.arm(at: start + .milliseconds(1))
            released = nil
            var isOver = false
            let last = LoopTimer(loop: loop) { isOver = true }
            last.arm(at: start + .milliseconds(10))
            loop.turn { isOver }
            #expect(disarmed.armedFor == .never)
        }

        @Test("a timer may be armed again and released in its own callback")
        func ownCallback() throws {
            let loop = try EventLoop()
            var count = 0
            var timer: LoopTimer?
            timer = LoopTimer(loop: loop) {
                count += 1
                if count < 3 { timer?.arm(at: loop.now) } else { timer = nil }
            }
            timer?.arm(at: loop.now)
            loop.turn { count == 3 }
            #expect(timer == nil)
        }

        @Test("a deadline beyond all time is no deadline, and one of centuries overflows nothing")
        func farDeadlines() throws {
            let loop = try EventLoop()
            let timer = LoopTimer(loop: loop) { Issue.record("fired") }
            timer.arm(at: .never)
            timer.arm(at: MonotonicTime(nanoseconds: .max - 1))
            loop.turn(waiting: false)
        }
    }

    @Suite("signals")
    struct SignalTests {
        @Test("a signal reaches the loop, again and again, until its watch is released")
        func delivery() async {
            // In a process of its own: dispositions of signals are the whole process's.
            await #expect(processExitsWith: .success) {
                let loop = try EventLoop()
                var count = 0
                var watch: SignalWatch? = SignalWatch(loop: loop, signal: SIGUSR1) { count += 1 }
                for expected in 1...3 {
                    kill(getpid(), SIGUSR1)
                    loop.turn { count == expected }
                }
                SignalWatch.ignore(SIGUSR2)
                kill(getpid(), SIGUSR2)
                #expect(watch != nil)
                watch = nil
                var action = sigaction()
                sigaction(SIGUSR1, nil, &action)
                #expect(action.__sigaction_handler.sa_handler == nil)
            }
        }
    }

    @Suite("mailbox")
    struct MailboxTests {
        @Test("messages from other threads arrive once each, in the order of their thread")
        func otherThreads() throws {
            let loop = try EventLoop()
            let mailbox = try Mailbox<Int>(capacity: 10_000)
            var received: [Int] = []
            let reader = MailboxReader(mailbox, loop: loop) { received.append($0) }
            let threads = (0..<4).map { sender in
                HelperThread { for index in 0..<1000 { mailbox.post(sender * 1000 + index) } }
            }
            loop.turn { received.count == 4000 }
            for thread in threads { thread.join() }
            for sender in 0..<4 {
                let own = received.filter { $0 / 1000 == sender }
                #expect(own == Array(sender * 1000..<sender * 1000 + 1000))
            }
            reader.close()
        }

        @Test("a full mailbox refuses, and takes again when it was read")
        func bounded() throws {
            let loop = try EventLoop()
            let mailbox = try Mailbox<Int>(capacity: 2)
            #expect(mailbox.post(1))
            #expect(mailbox.post(2))
            #expect(!mailbox.post(3))
            var received: [Int] = []
            let reader = MailboxReader(mailbox, loop: loop) { received.append($0) }
            loop.turn { received.count == 2 }
            #expect(mailbox.post(4))
            loop.turn { received == [1, 2, 4] }
            reader.close()
        }

        @Test("a reader closed in the middle of a batch gets no more, and posts are refused")
        func closing() throws {
            let loop = try EventLoop()
            let mailbox = try Mailbox<Int>(capacity: 8)
            for message in 0..<5 { mailbox.post(message) }
            var received: [Int] = []
            var reader: MailboxReader<Int>?
            reader = MailboxReader(mailbox, loop: loop) { message in
                received.append(message)
                if message == 2 {
                    reader?.close()
                    reader = nil
                }
            }
            loop.turn { !received.isEmpty }
            loop.turn(waiting: false)
            #expect(received == [0, 1, 2])
            #expect(!mailbox.post(9))
        }
    }
}
