import Basics
import Glibc
import Reactor
import Testing

@testable import ProxyServer

@Suite("Service reporter", .serialized)
struct ServiceReporterTests {
    /// What a service manager would hear, on a socket of the file system.
    private final class Manager {
        let path = P_tmpdir + "/weir-reporter-\(getpid()).sock"
        private let descriptor: Int32

        init() throws {
            unlink(path)
            descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
            let result = withUnsafePointer(to: address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            if result != 0 { throw SystemError("bind \(path)", code: errno) }
        }

        deinit {
            Sockets.close(descriptor)
            unlink(path)
        }

        func heard() -> [String] {
            var all: [String] = []
            var room = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = recv(descriptor, &room, room.count, 0)
                if count < 0 { return all }
                all.append(String(decoding: room[..<count], as: UTF8.self))
            }
        }
    }

    private func turn(_ loop: EventLoop, for interval: Interval) {
        var isOver = false
        let timer = LoopTimer(loop: loop) { isOver = true }
        timer.arm(at: loop.now + interval)
        while !isOver { loop.turn() }
    }

    @Test("figures are told after something happened, at a modest pace, and only where they changed")
    func figures() throws {
        let manager = try Manager()
        let loop = try EventLoop()
        var figures = "one"
        let reporter = try #require(
            ServiceReporter(
                loop: loop,
                notifier: ServiceNotifier(socket: manager.path),
                pace: .milliseconds(50)
            ) {
                figures
            }
        )
        reporter.ready()
        #expect(manager.heard() == ["READY=1\nSTATUS=one"])
        figures = "two"
        turn(loop, for: .milliseconds(120))
        #expect(manager.heard().isEmpty, "nothing happened")
        for _ in 0..<100 { reporter.noteActivity() }
        turn(loop, for: .milliseconds(120))
        #expect(manager.heard() == ["STATUS=two"])
        reporter.noteActivity()
        turn(loop, for: .milliseconds(120))
        #expect(manager.heard().isEmpty, "nothing changed")
        reporter.ready(remark: "settings not reloaded: bad")
        #expect(manager.heard() == ["READY=1\nSTATUS=settings not reloaded: bad; two"])
        reporter.handOver(to: 42)
        figures = "three"
        reporter.noteActivity()
        turn(loop, for: .milliseconds(120))
        #expect(
            manager.heard() == ["MAINPID=42\nSTATUS=process 42 takes over"],
            "the other process tells now"
        )
    }

    @Test("without a service manager there is none")
    func none() throws {
        let loop = try EventLoop()
        #expect(ServiceReporter(loop: loop, notifier: nil) { "" } == nil)
    }
}
