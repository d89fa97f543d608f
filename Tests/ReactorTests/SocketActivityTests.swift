import Basics
import Dialling
import Glibc
import Testing

@testable import Reactor

extension ReactorSuite {
    @Suite("socket activity, and the end of others' connections")
    struct SocketActivityTests {
        @Test("what a socket sent and received, and when, is told where it is asked for")
        func activity() throws {
            let diagnostics = try SocketDiagnostics(activity: true)
            let (near, far) = try Loopback.pair()
            defer { for descriptor in [near, far] { Sockets.close(descriptor) } }
            let fresh = try #require(diagnostics.report(near)?.activity)
            #expect(fresh.bytesReceived == 0)
            Loopback.write(near, "question")
            try Loopback.wait(far, for: POLLIN)
            let asked = try #require(diagnostics.report(near))
            // The SYN is one of them.
            #expect(asked.activity?.bytesAcknowledged == fresh.bytesAcknowledged + 8)
            #expect(asked.activity?.bytesReceived == 0)
            Loopback.write(far, "an answer")
            try Loopback.wait(near, for: POLLIN)
            let answered = try #require(diagnostics.report(near))
            #expect(answered.activity?.bytesReceived == 9)
            #expect(answered.activity.map { $0.sinceReceived < .seconds(10) } == true)
            #expect(answered.cookie == asked.cookie)
            #expect(answered.cookie != 0)
            #expect(try SocketDiagnostics().report(near)?.activity == nil)
        }

        @Test("a listing tells it too, and the same number of the socket")
        func listing() throws {
            let (near, far) = try Loopback.pair()
            defer { for descriptor in [near, far] { Sockets.close(descriptor) } }
            let to = try #require(Sockets.peerEndpoint(near))
            var found: [SocketReport] = []
            try SocketDiagnostics.forEachTCP(.towards(to), activity: true) { found.append($2) }
            let one = try SocketDiagnostics(activity: true).report(near)
            // Earlier ones towards the same port may be in TIME_WAIT still.
            let mine = found.filter { $0.cookie == one?.cookie }
            #expect(mine.count == 1)
            #expect(mine.first?.activity != nil)
            try SocketDiagnostics.forEachTCP(.towards(to)) { #expect($2.activity == nil) }
        }

        @Test("a socket is found by its number only as itself")
        func cookie() throws {
            let diagnostics = try SocketDiagnostics()
            let (near, far) = try Loopback.pair()
            defer { for descriptor in [near, far] { Sockets.close(descriptor) } }
            let from = try #require(Sockets.localEndpoint(near))
            let to = try #require(Sockets.peerEndpoint(near))
            let cookie = try #require(diagnostics.report(near)?.cookie)
            #expect(diagnostics.report(from: from, to: to, cookie: cookie)?.inode == inode(near))
            #expect(diagnostics.report(from: from, to: to, cookie: cookie + 1) == nil)
            // The number is forgotten with its question.
            #expect(diagnostics.report(from: from, to: to)?.inode == inode(near))
        }

        @Test("a connection is ended from outside, that very one, and only with the privilege")
        func destroy() throws {
            let diagnostics = try SocketDiagnostics()
            let (near, far) = try Loopback.pair()
            defer { for descriptor in [near, far] { Sockets.close(descriptor) } }
            let from = try #require(Sockets.localEndpoint(near))
            let to = try #require(Sockets.peerEndpoint(near))
            let cookie = try #require(diagnostics.report(near)?.cookie)
            guard Capabilities.mayAdministerNetwork() else {
                #expect(diagnostics.destroy(from: from, to: to, cookie: cookie) == EPERM)
                return
            }
            #expect([ENOENT, ESTALE].contains(diagnostics.destroy(from: from, to: to, cookie: cookie + 1)))
            #expect(diagnostics.report(near)?.state == .established)
            #expect(diagnostics.destroy(from: from, to: to, cookie: cookie) == 0)
            #expect(error(near) == ECONNABORTED)
            try Loopback.wait(far, for: POLLIN)
            #expect(error(far) == ECONNRESET)
            #expect(diagnostics.report(from: from, to: to, cookie: cookie) == nil)
            #expect([ENOENT, ESTALE].contains(diagnostics.destroy(from: from, to: to, cookie: cookie)))
            // Questions are asked as before.
            let (other, end) = try Loopback.pair()
            #expect(diagnostics.report(other)?.state == .established)
            for descriptor in [other, end] { Sockets.close(descriptor) }
        }

        private func error(_ descriptor: Int32) -> Int32 {
            var code: Int32 = 0
            var length = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
            return code
        }
    }

