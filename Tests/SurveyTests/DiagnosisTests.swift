import Basics
import Dialling
import Testing

@testable import Survey

@Suite("Diagnoses")
struct DiagnosisTests {
    private static let weirEndpoint = Endpoint(address: .v4(0x7f00_0001), port: 3128)
    private static let weir = ProxyPlace(endpoints: [weirEndpoint], isListening: true)
    private static let http = Endpoint(address: .v4(0x0a00_0009), port: 80)

    /// So many connections that have been idle after one exchange, made otherwise by `alter`.
    private func connections(
        _ count: Int,
        to destination: Endpoint = http,
        _ alter: (inout ObservedConnection) -> Void = { _ in }
    ) -> [ObservedConnection] {
        (0..<count).map { index in
            var connection = ObservedConnection(
                id: UInt64(index) + UInt64(destination.port) << 32,
                owner: ConnectionOwner(uid: 1, cgroup: 2),
                from: Endpoint(address: .v4(0x0a00_0001), port: UInt16(40_000 + index)),
                to: destination,
                phase: .established
            )
            connection.bytesReceived = 100
            connection.segmentsSent = 1
            connection.sinceSent = .seconds(5)
            connection.sinceReceived = .seconds(5)
            alter(&connection)
            return connection
        }
    }

    private func process(
        _ connections: [ObservedConnection],
        runtime: Runtime = .go,
        unit: String? = "payments.service",
        variables: [String: String]? = [:]
    ) -> ObservedProcess {
        var process = ObservedProcess(
            pid: 7,
            program: "/opt/app",
            user: "app",
            unit: unit,
            connections: connections
        )
        process.runtime = runtime
        process.environment = variables.map { ProxyEnvironment($0) }
        return process
    }

    private func kinds(_ process: ObservedProcess, weir: ProxyPlace = weir) -> [Finding.Kind] {
        Diagnosis(process, weir: weir).findings.map(\.kind)
    }

    @Test("many idle connections after one exchange look like a leak; few, used or busy ones do not")
    func leak() {
        #expect(kinds(process(connections(16))) == [.leak])
        #expect(kinds(process(connections(15))).isEmpty)
        #expect(kinds(process(connections(100) { $0.segmentsSent = 5 })).isEmpty)
        #expect(kinds(process(connections(100) { $0.sinceReceived = .seconds(9) })).isEmpty, "they wait")
        #expect(kinds(process(connections(100) { $0.sinceReceived = .seconds(1) })).isEmpty, "just now")
        #expect(kinds(process(connections(100) { $0.unread = 5 })).isEmpty)
        let busy = connections(60).enumerated().map { index, connection in
            var connection = connection
            if index % 2 == 0 { connection.sinceSent = .zero }
            return connection
        }
        #expect(kinds(process(busy)).isEmpty, "half of them are in use")
    }

    @Test("connections that the app does not close are told")
    func unclosed() {
        #expect(kinds(process(connections(8) { $0.phase = .peerClosed })) == [.unclosed])
        #expect(kinds(process(connections(7) { $0.phase = .peerClosed })).isEmpty)
    }

    @Test("what to do names the unit, else the group, else the user, and suits the runtime")
    func advice() throws {
        func text(_ process: ObservedProcess) throws -> String {
            try #require(Diagnosis(process, weir: Self.weir).findings.first).advice.joined(separator: "\n")
        }
        let go = try text(process(connections(20)))
        #expect(go.contains("Transport"))
        #expect(go.contains("weir redirect up --unit payments.service"))
        #expect(go.contains("weir reap --unit payments.service --enforce"))
        #expect(go.contains("systemctl edit payments.service"))
        let node = try text(process(connections(20), runtime: .node))
        #expect(!node.contains("http_proxy="))
        let python = try text(process(connections(20), runtime: .python, unit: nil))
        #expect(python.contains("start it with http_proxy=http://127.0.0.1:3128"))
        #expect(python.contains("weir reap --uid app --enforce"))
        var grouped = process(connections(20), unit: "docker:0123456789ab")
        grouped.group = "/docker/0123"
        #expect(try text(grouped).contains("weir reap --cgroup /docker/0123 --enforce"))
        let proxied = try text(process(connections(20, to: Self.weirEndpoint)))
        #expect(proxied.contains("weir leaks"))
        #expect(!proxied.contains("weir reap"))
    }

    @Test("how connections reach weir")
    func way() {
        func way(_ process: ObservedProcess) -> String { Diagnosis(process, weir: Self.weir).way.description }
        let direct = connections(3)
        #expect(way(process(direct)) == "direct")
        #expect(way(process(connections(3, to: Self.weirEndpoint))) == "weir")
        #expect(way(process(direct + connections(1, to: Self.weirEndpoint))) == "1/4 weir")
        var redirected = process(direct)
        redirected.redirected = Set(direct.map(\.id))
        #expect(way(redirected) == "redirect")
        var covered = process(direct)
        covered.rule = "all"
        #expect(way(covered) == "direct, soon redirect")
    }

