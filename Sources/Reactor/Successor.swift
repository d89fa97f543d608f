internal import CLinux
internal import Glibc

/// The process that is to take over from this one: the same program, started anew with the listening sockets and
/// this one's arguments and environment. It accepts nothing before ``go()``.
public final class Successor {
    /// What became of it.
    public enum Report: Hashable, Sendable {
        /// It listens and waits.
        case ready(pid: Int32)
        /// It is gone, or useless.
        case failed(String)
    }

    private let loop: EventLoop
    /// What was started, which makes the successor proper and ends.
    private let starter: Int32
    private var process: (pid: Int32, handle: ProcessHandle?)?
    private let channel: Int32
    private var watch: DescriptorWatch?
    private var received: [UInt8] = []
    private let onReport: (Report) -> Void
    private static let mostReceived = 16_384

    /// Starts it.
    ///
    /// - Parameters:
    ///   - sockets: what it gets, with the names that tell it what they are for.
    ///   - generation: the number it gets.
    ///   - onReport: is called once.
    /// - Throws: `SystemError` where it cannot be started.
    public init(
        loop: EventLoop,
        program: String,
        arguments: [String],
        sockets: [InheritedSocket],
        generation: Int,
        onReport: @escaping (Report) -> Void
    ) throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        if socketpair(AF_UNIX, type, 0, &ends) != 0 { throw SystemError("make a channel", code: errno) }
        defer { Sockets.close(ends[1]) }
        let handover = Handover(
            pid: getpid(),
            generation: generation,
            sockets: sockets.map { Handover.Kind($0.socket) }
        )
        do throws(SystemError) {
            starter = try Successor.spawn(
                program,
                arguments,
                sockets.map(\.socket.descriptor) + [ends[1]],
                Successor.environment(handover, sockets.map(\.name))
            )
        } catch {
            Sockets.close(ends[0])
            throw error
        }
        self.loop = loop
        self.onReport = onReport
        channel = ends[0]
        watch = DescriptorWatch(loop: loop, descriptor: channel) { [unowned self] _, _ in
            // Whoever is told may let go of this object.
            withExtendedLifetime(self) { receive() }
        }
        watch?.setReading(true)
    }

    deinit { end() }

    /// Tells it to accept; this process accepts nothing more. False where it is gone.
    public func go() -> Bool {
        let isTold = Sockets.write(channel, "go\n".utf8.span) == .bytes(3)
        end()
        return isTold
    }

    /// Ends it, whatever it does.
    public func abandon() {
        if watch == nil { return }
        kill(starter, SIGKILL)
        process?.handle?.kill()
        end()
    }

    private func end() {
        guard let watch else { return }
        watch.invalidate()
        self.watch = nil
        Sockets.close(channel)
        var status: Int32 = 0
        // It has ended long since, or was just killed.
        while waitpid(starter, &status, 0) < 0 && errno == EINTR {}
    }

    private func receive() {
        var room = [UInt8](repeating: 0, count: 4096)
        let count = read(channel, &room, room.count)
        if count < 0 && (errno == EAGAIN || errno == EINTR) { return }
        if count > 0 { received += room[..<count] }
        while let end = received.firstIndex(of: 10) {
            let line = String(decoding: received[..<end], as: UTF8.self)
            received.removeSubrange(...end)
            if take(line) { return }
        }
        if count <= 0 || received.count > Successor.mostReceived {
            onReport(.failed("it ended before it was ready; its own messages say why"))
        }
    }

    /// True where that was its last word.
    private func take(_ line: String) -> Bool {
        let words = line.split(separator: " ", maxSplits: 1)
        switch (words.first, words.last) {
        case ("process", let number?):
            if let pid = Int32(number) { process = (pid, ProcessHandle(pid)) }
            return false
        case ("ready", _):
            // It reads, and is not to be asked again.
            watch?.setReading(false)
            onReport(process.map { .ready(pid: $0.pid) } ?? .failed("it did not tell its number"))
        case ("failed", let reason?): onReport(.failed(String(reason)))
        default: onReport(.failed("it said what is not understood here"))
        }
        return true
    }

    private static func environment(_ handover: Handover, _ names: [String]) -> [String] {
        // The watchdog is fed by whoever is the main process: by number it would be this one.
        let dropped = ["LISTEN_", "WATCHDOG_PID=", Handover.variable + "="]
        var variables: [String] = []
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if !dropped.contains(where: text.hasPrefix) { variables.append(text) }
            next += 1
        }
        return variables + [
            "\(Handover.variable)=\(handover.text)",
            "LISTEN_FDS=\(names.count)", "LISTEN_FDNAMES=\(names.joined(separator: ":"))",
        ]
    }

    private static func spawn(
        _ program: String,
        _ arguments: [String],
        _ descriptors: [Int32],
        _ environment: [String]
    ) throws(SystemError) -> Int32 {
        // Out of the way first: what is put in place must not cover what is still to be put elsewhere.
        let limit = Inheritance.firstDescriptor + Int32(descriptors.count)
        let copies = descriptors.map { fcntl($0, F_DUPFD_CLOEXEC, limit) }
        defer { for copy in copies where copy >= 0 { Sockets.close(copy) } }
        if copies.contains(where: { $0 < 0 }) {
            throw SystemError("copy the listening sockets", code: EMFILE)
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (index, copy) in copies.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, copy, Inheritance.firstDescriptor + Int32(index))
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        ChildProcess.setDefaultSignals(&attributes)
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        defer { for word in words + variables { free(word) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, program, &actions, &attributes, &words, &variables)
        if code != 0 { throw SystemError("start \(program)", code: code) }
        return pid
    }
}
