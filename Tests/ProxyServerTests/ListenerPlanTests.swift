import Dialling
import Glibc
import Reactor
import Settings
import Testing

@testable import ProxyServer

@Suite("Listener plan", .serialized)
struct ListenerPlanTests {
    private func settings(_ change: (inout Settings) -> Void) throws -> Settings {
        var settings = try Settings.defaults(
            for: HostFacts(descriptorLimit: 20_000, ephemeralPorts: 32768...60999)
        )
        settings.admin = nil
        settings.listen = [.network(address(0))]
        change(&settings)
        return settings
    }

    private func address(_ port: UInt16, _ host: String = "127.0.0.1") -> NetworkEndpoint {
        guard let address = NumericAddress(host) else { preconditionFailure(host) }
        return NetworkEndpoint(address: address, port: port)
    }

    private func plan(_ present: ServingSockets, _ settings: Settings) throws(SystemError) -> ListenerPlan {
        try ListenerPlan(from: present, to: settings, mayLack: { _, _ in false })
    }

    private func port(_ socket: ServingSocket?) throws -> UInt16 {
        try #require(socket?.socket.place.endpoint).port
    }

    private func close(_ sockets: ServingSockets) {
        for socket in sockets.values.joined() { socket.socket.close() }
    }

    @Test(
        "what is there stays, what lacks is opened, what is not asked for goes; in the order of the settings"
    )
    func change() throws {
        let first = try plan(
            [:],
            settings { $0.listen = [.network(address(0)), .network(address(0, "127.0.0.2"))] }
        )
        #expect(first.removed.values.joined().isEmpty)
        let kept = try #require(first.sockets[.client]?.last)
        let second = try plan(
            first.sockets,
            settings { $0.listen = [.network(address(0, "127.0.0.3")), .network(address(0, "127.0.0.2"))] }
        )
        #expect(second.sockets[.client]?.count == 2 && second.sockets[.client]?.last == kept)
        #expect(second.removed[.client] == first.sockets[.client]?.dropLast())
        close(second.sockets)
        close(second.removed)
    }

    @Test("where one cannot be opened, none is, and the others are as they were")
    func refused() throws {
        let taken = try ListeningSocket.open(on: Endpoint(address: .v4(0x7f00_0001), port: 0))
        let port = try #require(taken.place.endpoint).port
        let path = P_tmpdir + "/weir-plan-\(getpid()).sock"
        let present = try plan([:], settings { $0.listen = [.unix(path: path)] }).sockets
        #expect {
            _ = try plan(
                present,
                settings {
                    $0.listen = [.unix(path: path), .unix(path: path + "2"), .network(address(port))]
                    $0.listenMode = 0o600
                }
            )
        } throws: { ($0 as? SystemError)?.code == EADDRINUSE }
        #expect(access(path + "2", F_OK) != 0)
        #expect(present[.client]?.first?.socket.file?.mode == 0o666)
        close(present)
        taken.close()
    }

    @Test("one may take the place of another that is in its way, also of another role")
    func inTheWay() throws {
        let present = try plan([:], settings { _ in }).sockets
        let port = try port(present[.client]?.first)
        let moved = try plan(
            present,
            settings {
                $0.listen = [.network(address(0, "127.0.0.2"))]
                $0.admin = .network(address(port, "0.0.0.0"))
            }
        )
        #expect(try self.port(moved.sockets[.admin]?.first) == port)
        close(moved.removed)
        close(moved.sockets)
    }

    @Test("a port that the kernel chose before is found again, but not for the service manager's sockets")
    func chosenPort() throws {
        let open = try ListeningSocket.open(on: Endpoint(address: .v4(0x7f00_0001), port: 0))
        let inherited = ServingSocket(socket: open, configured: nil)
        #expect(inherited.serves(.network(address(0))))
        #expect(inherited.serves(.network(try address(port(inherited)))))
        #expect(!inherited.serves(.network(address(0, "127.0.0.2"))) && !inherited.serves(.unix(path: "/a")))
        open.close()
        for (name, role) in [
            ("admin", ListenerRole.admin), ("redirect", .redirect), ("weir.socket", .client),
        ] {
            #expect(ListenerRole(named: name) == role)
        }
    }
}
