internal import CLinux
public import Basics
internal import Glibc

/// What a program that was run came to.
public struct ChildResult: Hashable, Sendable {
    /// Its exit status; 128 and the signal's number where a signal ended it.
    public var status: Int32
    /// What it wrote to standard output.
    public var output: [UInt8]
    /// What it wrote to standard error.
    public var errors: [UInt8]

    /// Puts a result together.
    public init(status: Int32, output: [UInt8], errors: [UInt8]) {
        (self.status, self.output, self.errors) = (status, output, errors)
    }
}

/// Runs other programs: by path and arguments, never through a shell, and never for longer than was said.
public enum ChildProcess {
    /// Where programs of an administrator are, also where the path of a service lacks them.
    private static let folders = [
        "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
    ]

    /// The path of a program, looked for as the shell does and in the folders of an administrator; nil where
    /// there is none.
    public static func find(_ name: String) -> String? {
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        let all = path.split(separator: ":").map(String.init).filter { $0.hasPrefix("/") } + folders
        return all.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    /// Runs a program to its end.
    ///
    /// - Parameters:
    ///   - input: what it finds on standard input.
    ///   - timeout: then it is killed.
    ///   - outputLimit: bytes of output and of errors each; then it is killed.
    /// - Throws: `SystemError`: it cannot be started; ETIMEDOUT; EMSGSIZE for too much output.
    public static func run(
        _ path: String,
        _ arguments: [String],
        input: [UInt8] = [],
        timeout: Interval,
        outputLimit: Int = 4 << 20
    ) throws(SystemError) -> ChildResult {
        let source = try inputFile(input)
        defer { Sockets.close(source) }
        var output = try Pipe()
        var errors: Pipe
        do { errors = try Pipe() } catch {
            output.close()
            throw error
        }
        defer {
            output.close()
            errors.close()
        }
        let pid = try spawn(path, arguments, (source, output.far, errors.far), inSession: false)
        output.closeFar()
        errors.closeFar()
        let deadline = EventLoop.readClock() + timeout
        var failure = collect(&output, &errors, until: deadline, outputLimit)
        // What it wrote has ended; it may yet live on.
        var status: Int32 = 0
        while failure == 0, waitpid(pid, &status, WNOHANG) == 0 {
            if EventLoop.readClock() >= deadline { failure = ETIMEDOUT }
            pause()
        }
        if failure != 0 {
            kill(pid, SIGKILL)
            while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
            throw SystemError("run \(path)", code: failure)
        }
        let signal = status & 0x7f
        return ChildResult(
            status: signal == 0 ? status >> 8 & 0xff : 128 + signal,
            output: output.bytes,
            errors: errors.bytes
        )
    }

    /// Starts a program that outlives this one, in a session of its own, and takes down what it says until it
    /// lets go of its output or ends.
    ///
    /// - Returns: its process and what it said.
    /// - Throws: `SystemError`: it cannot be started; ETIMEDOUT where it went on talking: then it is killed.
    public static func launch(
        _ path: String,
        _ arguments: [String],
        timeout: Interval
    ) throws(SystemError) -> (pid: Int32, text: String) {
        let nothing = open("/dev/null", O_RDONLY | O_CLOEXEC)
        if nothing < 0 { throw SystemError("open /dev/null", code: errno) }
        defer { Sockets.close(nothing) }
        var output = try Pipe()
        var none = Pipe.closed
        defer { output.close() }
        let pid = try spawn(path, arguments, (nothing, output.far, output.far), inSession: true)
        output.closeFar()
        let failure = collect(&output, &none, until: EventLoop.readClock() + timeout, 65_536)
        if failure != 0 {
            kill(pid, SIGKILL)
            throw SystemError("start \(path)", code: failure)
        }
        return (pid, String(decoding: output.bytes, as: UTF8.self))
    }

    /// Lets go of standard output and error, so that whoever launched this process goes on.
    public static func letGoOfOutput() {
        let nothing = open("/dev/null", O_WRONLY | O_CLOEXEC)
        if nothing < 0 { return }
        _ = dup2(nothing, STDOUT_FILENO)
        _ = dup2(nothing, STDERR_FILENO)
        Sockets.close(nothing)
    }

    /// A file in memory: unlike a pipe it needs nobody to feed it, and no reader to be there.
    private static func inputFile(_ bytes: [UInt8]) throws(SystemError) -> Int32 {
        let file = memfd_create("input", UInt32(WEIR_MFD_CLOEXEC))
        if file < 0 { throw SystemError("make a file in memory", code: errno) }
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            if count <= 0 {
                let code = errno
                Sockets.close(file)
                throw SystemError("write to a file in memory", code: code)
            }
            written += count
        }
        lseek(file, 0, SEEK_SET)
        return file
    }

