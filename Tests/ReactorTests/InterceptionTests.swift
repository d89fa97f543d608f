import Basics
import Dialling
import Glibc
import Testing

@testable import Reactor

extension ReactorSuite {
    @Suite("redirected connections")
    struct InterceptionTests {
        @Test("what was not redirected was meant for where it was accepted")
        func notRedirected() throws {
            let (near, far) = try Loopback.pair()
            defer {
                Sockets.close(near)
                Sockets.close(far)
            }
            #expect(Sockets.originalDestination(far) == Sockets.localEndpoint(far))
        }

        @Test("an address is local where this host has it")
        func localAddresses() {
            #expect(Sockets.isLocal(.v4(0x7F00_0001)))
            // TEST-NET-3 (RFC 5737).
            #expect(!Sockets.isLocal(.v4(0xCB00_7107)))
            #expect(!Sockets.isLocal(.v6(high: 0x2001_0db8 << 32, low: 7, scope: 0)))
        }

        @Test("a connection that is started anew is a connection of its own, from the same port")
        func again() throws {
            let listener = try Sockets.listen(on: Loopback.anyPort, backlog: 8)
            let place = try #require(Sockets.localEndpoint(listener))
            let socket = try Sockets.openStream(to: place).get()
            defer {
                Sockets.close(socket)
                Sockets.close(listener)
            }
            try Loopback.wait(socket, for: POLLOUT)
            try Loopback.wait(listener, for: POLLIN)
            guard case .accepted(let first, let peer) = Sockets.accept(listener) else {
                throw UnexpectedResult(what: "no connection")
            }
            #expect(Sockets.connectAgain(socket, to: place) == 0)
            try Loopback.wait(socket, for: POLLOUT)
            #expect(Sockets.connectResult(socket) == 0 && Sockets.localEndpoint(socket) == peer.endpoint)
            try Loopback.wait(listener, for: POLLIN)
            guard case .accepted(let second, let again) = Sockets.accept(listener) else {
                throw UnexpectedResult(what: "no second connection")
            }
            #expect(again == peer && Sockets.peerEndpoint(second) == peer.endpoint)
            #expect(Sockets.peerEndpoint(first) == nil, "the first was reset")
            Sockets.close(first)
            Sockets.close(second)
        }

        @Test("own sockets are known by their local end, for as long as they have it")
        func ownSockets() throws {
            var own = OwnSockets()
            let (near, far) = try Loopback.pair()
            let end = try #require(Sockets.localEndpoint(near))
            let isKnown = own.contains(end)
            #expect(!isKnown)
            own.note(near)
            let isFound = own.contains(end)
            #expect(isFound && own.count == 1)
            let isOther = own.contains(Endpoint(address: end.address, port: end.port ^ 1))
            #expect(!isOther)
            Sockets.close(near)
            // Its number may be another socket's by now.
            let (other, otherFar) = try Loopback.pair()
            let isStillThere = own.contains(end)
            #expect(!isStillThere && own.count == 0)
            for descriptor in [far, other, otherFar] { Sockets.close(descriptor) }
        }

        @Test("those that are gone are forgotten before they are many")
        func sweep() throws {
            var own = OwnSockets()
            let listener = try Sockets.listen(on: Loopback.anyPort, backlog: 8)
            let place = try #require(Sockets.localEndpoint(listener))
            var most = 0
            for _ in 0..<2500 {
                let socket = try Sockets.openStream(to: place).get()
                own.note(socket)
                most = max(most, own.count)
                Sockets.closeWithReset(socket)
                if case .accepted(let far, _) = Sockets.accept(listener) { Sockets.close(far) }
            }
            Sockets.close(listener)
            #expect(most <= 1024)
        }

        @Test("marks are set where that is allowed, and else it is said why not")
        func marks() throws {
            let (near, far) = try Loopback.pair()
            defer {
                Sockets.close(near)
                Sockets.close(far)
            }
            let obstacle = Sockets.obstacle(toMark: 0x3077)
            #expect((Sockets.setMark(near, 0x3077) == 0) == (obstacle == nil))
            if let obstacle { #expect(obstacle.code == EPERM) }
        }

        @Test(
            "the control group is that of the unified hierarchy",
            arguments: [
                ("0::/system.slice/weir.service\n", "/system.slice/weir.service"),
                ("12:cpu:/a\n0::/\n", "/"), ("1:name=systemd:/x\n", nil), ("", nil), ("0::\n", nil),
            ] as [(String, String?)]
        )
        func controlGroup(_ text: String, _ group: String?) {
            #expect(ControlGroups.path(named: text) == group)
        }
    }
}
