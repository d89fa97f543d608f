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

    private func plan(
        _ present: ServingSockets,
        _ settings: Settings,
        workers: Int
    ) throws(SystemError) -> ListenerPlan {
        try ListenerPlan(from: present, to: settings, workers: workers, mayLack: { _, _ in false })
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

    @Test("each worker has a socket of its own on each address of apps, and the first one those of files")
    func workers() throws {
        let path = P_tmpdir + "/weir-plan-\(getpid()).sock"
        let settings = try settings {
            $0.listen = [.network(address(0)), .unix(path: path), .network(address(0, "127.0.0.2"))]
        }
        let first = try plan([:], settings, workers: 3)
        let shares = try #require(first.sockets[.client]).shares(among: 3)
        #expect(shares.map(\.count) == [3, 2, 2])
        let places = shares.map { $0.compactMap(\.place.endpoint) }
        #expect(places[0] == places[1] && places[1] == places[2])
        #expect(Set(shares.joined().map(\.descriptor)).count == 7)
        // Who comes from outside finds the address taken.
        #expect {
            _ = try ListeningSocket.open(on: places[0][0])
        } throws: { ($0 as? SystemError)?.code == EADDRINUSE }
        let again = try plan(first.sockets, settings, workers: 3)
        #expect(again.sockets == first.sockets && again.removed.values.joined().isEmpty)
        close(first.sockets)
    }

    @Test("of what was inherited the workers share what there is, and lose nothing")
    func inherited() throws {
        let open = try ListeningSocket.open(on: Endpoint(address: .v4(0x7f00_0001), port: 0))
        let port = try #require(open.place.endpoint).port
        let settings = try settings { $0.listen = [.network(address(port))] }
        let more = try plan([.client: [ServingSocket(socket: open, configured: nil)]], settings, workers: 2)
        let shares = try #require(more.sockets[.client]).shares(among: 2)
        #expect(shares.map(\.count) == [1, 1] && shares[0] == [open])
        #expect(shares[1][0] != open && shares[1][0].place == open.place)
        // Whichever of the two accepts, it is the same backlog.
        let client = try Sockets.openStream(to: Endpoint(address: .v4(0x7f00_0001), port: port)).get()
        guard case .accepted(let accepted, _) = Sockets.accept(shares[1][0].descriptor) else {
            return #expect(Bool(false), "nobody came")
        }
        #expect(Sockets.accept(open.descriptor) == .wouldBlock)
        // The process after this one has fewer workers.
        let fewer = try plan(more.sockets, settings, workers: 1)
        #expect(fewer.sockets[.client]?.count == 2)
        #expect(try #require(fewer.sockets[.client]).shares(among: 1).map(\.count) == [2])
        for descriptor in [client, accepted] { Sockets.close(descriptor) }
        close(fewer.sockets)
    }
}
