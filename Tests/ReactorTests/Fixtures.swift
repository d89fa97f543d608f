import Basics
import Dialling
import Glibc
import Reactor
import Testing

/// Writes down what the loop reports, and may act on it.
final class ReadinessRecorder: ReadinessHandler {
    struct Report: Hashable {
        var token: UInt64
        var readable: Bool
        var writable: Bool
    }

    var reports: [Report] = []
    var act: (Report) -> Void = { _ in }

    func socketReady(_ token: UInt64, readable: Bool, writable: Bool) {
        let report = Report(token: token, readable: readable, writable: writable)
        reports.append(report)
        act(report)
    }
}

/// A loop with a recorder.
struct LoopFixture {
    let loop: EventLoop
    let recorder = ReadinessRecorder()

    init() throws {
        loop = try EventLoop()
        loop.handler = recorder
    }
}

extension EventLoop {
    /// Turns until `condition` holds; fails the test after five seconds.
    func turn(_ sourceLocation: SourceLocation = #_sourceLocation, until condition: () -> Bool) {
        var isLate = false
        let timer = LoopTimer(loop: self) { isLate = true }
        timer.arm(at: now + .seconds(5))
        while !condition() && !isLate { turn() }
        #expect(condition(), "waited in vain", sourceLocation: sourceLocation)
    }
}

struct UnexpectedResult: Error { var what: String }

enum Loopback {
    static let anyPort = Endpoint(address: .v4(0x7f00_0001), port: 0)

    /// Waits for a descriptor, up to five seconds.
    static func wait(_ descriptor: Int32, for events: Int32) throws {
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        guard poll(&entry, 1, 5000) == 1 else { throw UnexpectedResult(what: "descriptor never ready") }
    }

    /// Two ends of one TCP connection over 127.0.0.1, both non-blocking.
    static func pair() throws -> (near: Int32, far: Int32) {
        let listener = try Sockets.listen(on: anyPort, backlog: 8)
        defer { Sockets.close(listener) }
        let endpoint = try #require(Sockets.localEndpoint(listener))
        let near = try Sockets.openStream(to: endpoint).get()
        try wait(listener, for: POLLIN)
        guard case .accepted(let far, _) = Sockets.accept(listener) else {
            throw UnexpectedResult(what: "nothing to accept")
        }
        try wait(near, for: POLLOUT)
        #expect(Sockets.connectResult(near) == 0)
        return (near, far)
    }

    /// Writes all of a short text.
    static func write(_ descriptor: Int32, _ text: String) {
        #expect(Sockets.write(descriptor, text.utf8.span) == .bytes(text.utf8.count))
    }

    /// Reads once.
    static func read(_ descriptor: Int32, _ limit: Int = 65_536) -> (result: ReadResult, bytes: [UInt8]) {
        var room = [UInt8](repeating: 0, count: limit)
        var span = room.mutableSpan
        let result = Sockets.receive(descriptor, into: &span)
        guard case .bytes(let count) = result else { return (result, []) }
        return (result, Array(room[..<count]))
    }

    /// Reads until there is nothing more for now.
    static func drain(_ descriptor: Int32) -> [UInt8] {
        var all: [UInt8] = []
        while case (.bytes, let bytes) = read(descriptor) { all += bytes }
        return all
    }

    /// Writes until the kernel takes no more; how many bytes it took.
    static func fill(_ descriptor: Int32) -> Int {
        let bytes = [UInt8](repeating: 120, count: 65_536)
        var total = 0
        while case .bytes(let count) = Sockets.write(descriptor, bytes.span) { total += count }
        return total
    }
}

/// A thread of its own, and not of Swift's pool: a test blocks one of those while its loop waits.
struct HelperThread {
    private final class Work {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    private var thread = pthread_t()

    init(_ body: @escaping @Sendable () -> Void) {
        let work = Unmanaged.passRetained(Work(body)).toOpaque()
        let result = pthread_create(
            &thread,
            nil,
            { argument in
                if let argument { Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body() }
                return nil
            },
            work
        )
        #expect(result == 0)
    }

    func join() { pthread_join(thread, nil) }
}
