import Basics
import CLinux
import Dialling
import Glibc
import Testing

@testable import Reactor

extension ReactorSuite {
    @Suite("socket diagnostics")
    struct SocketDiagnosticsTests {
        @Test("a client's socket is found with user, inode, cgroup, state and queues")
        func client() throws {
            let diagnostics = try SocketDiagnostics()
            let (near, far) = try Loopback.pair()
            defer { for descriptor in [near, far] { Sockets.close(descriptor) } }
            let report = try #require(diagnostics.report(near))
            #expect(report.uid == geteuid())
            #expect(report.inode == inode(near))
            #expect(report.state == .established)
            #expect(report.receiveQueue == 0)
            #expect(report.sendQueue == 0)
            // The other way round it is the other end's socket.
            #expect(diagnostics.report(far)?.inode == inode(far))

            Loopback.write(far, "unread")
            try Loopback.wait(near, for: POLLIN)
            #expect(diagnostics.report(near)?.receiveQueue == 6)
            let taken = Loopback.fill(near)
            let full = try #require(diagnostics.report(near))
            #expect(full.sendQueue > 0)
            #expect(diagnostics.report(far).map { $0.receiveQueue + full.sendQueue >= taken } == true)
        }

        @Test("the user is the one who opened the socket, not who asks")
        func user() throws {
            let listener = try Sockets.listen(on: Loopback.anyPort, backlog: 8)
            let endpoint = try #require(Sockets.localEndpoint(listener))
            let opened = OpenedSocket()
            // The user by whom files are opened belongs to the thread. Unprivileged, it stays as it is.
            let thread = HelperThread { opened.open(to: endpoint, asUser: 4242) }
            thread.join()
            let socket = try #require(opened.descriptor)
            try Loopback.wait(socket, for: POLLOUT)
            #expect(try SocketDiagnostics().report(socket)?.uid == opened.user)
            #expect(opened.user == (geteuid() == 0 ? 4242 : geteuid()))
            for descriptor in [listener, socket] { Sockets.close(descriptor) }
        }

        @Test("nobody is found for a connection that this host does not have")
        func elsewhere() throws {
            let diagnostics = try SocketDiagnostics()
            let client = try #require(Sockets.parse("192.0.2.1:40000"))
            let own = try #require(Sockets.parse("127.0.0.1:3128"))
            #expect(diagnostics.report(from: client, to: own) == nil)
            let client6 = try #require(Sockets.parse("[2001:db8::1]:40000"))
            let own6 = try #require(Sockets.parse("[::1]:3128"))
            #expect(diagnostics.report(from: client6, to: own6) == nil)
        }

        @Test("who listens where a client has left is not taken for the client")
        func listenerInstead() throws {
            let diagnostics = try SocketDiagnostics()
            let listener = try Sockets.listen(on: Loopback.anyPort, backlog: 8)
            let endpoint = try #require(Sockets.localEndpoint(listener))
            let own = try #require(Sockets.parse("127.0.0.1:3128"))
            #expect(diagnostics.report(from: endpoint, to: own) == nil)
            #expect(diagnostics.report(from: endpoint, to: Endpoint(address: .v4(0), port: 0)) == nil)
            Sockets.close(listener)
        }

        @Test("a socket that was closed and lingers has no user, though the kernel says 0")
        func nobodysSocket() throws {
            let diagnostics = try SocketDiagnostics()
            let (near, far) = try Loopback.pair()
            let from = try #require(Sockets.localEndpoint(near))
            let to = try #require(Sockets.peerEndpoint(near))
            Sockets.close(near)
            try Loopback.wait(far, for: POLLIN)
            let waiting = try #require(diagnostics.report(from: from, to: to))
            // The far end's kernel may take its time to acknowledge the FIN.
            #expect([.finWait1, .finWait2].contains(waiting.state))
            #expect(waiting.inode == 0)
            // Kernels differ in whether such a socket still tells its user; root's would be "0".
            #expect(waiting.uid == nil || waiting.uid == geteuid())
            Sockets.close(far)
            let left = try #require(diagnostics.report(from: from, to: to))
            #expect(left.state == .timeWait)
            #expect(left.uid == nil)
            #expect(left.cgroup == nil)
        }

