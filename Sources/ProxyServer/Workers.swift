import Basics
import ClientPolicy
import ProxyCore
import Reactor
import Telemetry

/// All workers of the process, for the main thread, whose own loop is that of the first one. The others are reached by
/// message; where there is but one, there are no messages, threads or mailboxes.
final class Workers {
    private struct Gathering {
        /// By worker; nil while it has not answered.
        var answers: [(any Sendable)?]
        var isComplete: Bool { answers.allSatisfy { $0 != nil } }
        var end: ([(any Sendable)?]) -> Void
        var deadline: MonotonicTime
    }

    /// Letters of all workers that may wait.
    private static let mostLetters = 4096

    /// The one that serves on the main thread.
    let local: Worker
    private var threads: [WorkerThread] = []
    private var reader: MailboxReader<WorkerLetter>?
    private var gatherings: [UInt64: Gathering] = [:]
    private var lastSerial: UInt64 = 0
    private var timer: LoopTimer?
    private var drains = 0
    /// What the others have told last, by worker less one.
    private var rests: [WorkerRest?] = []
    private var samples: [WorkerSample?] = []

    /// Told what a worker has to tell, but for what is kept here.
    var onNotice: (Int, WorkerNotice) -> Void = { _, _ in }

    /// Makes the first worker.
    init(_ setup: WorkerSetup, loop: EventLoop) throws(ResolverError) {
        var notify: (WorkerNotice) -> Void = { _ in }
        local = try Worker(setup, loop: loop) { notify($0) }
        notify = { [unowned self] in received(WorkerLetter(worker: 0, notice: $0)) }
    }

    /// Starts the others.
    func start(_ setups: [WorkerSetup]) throws(StartError) {
        if setups.isEmpty { return }
        let letters: Mailbox<WorkerLetter>
        do { letters = try Mailbox(capacity: Workers.mostLetters) } catch {
            throw StartError(description: "\(error)")
        }
        reader = MailboxReader(letters, loop: local.loop) { [unowned self] in received($0) }
        timer = LoopTimer(loop: local.loop) { [unowned self] in deadlinePassed() }
        for setup in setups {
            threads.append(try WorkerThread(setup, letters: letters))
            rests.append(nil)
            samples.append(nil)
        }
    }

    /// How many there are.
    var count: Int { 1 + threads.count }

    /// Ends all but the first, which ends with the main loop.
    func close() {
        for thread in threads { thread.end() }
        threads = []
        reader?.close()
        timer = nil
        gatherings = [:]
    }

    // MARK: Orders

    /// Has every worker do something: the first at once, the others when they come to it.
    func each(_ order: @escaping WorkerOrder) {
        order(local)
        for thread in threads { thread.post(order) }
    }

    /// Has every worker but the first do something.
    func eachOther(_ order: @escaping WorkerOrder) { for thread in threads { thread.post(order) } }

    /// Has one worker do something.
    func tell(_ index: Int, _ order: @escaping WorkerOrder) {
        if index == 0 { order(local) } else { threads[index - 1].post(order) }
    }

    /// Asks every worker, and tells `then` all answers in the order of the workers: at once where there is but one;
    /// nil where not all have answered in time.
    func gather<Answer: Sendable>(
        within limit: Interval = .seconds(2),
        _ ask: @escaping @Sendable (Worker) -> Answer,
        then: @escaping ([Answer]?) -> Void
    ) {
        let own = ask(local)
        if threads.isEmpty { return then([own]) }
        lastSerial += 1
        let serial = lastSerial
        gatherings[serial] = Gathering(
            answers: [own] + [(any Sendable)?](repeating: nil, count: threads.count),
            end: { answers in
                let all = answers.compactMap { $0 as? Answer }
                then(all.count == answers.count ? all : nil)
            },
            deadline: limit.isUnlimited ? .never : local.loop.now + limit
        )
        for thread in threads { thread.post { $0.notify(.answer(serial: serial, ask($0))) } }
        rearm()
    }

    private func rearm() { timer?.arm(at: gatherings.values.map(\.deadline).min() ?? .never) }

    private func deadlinePassed() {
        let now = local.loop.now
        for (serial, gathering) in gatherings where gathering.deadline <= now {
            gatherings[serial] = nil
            gathering.end(gathering.answers)
        }
        rearm()
    }

    // MARK: Notices

    private func received(_ letter: WorkerLetter) {
        switch letter.notice {
        case .answer(let serial, let answer):
            gatherings[serial]?.answers[letter.worker] = answer
            guard let gathering = gatherings[serial], gathering.isComplete else { return }
            gatherings[serial] = nil
            rearm()
            return gathering.end(gathering.answers)
        case .settled(let rest): if letter.worker > 0 { rests[letter.worker - 1] = rest }
        case .sampled(let sample): if letter.worker > 0 { samples[letter.worker - 1] = sample }
        case .exhausted, .suspect, .verdict: break
        }
        onNotice(letter.worker, letter.notice)
    }

    /// What goes on in all of them; what the others said is seconds old at most, and older only where nothing has
    /// happened there.
    func sample() -> WorkerSample {
        var whole = local.sample()
        for case let sample? in samples {
            whole.history.add(sample.history)
            whole.idle += sample.idle
            whole.leaking.formUnion(sample.leaking)
        }
        whole.history.leaking = whole.leaking.count
        return whole
    }

    // MARK: The end

    /// Has every worker stop keeping connections.
    ///
    /// - Parameter first: what each does right before.
    func drain(lastCall: Interval, stillAccepts: Bool = false, first: @escaping WorkerOrder = { _ in }) {
        drains += 1
        let number = drains
        for index in rests.indices { rests[index] = nil }
        each { worker in
            first(worker)
            worker.drain(number, lastCall: lastCall, stillAccepts: stillAccepts)
        }
    }

    /// Whether no worker has parked connections any more since the last call to drain.
    var keepNothing: Bool {
        local.dataPlane.engine.keepsNothing
            && rests.allSatisfy { $0?.drain == drains && $0?.keepsNothing == true }
    }

    /// Whether all connections of all workers are gone since the last call to drain.
    var areAtRest: Bool {
        local.dataPlane.engine.isAtRest && rests.allSatisfy { $0?.drain == drains && $0?.isAtRest == true }
    }
}
