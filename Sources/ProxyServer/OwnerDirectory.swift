import Basics
import Reactor

/// Names owners, and finds their processes, without making the loop wait: what is not known yet is looked up
/// by a thread of its own, which starts with the first question.
///
/// For the loop's thread only.
final class OwnerDirectory {
    private enum Question: Sendable {
        case name(LocalOwner)
        case processes(serial: UInt64, Holders)
        case clients(serial: UInt64, LocalOwner, Holders)
    }

    private enum Answer: Sendable {
        case name(LocalOwner, OwnerName)
        case processes(serial: UInt64, ProcessSearch)
        case clients(serial: UInt64, Int?)
    }

    /// What there is only once something was asked.
    private struct Helper {
        let questions: WorkQueue<Question>
        let answers: MailboxReader<Answer>
        let thread: HelperThread
    }

    /// Questions without an answer; there is room for all of their answers in the mailbox.
    private static let maxQuestions = 1024
    /// How long after a thread could not be started it is tried again.
    private static let startPause = Interval.seconds(5)

    private let loop: EventLoop
    private let sources: OwnerSources
    private let capacity: Int
    private var helper: Helper?
    private var mayStartAt = MonotonicTime.zero
    private var isClosed = false
    private var names: [LocalOwner: OwnerName] = [:]
    private var asked: Set<LocalOwner> = []
    private var searches: [UInt64: (ProcessSearch) -> Void] = [:]
    private var counts: [UInt64: (Int?) -> Void] = [:]
    private var lastSerial: UInt64 = 0

    /// Told each name when it becomes known, at the loop's next turn or later.
    var onNamed: (LocalOwner, OwnerName) -> Void = { _, _ in }

    /// Nothing is opened or started yet.
    ///
    /// - Parameter capacity: names that are remembered; when it is reached, all are forgotten, and looked up
    ///   again as they are asked for.
    init(loop: EventLoop, sources: OwnerSources = .system, capacity: Int = 4096) {
        precondition(capacity > 0)
        self.loop = loop
        self.sources = sources
        self.capacity = capacity
    }

    deinit { close() }

    /// Whether the thread runs.
    var isRunning: Bool { helper != nil }

    /// How many names are remembered.
    var count: Int { names.count }

    /// How many questions have no answer yet.
    var pendingCount: Int { asked.count + searches.count + counts.count }

    /// The name of an owner; nil while it is not known. Asking makes it known: ``onNamed`` tells when. One
    /// that cannot be found out has numbers and nil in it, and is not looked up again.
    func name(of key: LocalOwner) -> OwnerName? {
        loop.assertOnThread()
        if let name = names[key] { return name }
        if !asked.contains(key) && ask(.name(key)) { asked.insert(key) }
        return nil
    }

    /// Finds the processes that hold sockets, or are known by number, and tells `then` once, never from inside this call. Where there
    /// is no thread or too much is asked at once, the answer is empty and not complete. Once this is closed,
    /// nothing is told any more.
    func findProcesses(_ holders: Holders, then: @escaping (ProcessSearch) -> Void) {
        loop.assertOnThread()
        lastSerial += 1
        let serial = lastSerial
        if isClosed { return }
        searches[serial] = then
        if ask(.processes(serial: serial, holders)) { return }
        loop.afterTurn { [weak self] in self?.finish(serial, ProcessSearch(isComplete: false)) }
    }

    /// Counts the clients that an owner's connections may belong to (``OwnerSources/clients(of:among:)``), and tells
    /// `then` once, never from inside this call; nil as well where there is no thread or too much is asked at once.
    func countClients(of owner: LocalOwner, among holders: Holders, then: @escaping (Int?) -> Void) {
        loop.assertOnThread()
        lastSerial += 1
        let serial = lastSerial
        if isClosed { return }
        counts[serial] = then
        if ask(.clients(serial: serial, owner, holders)) { return }
        loop.afterTurn { [weak self] in self?.finish(serial, nil) }
    }

    /// Forgets whom to tell, and ends the thread: at once if it is idle, otherwise when it has done what it is
    /// at, which nobody waits for.
    func close() {
        isClosed = true
        searches = [:]
        counts = [:]
        asked = []
        guard let helper else { return }
        self.helper = nil
        helper.answers.close()
        helper.questions.close()
        _ = helper.thread.join(within: .zero)
    }

    private func ask(_ question: Question) -> Bool {
        if isClosed || pendingCount > OwnerDirectory.maxQuestions { return false }
        if helper == nil { start() }
        return helper?.questions.post(question) ?? false
    }

    private func start() {
        if loop.now < mayStartAt { return }
        do throws(SystemError) {
            // One more than there are questions, so that no answer is ever refused.
            let mailbox = try Mailbox<Answer>(capacity: OwnerDirectory.maxQuestions + 1)
            let questions = try WorkQueue<Question>(capacity: OwnerDirectory.maxQuestions + 1)
            let sources = sources
            let thread = try HelperThread { OwnerDirectory.run(questions, mailbox, sources) }
            let reader = MailboxReader(mailbox, loop: loop) { [unowned self] in take($0) }
            helper = Helper(questions: questions, answers: reader, thread: thread)
        } catch {
            // No descriptor or thread to be had: names can wait.
            mayStartAt = loop.now + OwnerDirectory.startPause
        }
    }

    /// The thread.
    private static func run(
        _ questions: WorkQueue<Question>,
        _ mailbox: Mailbox<Answer>,
        _ sources: OwnerSources
    ) {
        while let batch = questions.take() {
            for question in batch {
                if questions.isClosed { return }
                switch question {
                case .name(let key): mailbox.post(.name(key, sources.name(of: key)))
                case .processes(let serial, let holders):
                    mailbox.post(.processes(serial: serial, sources.processes(holders)))
                case .clients(let serial, let owner, let holders):
                    mailbox.post(.clients(serial: serial, sources.clients(of: owner, among: holders)))
                }
            }
        }
    }

    private func take(_ answer: Answer) {
        switch answer {
        case .processes(let serial, let search): finish(serial, search)
        case .clients(let serial, let count): finish(serial, count)
        case .name(let key, let name):
            asked.remove(key)
            if names.count >= capacity { names.removeAll(keepingCapacity: true) }
            names[key] = name
            onNamed(key, name)
        }
    }

    private func finish(_ serial: UInt64, _ search: ProcessSearch) {
        searches.removeValue(forKey: serial)?(search)
    }

    private func finish(_ serial: UInt64, _ count: Int?) { counts.removeValue(forKey: serial)?(count) }
}
