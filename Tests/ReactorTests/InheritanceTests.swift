import Dialling
import Glibc
import Testing

@testable import Reactor

extension ReactorSuite {
    @Suite("inherited sockets")
    struct InheritanceTests {
        /// In a process of its own: puts the descriptors in place from 3 on and sets the variables.
        private static func inherit(_ descriptors: [Int32], names: String? = nil, pid: Int32 = getpid()) {
            // Out of the way first: a descriptor may be where another is to go.
            let copies = descriptors.map { fcntl($0, F_DUPFD, 200) }
            for (index, copy) in copies.enumerated() { #expect(dup2(copy, 3 + Int32(index)) >= 0) }
            setenv("LISTEN_FDS", "\(descriptors.count)", 1)
            setenv("LISTEN_PID", "\(pid)", 1)
            if let names { setenv("LISTEN_FDNAMES", names, 1) }
        }

        /// In a process of its own: lets a test use the descriptors from 3 on, of which some are the harness's, which
        /// must find them again to tell the outcome.
        private static func onLowDescriptors(_ body: () throws -> Void) rethrows {
            let own = (Int32(3)..<10).map { ($0, fcntl($0, F_DUPFD, 300)) }
            defer {
                for (descriptor, copy) in own {
                    if copy >= 0 { _ = dup2(copy, descriptor) } else { close(descriptor) }
                }
            }
            try body()
        }

        @Test("TCP and Unix sockets are taken with their names, and the variables go")
        func taken() async {
            await #expect(processExitsWith: .success) {
                try Self.onLowDescriptors {
                    let path = P_tmpdir + "/weir-inherit-\(getpid()).sock"
                    let tcp = try ListeningSocket.open(on: Loopback.anyPort)
                    let unix = try ListeningSocket.open(at: path, mode: 0o600)
                    Self.inherit([tcp.descriptor, unix.descriptor], names: "weir.socket:admin")
                    let found = try Inheritance.take()
                    #expect(found.predecessor == nil)
                    #expect(found.sockets.map(\.name) == ["weir.socket", "admin"])
                    #expect(found.sockets.map(\.socket.descriptor) == [3, 4])
                    #expect(found.sockets.map(\.socket.place) == [tcp.place, .unix(path)])
                    #expect(found.sockets.allSatisfy { $0.socket.isKeptByManager && $0.socket.file == nil })
                    for descriptor: Int32 in [3, 4] {
                        #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
                        #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK != 0)
                    }
                    for name in ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"] {
                        #expect(getenv(name) == nil)
                    }
                    #expect(try Inheritance.take().sockets.isEmpty, "once only")
                    // The file is the manager's.
                    found.sockets[1].socket.close()
                    #expect(access(path, F_OK) == 0)
                    unlink(path)
                }
            }
        }

        @Test("what is meant for another process is left alone")
        func ofAnother() async {
            await #expect(processExitsWith: .success) {
                try Self.onLowDescriptors {
                    let tcp = try ListeningSocket.open(on: Loopback.anyPort)
                    Self.inherit([tcp.descriptor], pid: getpid() + 1)
                    #expect(try Inheritance.take().sockets.isEmpty)
                    #expect(getenv("LISTEN_FDS") == nil)
                }
            }
        }

        @Test("what is no stream socket that listens is refused by number and name")
        func wrongKinds() async {
            await #expect(processExitsWith: .success) {
                Self.onLowDescriptors {
                    let cases: [(Int32, String)] = [
                        (socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0), "is no stream socket"),
                        (socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0), "does not listen"),
                        (open("/dev/null", O_RDONLY), "is no socket"),
                    ]
                    for (descriptor, expected) in cases {
                        Self.inherit([descriptor], names: "odd")
                        let error = #expect(throws: InheritanceError.self) { try Inheritance.take() }
                        #expect(
                            error?.description.hasPrefix("descriptor 3 (odd) of LISTEN_FDS \(expected)")
                                == true
                        )
                    }
                    close(3)
                    setenv("LISTEN_FDS", "1", 1)
                    setenv("LISTEN_PID", "\(getpid())", 1)
                    #expect(throws: InheritanceError.self) { try Inheritance.take() }
                    setenv("LISTEN_FDS", "many", 1)
                    setenv("LISTEN_PID", "\(getpid())", 1)
                    #expect(throws: InheritanceError.self) { try Inheritance.take() }
                }
            }
        }

        @Test("a hand-over says what becomes of each socket, and is read back")
        func handover() {
            let told = Handover(pid: 42, generation: 3, sockets: [.keptByManager, .withFile, .other])
            #expect(told.text == "1:42:3:kfo")
            let read = Handover(told.text)
            #expect(read?.pid == 42 && read?.generation == 3 && read?.sockets == told.sockets)
            for text in ["", "2:42:3:k", "1:x:3:k", "1:42:3", "1:42:3:z"] { #expect(Handover(text) == nil) }
        }

        @Test("a hand-over without the channel that goes with it is not believed")
        func noChannel() async {
            await #expect(processExitsWith: .success) {
                Self.onLowDescriptors {
                    for descriptor: Int32 in 3..<10 { close(descriptor) }
                    setenv("WEIR_HANDOVER", "1:1:2:", 1)
                    #expect(throws: InheritanceError.self) { try Inheritance.take() }
                    #expect(getenv("WEIR_HANDOVER") == nil)
                }
            }
        }

        @Test("one takes the place of the other on the same address, and then nobody else does")
        func sharing() throws {
            let first = try ListeningSocket.open(on: Loopback.anyPort)
            let endpoint = try #require(first.place.endpoint)
            #expect(throws: SystemError.self) { try ListeningSocket.open(on: endpoint) }
            first.setShared(true)
            let second = try ListeningSocket.open(on: endpoint, sharing: true)
            first.close()
            second.setShared(false)
            #expect(throws: SystemError.self) { try ListeningSocket.open(on: endpoint) }
            second.close()
        }

        @Test("the permissions of a file change, of no other file")
        func mode() throws {
            let path = P_tmpdir + "/weir-mode-\(getpid()).sock"
            let socket = try ListeningSocket.open(at: path, mode: 0o600)
            let file = try #require(socket.file)
            try file.setMode(0o660)
            #expect(file.mode == 0o660 && file.isInPlace)
            unlink(path)
            let other = try ListeningSocket.open(at: path, mode: 0o600)
            #expect(throws: SystemError("change the permissions of unix:\(path)", code: ENOENT)) {
                try file.setMode(0o666)
            }
            #expect(other.file?.mode == 0o600 && file.mode == nil && !file.isInPlace)
            socket.close()
            other.close()
        }

        @Test("the backlog is accepted to its end before a listener closes")
        func backlog() throws {
            let loop = try EventLoop()
            var accepted: [Int32] = []
            let listener = Listener(
                loop: loop,
                descriptor: try Sockets.listen(on: Loopback.anyPort, backlog: 64),
                batch: 1,
                onAccept: { descriptor, _ in accepted.append(descriptor) },
                onExhausted: { Issue.record("exhausted: \($0)") }
            )
            let endpoint = try #require(listener.endpoint)
            let clients = try (0..<5).map { _ in try Sockets.openStream(to: endpoint).get() }
            for client in clients { try Loopback.wait(client, for: POLLOUT) }
            listener.pause()
            listener.acceptBacklog()
            #expect(accepted.count == 5)
            listener.close()
            listener.acceptBacklog()
            for descriptor in accepted + clients { Sockets.close(descriptor) }
        }
    }
}
