internal import CLinux
internal import Glibc

/// What a process says in the environment of the one that is to take over from it. The listening sockets are the
/// descriptors from 3 on, named by `LISTEN_FDNAMES`; behind them comes the channel over which the two talk:
///
///     process 123       the new one's number, as soon as it runs
///     ready             it listens, and waits
///     failed TEXT       or it does not, and ends
///     go                to the new one: accept from now on (so does the end of the channel)
struct Handover {
    static let variable = "WEIR_HANDOVER"
    private static let version = "1"

    /// What happens to a socket when its process ends.
    enum Kind: Character {
        case keptByManager = "k"
        case withFile = "f"
        case other = "o"

        init(_ socket: ListeningSocket) {
            let hasFile = socket.file?.isInPlace ?? false
            self = socket.isKeptByManager ? .keptByManager : hasFile ? .withFile : .other
        }
    }

    var pid: Int32
    /// Of the process that takes over: one more than that of the other.
    var generation: Int
    var sockets: [Kind]

    init(pid: Int32, generation: Int, sockets: [Kind]) {
        (self.pid, self.generation, self.sockets) = (pid, generation, sockets)
    }

    /// Reads the variable; nil where it is of another version, or nonsense.
    init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == Handover.version, let pid = Int32(parts[1]),
            let generation = Int(parts[2])
        else { return nil }
        let kinds = parts[3].compactMap(Kind.init(rawValue:))
        guard kinds.count == parts[3].count else { return nil }
        self.init(pid: pid, generation: generation, sockets: kinds)
    }

    var text: String {
        "\(Handover.version):\(pid):\(generation):\(String(sockets.map(\.rawValue)))"
    }
}

/// The process from which this one takes over.
public struct Predecessor: Sendable {
    private let channel: Int32
    /// How many processes have handed over, this one's included, and one.
    public let generation: Int

    init(channel: Int32, _ handover: Handover) throws(InheritanceError) {
        // The variable may have come down from elsewhere: it is believed only with the channel that goes with it.
        guard fcntl(channel, F_GETFD) >= 0, let maker = Sockets.peerCredentials(channel),
            maker.pid == handover.pid
        else {
            throw InheritanceError("\(Handover.variable) is set, but no process hands over to this one")
        }
        _ = fcntl(channel, F_SETFD, FD_CLOEXEC)
        _ = fcntl(channel, F_SETFL, fcntl(channel, F_GETFL) | O_NONBLOCK)
        self.channel = channel
        generation = handover.generation
    }

    /// Makes this process a child of the service manager's, or of process 1: a child of the process that it takes
    /// over from would be watched by nobody. To be called before there are threads.
    public func detach() throws(InheritanceError) {
        let child = weir_fork()
        if child < 0 { throw InheritanceError("cannot start a process: \(SystemError.text(of: errno))") }
        if child > 0 { _exit(0) }
        say("process \(getpid())")
    }

    /// Everything listens; from now on `onGo` is waited for.
    public func ready() { say("ready") }

    /// Why this process ends.
    public func failed(_ reason: String) {
        say("failed \(reason.split(separator: "\n").joined(separator: "; "))")
    }

    private func say(_ line: String) { _ = Sockets.write(channel, "\(line)\n".utf8.span) }

    /// Calls `onGo` once the other process accepts nothing more.
    public func waitForGo(_ loop: EventLoop, _ onGo: @escaping () -> Void) -> PredecessorWatch {
        PredecessorWatch(loop, channel, onGo)
    }
}

/// Waits until the process before accepts nothing more.
public final class PredecessorWatch {
    private var watch: DescriptorWatch?

    fileprivate init(_ loop: EventLoop, _ channel: Int32, _ onGo: @escaping () -> Void) {
        // Whatever comes means so: there is one thing to say, and who ends without saying it accepts no more.
        watch = DescriptorWatch(loop: loop, descriptor: channel) { [unowned self] _, _ in
            watch?.invalidate()
            watch = nil
            Sockets.close(channel)
            onGo()
        }
        watch?.setReading(true)
    }

    deinit { watch?.invalidate() }
}