    @Suite("facts of the host")
    struct HostFactTests {
        @Test("reserved ports are counted within the range")
        func reservedPorts() {
            let range: ClosedRange<UInt16> = 32_768...60_999
            for (text, count) in [
                ("", 0), ("\n", 0), ("8080\n", 0), ("40000\n", 1), ("32767-32770\n", 3), ("60999-61010", 1),
                ("1-65535", 28_232), ("8080,40000-40009,50000\n", 11), ("x,40000", 1),
            ] {
                #expect(ResourceLimits.reservedPorts(in: range, text) == count, "\(text)")
            }
        }

        @Test("a capability is read from the status of a process")
        func capability() {
            let status = "Name:\tx\nCapEff:\t0000000000001000\n"
            #expect(Capabilities.has(12, in: status))
            #expect(!Capabilities.has(13, in: status))
            #expect(!Capabilities.has(12, in: "CapPrm:\t0000000000001000\n"))
            #expect(!Capabilities.has(12, in: ""))
        }

        @Test("a user is found by name and by number")
        func users() {
            #expect(UserNames.uid(of: "root") == 0)
            #expect(UserNames.uid(of: "4242") == 4242)
            #expect(UserNames.uid(of: "no such user") == nil)
        }

        @Test("a unit's groups are those of its name, wherever they lie, and all below")
        func unitGroups() throws {
            let base = "/tmp/weir-groups-\(getpid())"
            let paths = [
                "/system.slice/payments.service/worker/1", "/system.slice/other.service",
                "/user.slice/user-1000.slice/payments.service", "/system.slice/_payments.service",
            ]
            for path in paths { #expect(makeDirectories(base + path)) }
            defer { removeDirectories(base, paths) }
            let groups = ControlGroups(mountPoint: base, root: "/")
            let found = groups.groups(ofUnit: "payments.service")
            #expect(
                found.map(\.path) == [
                    "/system.slice/_payments.service", "/system.slice/payments.service",
                    "/system.slice/payments.service/worker", "/system.slice/payments.service/worker/1",
                    "/user.slice/user-1000.slice/payments.service",
                ]
            )
            #expect(Set(found.map(\.id)).count == 5)
            #expect(groups.groups(ofUnit: "absent.service").isEmpty)
            let below = groups.groups(atPath: "/system.slice/payments.service/").map(\.path)
            #expect(below == Array(found.map(\.path)[1...3]))
            #expect(groups.groups(atPath: "/nowhere").isEmpty)
            #expect(groups.groups(atPath: "/").count == 10)
            // In a container the tree begins with the container's own group.
            let inner = ControlGroups(mountPoint: base + "/system.slice", root: "/system.slice")
            #expect(inner.groups(atPath: "/system.slice/payments.service").count == 3)
            #expect(inner.groups(atPath: "/user.slice").isEmpty)
            #expect(groups.groups(ofUnit: "payments.service", maxDirectories: 1).isEmpty)
        }

        private func makeDirectories(_ path: String) -> Bool {
            var made = ""
            for part in path.split(separator: "/") {
                made += "/\(part)"
                if mkdir(made, 0o700) != 0 && errno != EEXIST { return false }
            }
            return true
        }

        private func removeDirectories(_ base: String, _ paths: [String]) {
            for path in paths {
                var parts = path.split(separator: "/")
                while !parts.isEmpty {
                    rmdir(base + "/" + parts.joined(separator: "/"))
                    parts.removeLast()
                }
            }
            rmdir(base)
        }
    }
}