    /// What this process or thread ignores or holds back is no business of the other program's.
    ///
    /// - Parameter flags: further ones of posix_spawnattr_setflags(3).
    static func setDefaultSignals(_ attributes: inout posix_spawnattr_t, flags: Int32 = 0) {
        var all = sigset_t()
        var none = sigset_t()
        sigfillset(&all)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        let signals = Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETSIGMASK)
        posix_spawnattr_setflags(&attributes, Int16(signals | flags))
    }

    private static func spawn(
        _ path: String,
        _ arguments: [String],
        _ descriptors: (Int32, Int32, Int32),
        inSession: Bool
    ) throws(SystemError) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, descriptors.0, STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, descriptors.1, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, descriptors.2, STDERR_FILENO)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        setDefaultSignals(&attributes, flags: inSession ? Int32(WEIR_POSIX_SPAWN_SETSID) : 0)
        var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) }
        words.append(nil)
        // Messages are read, so they must be in one language.
        var variables: [UnsafeMutablePointer<CChar>?] = [
            strdup("LC_ALL=C"), strdup("PATH=" + folders.joined(separator: ":")), nil,
        ]
        defer { for word in words + variables { free(word) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, path, &actions, &attributes, &words, &variables)
        if code != 0 { throw SystemError("run \(path)", code: code) }
        return pid
    }

    /// Reads both until they end. 0, or why not: ETIMEDOUT, EMSGSIZE.
    private static func collect(
        _ first: inout Pipe,
        _ second: inout Pipe,
        until deadline: MonotonicTime,
        _ limit: Int
    ) -> Int32 {
        while first.near >= 0 || second.near >= 0 {
            let left = deadline.since(EventLoop.readClock()).nanoseconds
            if left <= 0 { return ETIMEDOUT }
            // A negative descriptor is passed over.
            var polled = [first.near, second.near].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            let count = poll(&polled, 2, Int32(min(left / 1_000_000 + 1, 60_000)))
            if count < 0 && errno != EINTR { return errno }
            if count <= 0 { continue }
            if polled[0].revents != 0 { first.take() }
            if polled[1].revents != 0 { second.take() }
            if max(first.bytes.count, second.bytes.count) > limit { return EMSGSIZE }
        }
        return 0
    }

    private static func pause() {
        var time = timespec(tv_sec: 0, tv_nsec: 200_000)
        nanosleep(&time, nil)
    }
}

/// A pipe from a child, and what came out of it.
private struct Pipe {
    private(set) var near: Int32
    private(set) var far: Int32
    private(set) var bytes: [UInt8] = []

    static let closed = Pipe(near: -1, far: -1)

    private init(near: Int32, far: Int32) { (self.near, self.far) = (near, far) }

    init() throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        if pipe2(&ends, O_CLOEXEC) != 0 { throw SystemError("make a pipe", code: errno) }
        (near, far) = (ends[0], ends[1])
    }

    mutating func closeFar() {
        if far >= 0 { Sockets.close(far) }
        far = -1
    }

    private mutating func closeNear() {
        if near >= 0 { Sockets.close(near) }
        near = -1
    }

    mutating func close() {
        closeFar()
        closeNear()
    }

    /// Reads once; ends with the pipe.
    mutating func take() {
        var room = [UInt8](repeating: 0, count: 65_536)
        let count = read(near, &room, room.count)
        if count > 0 { bytes += room[..<count] } else if count == 0 || errno != EINTR { closeNear() }
    }
}
