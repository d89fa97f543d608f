import Basics
import Dialling
import Glibc
import Reactor
import Testing

extension ReactorSuite {
    @Suite("sockets")
    struct SocketsTests {
        @Test("a connection knows both its ends")
        func endpoints() throws {
            let (near, far) = try Loopback.pair()
            let nearEnd = try #require(Sockets.localEndpoint(near))
            #expect(nearEnd.address == .v4(0x7f00_0001))
            #expect(Sockets.peerEndpoint(far) == nearEnd)
            #expect(Sockets.peerEndpoint(near) == Sockets.localEndpoint(far))
            Sockets.close(near)
            Sockets.close(far)
        }

        @Test("a port where nobody listens refuses")
        func refused() throws {
            let listener = try Sockets.listen(on: Loopback.anyPort, backlog: 1)
            let endpoint = try #require(Sockets.localEndpoint(listener))
            Sockets.close(listener)
            let socket = try Sockets.openStream(to: endpoint).get()
            try Loopback.wait(socket, for: POLLOUT)
            #expect(Sockets.connectResult(socket) == ECONNREFUSED)
            Sockets.close(socket)
        }

        @Test("a connection that met itself is refused")
        func connectedToItself() throws {
            let listener = try Sockets.listen(on: Loopback.anyPort, backlog: 1)
            let endpoint = try #require(Sockets.localEndpoint(listener))
            Sockets.close(listener)
            let socket = try Sockets.openStream(to: endpoint, from: endpoint).get()
            try Loopback.wait(socket, for: POLLOUT)
            #expect(Sockets.localEndpoint(socket) == Sockets.peerEndpoint(socket))
            #expect(Sockets.connectResult(socket) == ECONNREFUSED)
            Sockets.close(socket)
        }

        @Test("the source address is used, and one that is not ours is refused")
        func sourceAddress() throws {
            let listener = try Sockets.listen(on: Loopback.anyPort, backlog: 1)
            let endpoint = try #require(Sockets.localEndpoint(listener))
            let source = Endpoint(address: .v4(0x7f00_0009), port: 0)
            let socket = try Sockets.openStream(to: endpoint, from: source).get()
            try Loopback.wait(listener, for: POLLIN)
            guard case .accepted(let accepted, let peer) = Sockets.accept(listener) else {
                throw UnexpectedResult(what: "nothing to accept")
            }
            #expect(peer.endpoint?.address == source.address)
            #expect(Sockets.accept(listener) == .wouldBlock)
            for descriptor in [listener, socket, accepted] { Sockets.close(descriptor) }

            let foreign = Endpoint(address: .v4(0xc000_0201), port: 0)
            guard case .failure(let error) = Sockets.openStream(to: endpoint, from: foreign) else {
                throw UnexpectedResult(what: "bound to a foreign address")
            }
            #expect(error.code == EADDRNOTAVAIL)
            #expect(error.description.hasPrefix("bind to 192.0.2.1:0: "))
            #expect(error.description.hasSuffix("(EADDRNOTAVAIL)"))
        }

        @Test("a source address takes its port only when it connects")
        func lateSourcePort() throws {
            let listener = try Sockets.listen(on: Loopback.anyPort, backlog: 1)
            let endpoint = try #require(Sockets.localEndpoint(listener))
            let socket = try Sockets.openStream(to: endpoint, from: Loopback.anyPort).get()
            var value: Int32 = 0
            var length = socklen_t(4)
            getsockopt(socket, Int32(IPPROTO_IP), IP_BIND_ADDRESS_NO_PORT, &value, &length)
            #expect(value == 1)
            Sockets.close(socket)
            Sockets.close(listener)
        }

        @Test("an address that is taken cannot be listened on, and the error says which")
        func addressInUse() throws {
            let listener = try Sockets.listen(on: Loopback.anyPort, backlog: 1)
            let endpoint = try #require(Sockets.localEndpoint(listener))
            let error = #expect(throws: SystemError.self) { try Sockets.listen(on: endpoint, backlog: 1) }
            #expect(error?.code == EADDRINUSE)
            #expect(error?.operation == "listen on \(endpoint)")
            Sockets.close(listener)
        }

        @Test("the peer sees FIN as end of file, and the other direction goes on")
        func halfClose() throws {
            let (near, far) = try Loopback.pair()
            Loopback.write(near, "last")
            Sockets.shutdownWrite(near)
            Sockets.shutdownWrite(near)
            try Loopback.wait(far, for: POLLIN)
            #expect(Loopback.read(far).bytes == Array("last".utf8))
            #expect(Loopback.read(far).result == .endOfFile)
            Loopback.write(far, "answer")
            try Loopback.wait(near, for: POLLIN)
            #expect(Loopback.read(near).bytes == Array("answer".utf8))
            Sockets.close(far)
            Sockets.close(near)
        }

