import Basics
import ProxyCore
import Reactor

/// Looks at users and passwords on a thread of its own, as their hashes take their time by design. What waits
/// for it is bounded, so that guessing costs the guesser and not the others.
final class Authenticator {
    private struct Question: Sendable {
        var client: SlotID
        var password: [UInt8]
        var hash: String
        /// Nobody knows the user; it takes as long all the same, so that the time tells nothing.
        var isStranger: Bool
    }

    private struct Answer: Sendable {
        var client: SlotID
        var isRight: Bool
    }

    private struct Helper {
        let questions: WorkQueue<Question>
        let answers: MailboxReader<Answer>
        let thread: HelperThread
    }

    /// Most passwords that wait; with the slowest usual hash they take a few seconds.
    static let mostWaiting = 32

    /// Told of each verdict that was not given at once.
    var onVerdict: (SlotID, LogInVerdict) -> Void = { _, _ in }
    private let loop: EventLoop
    private var hashes: [String: String] = [:]
    private var pending = 0
    private var helper: Helper?

    init(loop: EventLoop) { self.loop = loop }

    deinit { close() }

    /// Hashes of passwords by user, from now on.
    func reconfigure(_ users: [String: String]) { hashes = users }

    /// Looks at a user and a password with a colon between them.
    ///
    /// - Returns: the verdict, where it is known at once.
    func look(_ client: SlotID, _ credentials: [UInt8]) -> LogInVerdict? {
        let parts = credentials.split(
            separator: UInt8(ascii: ":"),
            maxSplits: 1,
            omittingEmptySubsequences: false
        )
        guard parts.count == 2, let some = hashes.values.first else { return .refused }
        let hash = hashes[String(decoding: parts[0], as: UTF8.self)]
        let question = Question(
            client: client,
            password: Array(parts[1]),
            hash: hash ?? some,
            isStranger: hash == nil
        )
        if pending >= Authenticator.mostWaiting { return .busy }
        if helper == nil { helper = start() }
        guard helper?.questions.post(question) == true else { return .busy }
        pending += 1
        return nil
    }

    /// Ends the thread when it has done what it is at, which nobody waits for.
    func close() {
        guard let helper else { return }
        self.helper = nil
        helper.answers.close()
        helper.questions.close()
        _ = helper.thread.join(within: .zero)
    }

    private func start() -> Helper? {
        do throws(SystemError) {
            let mailbox = try Mailbox<Answer>(capacity: Authenticator.mostWaiting)
            let questions = try WorkQueue<Question>(capacity: Authenticator.mostWaiting)
            let thread = try HelperThread { Authenticator.run(questions, mailbox) }
            let reader = MailboxReader(mailbox, loop: loop) { [unowned self] answer in
                pending -= 1
                onVerdict(answer.client, answer.isRight ? .granted : .refused)
            }
            return Helper(questions: questions, answers: reader, thread: thread)
        } catch {
            // No descriptor or thread to be had; the next password tries again.
            return nil
        }
    }

    /// The thread.
    private static func run(_ questions: WorkQueue<Question>, _ mailbox: Mailbox<Answer>) {
        while let batch = questions.take() {
            for question in batch {
                if questions.isClosed { return }
                let isRight = PasswordHash.matches(question.password, question.hash) && !question.isStranger
                mailbox.post(Answer(client: question.client, isRight: isRight))
            }
        }
    }
}