        @Test("IPv6, and IPv4 on sockets of IPv6, are found under either name")
        func version6() throws {
            let diagnostics = try SocketDiagnostics()
            let any6 = Endpoint(address: .v6(high: 0, low: 1, scope: 0), port: 0)
            // A machine without IPv6 has no ::1.
            guard let listener6 = try? Sockets.listen(on: any6, backlog: 1) else { return }
            let socket6 = try Sockets.openStream(to: #require(Sockets.localEndpoint(listener6))).get()
            try Loopback.wait(socket6, for: POLLOUT)
            #expect(diagnostics.report(socket6)?.inode == inode(socket6))

            let listener = try Sockets.listen(on: Loopback.anyPort, backlog: 1)
            let endpoint = try #require(Sockets.localEndpoint(listener))
            let socket = try Sockets.openStream(to: endpoint.mapped).get()
            try Loopback.wait(socket, for: POLLOUT)
            let from = try #require(Sockets.localEndpoint(socket))
            #expect(from == from.mapped, "a socket of IPv6 tells the mapped address")
            let plain = Endpoint(address: from.address.unmapped, port: from.port)
            for source in [from, plain] {
                for destination in [endpoint, endpoint.mapped] {
                    #expect(diagnostics.report(from: source, to: destination)?.inode == inode(socket))
                }
            }
            // A socket of IPv4 whose connection was accepted by a listener for both.
            let socket4 = try Sockets.openStream(to: endpoint).get()
            try Loopback.wait(socket4, for: POLLOUT)
            let from4 = try #require(Sockets.localEndpoint(socket4))
            let report = diagnostics.report(from: from4.mapped, to: endpoint.mapped)
            #expect(report?.inode == inode(socket4))
            for descriptor in [listener6, socket6, listener, socket, socket4] { Sockets.close(descriptor) }
        }

        @Test("an answer to a former question is not taken for this one's")
        func lateAnswers() throws {
            let diagnostics = try SocketDiagnostics()
            let (near, far) = try Loopback.pair()
            let from = try #require(Sockets.localEndpoint(near))
            let to = try #require(Sockets.peerEndpoint(near))
            let nowhere = try #require(Sockets.parse("192.0.2.1:40000"))
            for _ in 0..<3 {
                #expect(diagnostics.ask(from: to, to: from))
                #expect(diagnostics.ask(from: nowhere, to: to))
            }
            #expect(diagnostics.report(from: from, to: to)?.inode == inode(near))
            // More than it has the patience for: it says that it does not know, and catches up.
            for _ in 0..<20 { #expect(diagnostics.ask(from: from, to: to)) }
            var tries = 0
            while diagnostics.report(from: to, to: from)?.inode != inode(far) {
                tries += 1
                if tries == 10 { break }
            }
            #expect((1..<10).contains(tries))
            // So many that the kernel runs out of room and drops some.
            for _ in 0..<10_000 { _ = diagnostics.ask(from: from, to: to) }
            tries = 0
            while diagnostics.report(from: to, to: from)?.inode != inode(far) {
                tries += 1
                if tries == 10_000 { break }
            }
            #expect(tries < 10_000)
            for descriptor in [near, far] { Sockets.close(descriptor) }
        }

        @Test("all sockets towards a destination are listed and counted, TIME_WAIT included")
        func listing() throws {
            let listener = try Sockets.listen(on: Loopback.anyPort, backlog: 100)
            let endpoint = try #require(Sockets.localEndpoint(listener))
            var clients: [Int32] = []
            var accepted: [Int32] = []
            for _ in 0..<20 {
                clients.append(try Sockets.openStream(to: endpoint).get())
                try Loopback.wait(listener, for: POLLIN)
                if case .accepted(let descriptor, _) = Sockets.accept(listener) {
                    accepted.append(descriptor)
                }
            }
            let towards = SocketFilter.towards(endpoint)
            var found: [UInt64: Endpoint] = [:]
            let isAll = try SocketDiagnostics.forEachTCP(towards) { from, to, report in
                #expect(to == endpoint)
                found[report.inode] = from
            }
            #expect(isAll)
            #expect(found.count == 20)
            for client in clients { #expect(found[inode(client)] == Sockets.localEndpoint(client)) }

            // Clients that close first keep TIME_WAIT.
            for client in clients[..<5] { Sockets.close(client) }
            for descriptor in accepted[..<5] { Sockets.close(descriptor) }
            let counts = try SocketDiagnostics.countTCP(towards)
            #expect(counts[.established] == 15)
            #expect(counts[.timeWait] == 5)
            #expect(counts.total == 20)
            let waiting = SocketFilter.towards(endpoint, states: [.timeWait, .closing])
            #expect(try SocketDiagnostics.countTCP(waiting).total == 5)
            let port = try #require(Sockets.localEndpoint(clients[10])?.port)
            let one = SocketFilter(
                sourceAddress: endpoint.address,
                sourcePort: port,
                destinationAddress: endpoint.mapped.address
            )
            #expect(try SocketDiagnostics.countTCP(one).total == 1)
            let other = SocketFilter(sourceAddress: .v4(0xc000_0201), destinationPort: endpoint.port)
            #expect(try SocketDiagnostics.countTCP(other).total == 0)
            let listening = SocketFilter(states: [.listening], sourcePort: endpoint.port)
            #expect(try SocketDiagnostics.countTCP(listening)[.listening] == 1)

            var seen = 0
            #expect(try !SocketDiagnostics.forEachTCP(towards, limit: 7) { _, _, _ in seen += 1 })
            #expect(seen == 7)
            #expect(try SocketDiagnostics.forEachTCP(towards, limit: 20) { _, _, _ in })
            for descriptor in clients[5...] + accepted[5...] + [listener] { Sockets.close(descriptor) }
        }

        @Test("answers that are cut, changed or nothing but noise are read without harm")
        func garbage() throws {
            let (near, far) = try Loopback.pair()
            let whole = try SocketDiagnosticsTests.answer(for: near)
            let (sequence, message) = try #require(SocketDiagnosticsTests.messages(whole).first)
            guard case .socket(_, _, let report) = message else {
                throw UnexpectedResult(what: "no socket: \(message)")
            }
            #expect(sequence == 77)
            #expect(report.inode == inode(near))
            for count in 0..<whole.count {
                // Cut by the transport, the length it claims is not there.
                #expect(SocketDiagnosticsTests.messages(Array(whole[..<count])).isEmpty)
                // Cut by its own length, what is missing is not made up.
                var short = Array(whole[..<count])
                if count < 16 { continue }
                short[0] = UInt8(truncatingIfNeeded: count)
                short[1] = UInt8(truncatingIfNeeded: count >> 8)
                for (_, message) in SocketDiagnosticsTests.messages(short) {
                    guard case .socket(_, _, let cut) = message else { continue }
                    #expect(cut.inode == report.inode)
                    #expect(cut.cgroup == nil || cut.cgroup == report.cgroup)
                }
            }
            var random = RandomSource(seed: 3)
            for _ in 0..<20_000 {
                var bytes = whole + whole
                for _ in 0...random.below(6) {
                    bytes[random.below(bytes.count)] = UInt8(random.below(256))
                }
                bytes.removeLast(random.below(bytes.count))
                #expect(SocketDiagnosticsTests.messages(bytes).count <= bytes.count / 16)
            }
            for descriptor in [near, far] { Sockets.close(descriptor) }
        }

        @Test("an error and the end of a listing are read as what they are")
        func endings() {
            func message(type: UInt8, _ code: Int32) -> [UInt8] {
                [20, 0, 0, 0, type, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0] + withUnsafeBytes(of: code) { Array($0) }
            }
            let bytes = message(type: 2, -ENOENT) + message(type: 3, 0) + message(type: 2, .min)
            let ends = SocketDiagnosticsTests.messages(bytes).map(\.message)
            #expect(ends == [.end(ENOENT), .end(0), .end(.max)])
            #expect(SocketDiagnosticsTests.messages(message(type: 1, 0)).map(\.message) == [.other])
        }

        /// The kernel's answer for a socket, as it comes.
        private static func answer(for descriptor: Int32) throws -> [UInt8] {
            let socket = try DiagnosticSocket()
            var request = weir_socket_request(family: .v4, flags: 0)
            request.setEnds(
                from: try #require(Sockets.localEndpoint(descriptor)),
                to: try #require(Sockets.peerEndpoint(descriptor))
            )
            request.header.nlmsg_seq = 77
            #expect(socket.send(&request) == 0)
            var room = [UInt8](repeating: 0, count: 1024)
            let answer = room.withUnsafeMutableBytes { socket.receive(into: $0) }
            #expect(room.withUnsafeMutableBytes { socket.receive(into: $0) } == .nothing)
            guard case .bytes(let count) = answer else { throw UnexpectedResult(what: "\(answer)") }
            return Array(room[..<count])
        }

        private static func messages(_ bytes: [UInt8]) -> [(sequence: UInt32, message: DiagnosticMessage)] {
            bytes.withUnsafeBytes { bytes in
                var offset = 0
                var found: [(sequence: UInt32, message: DiagnosticMessage)] = []
                while let next = DiagnosticMessage.next(in: bytes.bytes, at: &offset) { found.append(next) }
                #expect(offset <= bytes.count)
                return found
            }
        }
    }
}

/// The number of a socket.
func inode(_ descriptor: Int32) -> UInt64 {
    var status = stat()
    return fstat(descriptor, &status) == 0 ? UInt64(status.st_ino) : 0
}

extension SocketDiagnostics {
    /// What the kernel tells of a socket of this process's, asked for by its ends.
    func report(_ descriptor: Int32) -> SocketReport? {
        guard let from = Sockets.localEndpoint(descriptor), let to = Sockets.peerEndpoint(descriptor)
        else { return nil }
        return report(from: from, to: to)
    }
}

extension Endpoint {
    /// The same in the words of a socket of IPv6.
    fileprivate var mapped: Endpoint {
        guard case .v4(let bits) = address else { return self }
        return Endpoint(address: .v6(high: 0, low: 0xffff << 32 | UInt64(bits), scope: 0), port: port)
    }
}

/// A socket that another thread opened; read once that has ended.
private final class OpenedSocket: @unchecked Sendable {
    private(set) var descriptor: Int32?
    private(set) var user: UInt32 = 0

    func open(to endpoint: Endpoint, asUser wanted: UInt32) {
        // <sys/fsuid.h> is not in Swift's module of the C library.
        typealias SetUser = @convention(c) (UInt32) -> Int32
        guard let symbol = dlsym(nil, "setfsuid") else { return }
        let setUser = unsafeBitCast(symbol, to: SetUser.self)
        _ = setUser(wanted)
        // No user: changes nothing, and tells who it is.
        user = UInt32(bitPattern: setUser(.max))
        descriptor = try? Sockets.openStream(to: endpoint).get()
    }
}