        @Test("the peer sees a close with reset as ECONNRESET, and writing to it raises no signal")
        func reset() throws {
            let (near, far) = try Loopback.pair()
            Sockets.closeWithReset(near)
            try Loopback.wait(far, for: POLLIN)
            #expect(Loopback.read(far).result == .failed(ECONNRESET))
            let bytes: [UInt8] = [1]
            #expect(Sockets.write(far, bytes.span) == .failed(EPIPE))
            Sockets.shutdownWrite(far)
            #expect(Sockets.peerEndpoint(far) == nil)
            Sockets.close(far)
        }

        @Test("a peek tells silence, bytes, FIN and reset apart, and takes nothing")
        func peeking() throws {
            let (near, far) = try Loopback.pair()
            #expect(Sockets.peek(near) == .wouldBlock)
            Loopback.write(far, "x")
            try Loopback.wait(near, for: POLLIN)
            #expect(Sockets.peek(near) == .bytes(1))
            #expect(Loopback.read(near).bytes == Array("x".utf8))
            Sockets.shutdownWrite(far)
            try Loopback.wait(near, for: POLLIN)
            #expect(Sockets.peek(near) == .endOfFile)
            // A reset after the FIN changes nothing for who only reads.
            Sockets.closeWithReset(far)
            try Loopback.wait(near, for: POLLERR)
            #expect(Sockets.peek(near) == .endOfFile)
            Sockets.close(near)

            let (other, otherFar) = try Loopback.pair()
            Sockets.closeWithReset(otherFar)
            try Loopback.wait(other, for: POLLERR)
            #expect(Sockets.peek(other) == .failed(ECONNRESET))
            Sockets.close(other)
        }

        @Test("keepalive and user timeout arrive in the kernel, rounded and within its ranges")
        func keepalive() throws {
            let (near, far) = try Loopback.pair()
            func option(_ level: Int32, _ name: Int32) -> Int32 {
                var value: Int32 = -1
                var length = socklen_t(4)
                getsockopt(near, level, name, &value, &length)
                return value
            }
            let tcp = Int32(IPPROTO_TCP)
            #expect(option(tcp, TCP_NODELAY) == 1)
            #expect(option(SOL_SOCKET, SO_KEEPALIVE) == 0)
            Sockets.setKeepalive(near, idle: .milliseconds(1500), interval: .zero, count: 3)
            Sockets.setUserTimeout(near, .milliseconds(5000))
            #expect(option(SOL_SOCKET, SO_KEEPALIVE) == 1)
            #expect(option(tcp, TCP_KEEPIDLE) == 2)
            #expect(option(tcp, TCP_KEEPINTVL) == 1)
            #expect(option(tcp, TCP_KEEPCNT) == 3)
            #expect(option(tcp, TCP_USER_TIMEOUT) == 5000)
            Sockets.setKeepalive(near, idle: .unlimited, interval: .seconds(10), count: 1000)
            #expect(option(tcp, TCP_KEEPIDLE) == 32767)
            #expect(option(tcp, TCP_KEEPCNT) == 127)
            Sockets.setUserTimeout(near, .unlimited)
            #expect(option(tcp, TCP_USER_TIMEOUT) == 0)
            Sockets.close(near)
            Sockets.close(far)
        }

        @Test("the health of a connection shows what a peer that does not read leaves unsent")
        func health() throws {
            let (near, far) = try Loopback.pair()
            let fresh = try #require(Sockets.unacknowledged(near))
            #expect(fresh.state == 1)
            #expect(fresh.unsentBytes == 0)
            _ = Loopback.fill(near)
            let stuck = try #require(Sockets.unacknowledged(near))
            #expect(stuck.unsentBytes > 0)
            #expect(stuck.sinceAcknowledgement <= .seconds(5))
            Sockets.shutdownWrite(far)
            try Loopback.wait(near, for: POLLIN)
            #expect(Sockets.unacknowledged(near)?.state == 8)
            Sockets.closeWithReset(near)
            Sockets.close(far)
        }

        @Test("IPv6 works, and leaves the same port of IPv4 free")
        func version6() throws {
            let any = Endpoint(address: .v6(high: 0, low: 1, scope: 0), port: 0)
            // A machine without IPv6 has no ::1.
            guard let listener = try? Sockets.listen(on: any, backlog: 1) else { return }
            let endpoint = try #require(Sockets.localEndpoint(listener))
            let other = try Sockets.listen(on: Endpoint(address: .v4(0), port: endpoint.port), backlog: 1)
            let socket = try Sockets.openStream(to: endpoint, from: any).get()
            var value: Int32 = 0
            var length = socklen_t(4)
            getsockopt(socket, Int32(IPPROTO_IP), IP_BIND_ADDRESS_NO_PORT, &value, &length)
            #expect(value == 1)
            try Loopback.wait(listener, for: POLLIN)
            guard case .accepted(let accepted, let peer) = Sockets.accept(listener) else {
                throw UnexpectedResult(what: "nothing to accept")
            }
            #expect(peer.endpoint == Sockets.localEndpoint(socket))
            for descriptor in [listener, other, socket, accepted] { Sockets.close(descriptor) }
        }
    }
}
