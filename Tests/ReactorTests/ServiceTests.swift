import Basics
import Dialling
import Glibc
import Reactor
import Testing

extension ReactorSuite {
    @Suite("service manager")
    struct ServiceTests {
        /// A datagram socket such as a service manager listens on; `name` as in NOTIFY_SOCKET.
        private static func manager(_ name: String) throws -> Int32 {
            let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            var path = Array(name.utf8)
            if path[0] == UInt8(ascii: "@") { path[0] = 0 }
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
            let length = socklen_t(2 + path.count + (path[0] == 0 ? 0 : 1))
            let result = withUnsafePointer(to: address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
            }
            if result != 0 { throw SystemError("bind \(name)", code: errno) }
            return descriptor
        }

        private static func receive(_ descriptor: Int32) throws -> String {
            try Loopback.wait(descriptor, for: POLLIN)
            return String(decoding: Loopback.read(descriptor).bytes, as: UTF8.self)
        }

        @Test(
            "states reach a socket in the file system and an abstract one",
            arguments: [P_tmpdir + "/", "@"]
        )
        func states(prefix: String) throws {
            let name = prefix + "weir-notify-\(getpid())"
            let manager = try Self.manager(name)
            let notifier = try #require(ServiceNotifier(socket: name))
            #expect(notifier.ready(status: "listening on\n127.0.0.1:3128"))
            #expect(try Self.receive(manager) == "READY=1\nSTATUS=listening on 127.0.0.1:3128")
            #expect(notifier.reloading(now: MonotonicTime(nanoseconds: 1_234_567)))
            #expect(try Self.receive(manager) == "RELOADING=1\nMONOTONIC_USEC=1234")
            #expect(notifier.mainProcess(42, status: "process 42 takes over"))
            #expect(try Self.receive(manager) == "MAINPID=42\nSTATUS=process 42 takes over")
            #expect(notifier.alive())
            #expect(try Self.receive(manager) == "WATCHDOG=1")
            #expect(notifier.stopping(status: "draining"))
            #expect(try Self.receive(manager) == "STOPPING=1\nSTATUS=draining")
            Sockets.close(manager)
            unlink(name)
            #expect(!notifier.status("nobody listens"))
        }

        @Test("a manager that does not read cannot stop the process")
        func fullQueue() throws {
            let name = "@weir-notify-full-\(getpid())"
            let manager = try Self.manager(name)
            let notifier = try #require(ServiceNotifier(socket: name))
            var sent = 0
            while notifier.status("still here") && sent < 100_000 { sent += 1 }
            #expect(sent < 100_000)
            Sockets.close(manager)
        }

        @Test(
            "a name that is no socket is none",
            arguments: ["", "/", "@", "relative", "vsock:2:1234", "/" + String(repeating: "x", count: 107)]
        )
        func badNames(name: String) {
            #expect(ServiceNotifier(socket: name) == nil)
        }

        @Test("the watchdog is for whom it names, or for whoever has the variable")
        func watchdog() async {
            await #expect(processExitsWith: .success) {
                unsetenv("WATCHDOG_PID")
                unsetenv("WATCHDOG_USEC")
                #expect(ServiceNotifier.watchdogInterval() == nil)
                setenv("WATCHDOG_USEC", "1500000", 1)
                #expect(ServiceNotifier.watchdogInterval() == .milliseconds(1500))
                setenv("WATCHDOG_PID", "\(getpid())", 1)
                #expect(ServiceNotifier.watchdogInterval() == .milliseconds(1500))
                setenv("WATCHDOG_PID", "1", 1)
                #expect(ServiceNotifier.watchdogInterval() == nil)
                unsetenv("WATCHDOG_PID")
                for nonsense in ["0", "-1", "x", ""] {
                    setenv("WATCHDOG_USEC", nonsense, 1)
                    #expect(ServiceNotifier.watchdogInterval() == nil)
                }
            }
        }

        @Test("the environment names the socket")
        func environment() async {
            await #expect(processExitsWith: .success) {
                unsetenv("NOTIFY_SOCKET")
                #expect(ServiceNotifier() == nil)
                setenv("NOTIFY_SOCKET", "/run/systemd/notify", 1)
                #expect(ServiceNotifier() != nil)
            }
        }
    }

    @Suite("limits")
    struct LimitTests {
        @Test("the limit of descriptors is raised to the hard limit")
        func descriptors() async {
            await #expect(processExitsWith: .success) {
                let before = ResourceLimits.descriptors()
                try ResourceLimits.setDescriptors(soft: 100)
                #expect(ResourceLimits.descriptors().soft == 100)
                let after = try ResourceLimits.raiseDescriptors()
                #expect(after.soft == before.hard)
                #expect(after.hard == before.hard)
            }
        }

        @Test("a limit above the hard one is refused and says so")
        func tooHigh() throws {
            let hard = ResourceLimits.descriptors().hard
            guard hard < Int.max else { return }
            let error = #expect(throws: SystemError.self) {
                try ResourceLimits.setDescriptors(soft: hard + 1)
            }
            #expect(error?.code == EINVAL)
        }

        @Test("the ephemeral ports are known")
        func ports() throws {
            let ports = try #require(ResourceLimits.ephemeralPorts())
            let listener = try Sockets.listen(on: Loopback.anyPort, backlog: 1)
            let chosen = try #require(Sockets.localEndpoint(listener)).port
            #expect(ports.contains(chosen))
            Sockets.close(listener)
        }
    }
}