    @Test("variables that somebody set for weir, and that do not lead there")
    func variables() {
        let proxy = "http://127.0.0.1:3128"
        let one = connections(1)
        let loopback = connections(1, to: Endpoint(address: .v4(0x7f00_0001), port: 8080))
        let rows: [(Runtime, [String: String], [ObservedConnection], [Finding.Kind])] = [
            (.go, [:], one, []),
            (.go, ["NO_PROXY": "x"], one, []),
            (.go, ["http_proxy": proxy], one, [.bypass]),
            (.go, ["http_proxy": proxy], loopback, [.exempt]),
            (.python, ["http_proxy": proxy, "no_proxy": "10.0.0.0/8"], one, [.exempt]),
            (.node, ["http_proxy": proxy], one, [.ignoredVariable]),
            (.java, ["HTTPS_PROXY": proxy, "http_proxy": proxy], one, [.ignoredVariable]),
            (.curl, ["HTTP_PROXY": proxy], one, [.misspeltVariable]),
            (.curl, ["http_proxy": "http://other.example:8888"], one, [.otherProxy]),
            (.python, ["http_proxy": proxy], connections(1, to: Self.weirEndpoint), []),
        ]
        for (runtime, variables, held, expected) in rows {
            let found = kinds(process(held, runtime: runtime, variables: variables))
            #expect(found == expected, "\(runtime) \(variables)")
        }
        let absent = ProxyPlace(endpoints: [Self.weirEndpoint], isListening: false)
        let found = kinds(process(one, runtime: .python, variables: ["http_proxy": proxy]), weir: absent)
        #expect(found.contains(.noProxy))
        #expect(kinds(process(one, variables: nil)).isEmpty, "they may not be read")
        var covered = process(one, runtime: .node, variables: ["http_proxy": proxy])
        covered.rule = "uid 1"
        #expect(kinds(covered).isEmpty)
    }

    @Test("a password in a variable is not told")
    func password() throws {
        let variables = ["http_proxy": "http://user:secret@other.example:8888"]
        let findings = Diagnosis(
            process(connections(1), runtime: .curl, variables: variables),
            weir: Self.weir
        )
        .findings
        let finding = try #require(findings.first)
        #expect(!"\(finding)".contains("secret"))
        #expect(finding.text.contains("other.example:8888"))
    }

    @Test("weir itself has a pool, no leak")
    func own() {
        var own = process(connections(100))
        own.program = "/usr/local/bin/weir"
        #expect(kinds(own).isEmpty)
    }

    @Test("the worst comes first")
    func order() {
        let leaking = Diagnosis(process(connections(20)), weir: Self.weir)
        let big = Diagnosis(process(connections(500) { $0.segmentsSent = 50 }), weir: Self.weir)
        let small = Diagnosis(process(connections(1)), weir: Self.weir)
        let sorted = [small, big, leaking].sorted(by: Diagnosis.isWorse)
        #expect(sorted.map(\.process.connections.count) == [20, 500, 1])
    }

    @Test("ports are counted by source and destination, TIME_WAIT included, those of the range only")
    func ports() {
        var use = PortUse(range: 40_000...40_099, reserved: 20)
        #expect(use.capacity == 80)
        for connection in connections(30) { use.add(connection) }
        for connection in connections(10, { $0.phase = .timeWait }) { use.add(connection) }
        for connection in connections(5, to: Self.weirEndpoint) { use.add(connection) }
        for connection in connections(5, { $0.from.port = 50_000 }) { use.add(connection) }
        let pair = PortUse.Pair(source: .v4(0x0a00_0001), destination: Self.http)
        #expect(use[pair].used == 40)
        #expect(use[pair].timeWait == 10)
        #expect(use.percent(pair) == 50)
        #expect(use.isPressed(pair))
        #expect(use.fullest().map(\.count.used) == [40, 5])
        #expect("\(pair)" == "10.0.0.1 → 10.0.0.9:80")
        var former = PortUse(range: 40_000...40_099, reserved: 20)
        #expect(use.exhaustion(of: pair, since: former, for: .seconds(1)) == .seconds(1))
        for connection in connections(40) { former.add(connection) }
        #expect(use.exhaustion(of: pair, since: former, for: .seconds(1)) == nil)
    }

    @Test("what was dialled is told from what was accepted by who listens")
    func dialled() {
        var dialled = DialledConnections(range: 40_000...50_000)
        dialled.addListener(Endpoint(address: .v4(0), port: 45_000))
        dialled.addListener(Endpoint(address: .v4(0x0a00_0001), port: 45_001))
        dialled.addListener(Endpoint(address: .v6(high: 0, low: 0, scope: 0), port: 45_002))
        func isDialled(_ port: UInt16, _ address: UInt32 = 0x0a00_0001) -> Bool {
            dialled.isDialled(from: Endpoint(address: .v4(address), port: port))
        }
        #expect(isDialled(44_000))
        #expect(!isDialled(45_000))
        #expect(!isDialled(45_001))
        #expect(isDialled(45_001, 0x0a00_0002))
        #expect(!isDialled(45_002))
        #expect(!isDialled(8080), "a listener that has gone")
    }

    @Test("looks are frequent while connections grow, rare while nothing happens, and cheap")
    func pace() {
        var pace = LookPace(longest: .seconds(2))
        func next(_ held: Int, leaking: Bool = false, pressed: Bool = false, cost: Int = 0) -> Interval {
            pace.next(held: held, isLeaking: leaking, isPressed: pressed, cost: .milliseconds(cost))
        }
        #expect(next(0) == .milliseconds(250))
        #expect(next(50) == .milliseconds(250))
        #expect(next(50) == .milliseconds(375))
        for _ in 0..<10 { _ = next(52) }
        #expect(next(52) == .seconds(2))
        #expect(next(60) == .milliseconds(250))
        #expect(next(0, leaking: true) == .milliseconds(250))
        #expect(next(0, leaking: true, cost: 10) == .seconds(1))
        #expect(next(0, leaking: true, pressed: true, cost: 10) == .milliseconds(250))
        #expect(next(0, pressed: true, cost: 20) == .milliseconds(400))
    }
}
