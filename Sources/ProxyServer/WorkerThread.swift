import Basics
import Reactor
import Synchronization

/// What a worker is to do, on its own thread.
typealias WorkerOrder = @Sendable (Worker) -> Void

/// What came from a worker.
struct WorkerLetter: Sendable {
    var worker: Int
    var notice: WorkerNotice
}

/// A worker on a thread of its own, as the main thread knows it: a mailbox for what it is to do. The worker and all that
/// belongs to it is made, used and ended on its thread.
final class WorkerThread {
    /// How the start went.
    private final class Start: Sendable {
        let problem = Mutex<String?>(nil)
        let isOver: WakeUp

        init() throws(SystemError) { isOver = try WakeUp() }

        func end(_ problem: String? = nil) {
            self.problem.withLock { $0 = problem }
            isOver.raise()
        }
    }

    /// Orders that may wait. Nobody gives them in bulk: a worker that lets so many lie is stuck.
    private static let mostOrders = 1024

    private let orders: Mailbox<WorkerOrder>
    private let thread: HelperThread

    /// Starts the thread and waits until the worker is there.
    ///
    /// - Parameter letters: to the main thread.
    init(_ setup: WorkerSetup, letters: Mailbox<WorkerLetter>) throws(StartError) {
        do {
            let orders = try Mailbox<WorkerOrder>(capacity: WorkerThread.mostOrders)
            let start = try Start()
            self.orders = orders
            thread = try HelperThread(named: "worker-\(setup.index)") {
                WorkerThread.run(setup, orders, letters, start)
            }
            _ = start.isOver.wait()
            if let problem = start.problem.withLock({ $0 }) { throw StartError(description: problem) }
        } catch {
            throw StartError(description: "worker \(setup.index): \(error)")
        }
    }

    /// Has the worker do something, after all that it was told before.
    ///
    /// - Returns: false where it takes nothing more, as it is stuck or has ended.
    @discardableResult
    func post(_ order: @escaping WorkerOrder) -> Bool { orders.post(order) }

    /// Ends the worker and waits for that; one that is stuck is left.
    func end() {
        post { $0.loop.stop() }
        _ = thread.join(within: .seconds(1))
    }

    /// The thread.
    private static func run(
        _ setup: WorkerSetup,
        _ orders: Mailbox<WorkerOrder>,
        _ letters: Mailbox<WorkerLetter>,
        _ start: Start
    ) {
        do {
            let loop = try EventLoop()
            let outbox = WorkerOutbox(letters, worker: setup.index, loop: loop)
            let worker = try Worker(setup, loop: loop) { outbox.post($0) }
            let reader = MailboxReader(orders, loop: loop) { $0(worker) }
            start.end()
            loop.run()
            reader.close()
            worker.close()
            outbox.close()
        } catch {
            start.end("\(error)")
        }
    }
}

/// A worker's way to the main thread. What finds no room there, as the main thread is at something else, waits here, so
/// that the end of a drain is never lost; all else may be, beyond a bound.
final class WorkerOutbox {
    private static let pause = Interval.milliseconds(50)
    private static let mostWaiting = 4096

    private let letters: Mailbox<WorkerLetter>
    private let worker: Int
    private let loop: EventLoop
    private var waiting: [WorkerLetter] = []
    private var timer: LoopTimer?

    init(_ letters: Mailbox<WorkerLetter>, worker: Int, loop: EventLoop) {
        self.letters = letters
        self.worker = worker
        self.loop = loop
        timer = LoopTimer(loop: loop) { [unowned self] in send() }
    }

    /// Tells the main thread, in the order of the calls.
    func post(_ notice: WorkerNotice) {
        let letter = WorkerLetter(worker: worker, notice: notice)
        if waiting.isEmpty && letters.post(letter) { return }
        if waiting.count >= WorkerOutbox.mostWaiting {
            guard case .settled = notice else { return }
            waiting.removeFirst()
        }
        waiting.append(letter)
        timer?.arm(at: loop.now + WorkerOutbox.pause)
    }

    private func send() {
        var sent = 0
        while sent < waiting.count && letters.post(waiting[sent]) { sent += 1 }
        waiting.removeFirst(sent)
        if !waiting.isEmpty { timer?.arm(at: loop.now + WorkerOutbox.pause) }
    }

    func close() {
        waiting = []
        timer = nil
    }
}
