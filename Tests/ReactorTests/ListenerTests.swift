import Dialling
import Glibc
import Reactor
import Testing

extension ReactorSuite {
    @Suite("listener")
    struct ListenerTests {
        private static func connect(_ count: Int, to endpoint: Endpoint) throws -> [Int32] {
            try (0..<count).map { _ in
                let socket = try Sockets.openStream(to: endpoint).get()
                try Loopback.wait(socket, for: POLLOUT)
                return socket
            }
        }

        @Test("a turn accepts a batch at most, and the next turns the rest")
        func batches() throws {
            let loop = try EventLoop()
            var accepted: [Int32] = []
            let listener = Listener(
                loop: loop,
                descriptor: try Sockets.listen(on: Loopback.anyPort, backlog: 64),
                batch: 4,
                onAccept: { descriptor, _ in accepted.append(descriptor) },
                onExhausted: { Issue.record("exhausted: \($0)") }
            )
            let clients = try Self.connect(10, to: try #require(listener.endpoint))
            loop.turn()
            #expect(accepted.count == 4)
            loop.turn()
            #expect(accepted.count == 8)
            loop.turn { accepted.count == 10 }
            for descriptor in accepted { #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK != 0) }
            for descriptor in accepted { #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0) }
            listener.close()
            listener.close()
            #expect(listener.endpoint == nil)
            for descriptor in accepted + clients { Sockets.close(descriptor) }
        }

        @Test("a listener paused, resumed or closed in its own callback obeys at once")
        func ownCallback() throws {
            let loop = try EventLoop()
            var accepted: [Int32] = []
            var listener: Listener?
            listener = Listener(
                loop: loop,
                descriptor: try Sockets.listen(on: Loopback.anyPort, backlog: 64),
                onAccept: { descriptor, _ in
                    accepted.append(descriptor)
                    if accepted.count == 1 { listener?.pause() }
                    if accepted.count == 2 {
                        listener?.close()
                        listener = nil
                    }
                },
                onExhausted: { Issue.record("exhausted: \($0)") }
            )
            let endpoint = try #require(listener?.endpoint)
            let clients = try Self.connect(4, to: endpoint)
            loop.turn()
            #expect(accepted.count == 1)
            #expect(listener?.isAccepting == false)
            loop.turn(waiting: false)
            #expect(accepted.count == 1)
            listener?.resume()
            loop.turn()
            #expect(accepted.count == 2)
            #expect(listener == nil)
            // The two that were never accepted are reset by the close.
            for client in clients[2...] {
                try Loopback.wait(client, for: POLLIN)
                #expect(Loopback.read(client).result == .failed(ECONNRESET))
            }
            for descriptor in accepted + clients { Sockets.close(descriptor) }
        }

        @Test(
            "out of descriptors the listener reports once, waits without spinning, and goes on when told to"
        )
        func exhaustion() async {
            // In a process of its own: the limit is the whole process's.
            await #expect(processExitsWith: .success) {
                let loop = try EventLoop()
                var accepted: [Int32] = []
                var reports: [Int32] = []
                let listener = Listener(
                    loop: loop,
                    descriptor: try Sockets.listen(on: Loopback.anyPort, backlog: 64),
                    onAccept: { descriptor, _ in accepted.append(descriptor) },
                    onExhausted: { reports.append($0) }
                )
                let clients = try ListenerTests.connect(8, to: try #require(listener.endpoint))
                let limit = ResourceLimits.descriptors()
                let next = dup(0)
                close(next)
                // Room for three more.
                try ResourceLimits.setDescriptors(soft: Int(next) + 3)
                loop.turn()
                #expect(reports == [EMFILE])
                #expect(accepted.count == 3)
                #expect(!listener.isAccepting)
                for _ in 0..<5 { loop.turn(waiting: false) }
                #expect(reports == [EMFILE])

                listener.resume()
                loop.turn()
                #expect(reports == [EMFILE, EMFILE])

                try ResourceLimits.setDescriptors(soft: limit.soft)
                listener.resume()
                loop.turn { accepted.count == 8 }
                #expect(reports.count == 2)
                listener.close()
                for descriptor in accepted + clients { Sockets.close(descriptor) }
            }
        }
    }
}
