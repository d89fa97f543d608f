import Basics
import Dialling
import Survey
import Testing

@testable import weirctl

@Suite("Doctor")
struct DoctorTests {
    private static let weir = ProxyPlace(
        endpoints: [Endpoint(address: .v4(0x7f00_0001), port: 3128)],
        isListening: false
    )
    private static let origin = Endpoint(address: .v4(0x0a00_0009), port: 443)

    private static func connections(_ count: Int) -> [ObservedConnection] {
        (0..<count).map { index in
            var connection = ObservedConnection(
                id: UInt64(index),
                owner: ConnectionOwner(uid: 1, cgroup: 2),
                from: Endpoint(address: .v4(0x0a00_0001), port: UInt16(40_000 + index)),
                to: origin,
                phase: .established
            )
            connection.bytesReceived = 100
            connection.segmentsSent = 1
            connection.sinceSent = .seconds(5)
            connection.sinceReceived = .seconds(5)
            return connection
        }
    }

    private static func examination(_ counts: [Int]) -> DoctorExamination {
        var examination = DoctorExamination(capacity: 28_232, weir: weir)
        examination.diagnoses = counts.enumerated().map { index, count in
            var process = ObservedProcess(
                pid: Int32(index + 1),
                program: "/opt/payments\u{1B}[31m-with-a-very-long-name",
                user: "app",
                unit: "payments.service",
                connections: connections(count)
            )
            process.runtime = .go
            return Diagnosis(process, weir: weir)
        }
        let pair = PortUse.Pair(source: .v4(0x0a00_0001), destination: origin)
        var count = PortUse.Count()
        count.used = 20_000
        examination.ports = [
            .init(pair: pair, count: count, percent: 70, exhaustion: .seconds(41))
        ]
        examination.unseen = ["redirect rules: nft does not tell"]
        return examination
    }

    @Test("a table fits 80 columns, and no name talks to the terminal")
    func width() {
        let text = DoctorTable.text(of: Self.examination([412, 3, 0]), all: true)
        for line in text.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
        #expect(!text.contains("\u{1B}"))
        #expect(!text.split(separator: "\n").contains { $0.hasSuffix(" ") })
        for part in [
            "PROCESS", "412 of 412 connections", "weir reap --unit payments.service --enforce", "70%", "41s",
            "nobody listens at 127.0.0.1:3128", "2 findings", "not seen:",
        ] { #expect(text.contains(part), "\(part)") }
    }

    @Test("ten processes at most, unless all are asked for")
    func bound() {
        let many = Self.examination([Int](repeating: 1, count: 30))
        let short = DoctorTable.text(of: many, all: false)
        #expect(short.contains("… and 20 more (--all)"))
        let all = DoctorTable.text(of: many, all: true)
        #expect(!all.contains("more (--all)"))
        #expect(all.split(separator: "\n").count > short.split(separator: "\n").count + 15)
    }

    @Test("nothing wrong is said in so many words")
    func nothing() {
        var examination = DoctorExamination(capacity: 28_232, weir: Self.weir)
        #expect(!examination.hasFinding)
        let text = DoctorTable.text(of: examination, all: false)
        #expect(text.contains("nothing is wrong"))
        examination.ports = Self.examination([]).ports
        #expect(examination.hasFinding)
    }

    @Test("long words keep a line of their own")
    func wrapping() {
        let word = String(repeating: "x", count: 100)
        #expect(DoctorTable.wrapped("a \(word) b", first: "- ", rest: "  ") == ["- a", "  \(word)", "  b"])
        #expect(DoctorTable.wrapped("", first: "- ", rest: "  ") == ["- "])
    }

    @Test("JSON has everything, in one line")
    func json() {
        let text = String(decoding: DoctorJSON(Self.examination([20, 1])).text, as: UTF8.self)
        #expect(text.filter { $0 == "\n" }.count == 1)
        for part in [
            "\"ports_per_pair\":28232", "\"percent\":70", "\"seconds_to_exhaustion\":41", "\"kind\":\"leak\"",
            "\"idle_after_one_exchange\":20", "\"direct\":20", "\"runtime\":\"go\"", "\"listening\":false",
        ] { #expect(text.contains(part), "\(part)") }
    }

    @Test("what redirect rules select is read from their comments")
    func rules() throws {
        let json = """
            {"nftables": [{"metainfo": {"json_schema_version": 1}}, {"table": {"family": "inet", "name": "weir"}},
            {"rule": {"family": "inet", "table": "weir", "chain": "output", "handle": 4, "expr": []}},
            {"rule": {"family": "inet", "table": "weir", "comment": "unit payments.service", "expr": []}},
            {"rule": {"family": "inet", "table": "weir-b", "comment": "uid 1000", "expr": []}},
            {"rule": {"family": "inet", "table": "weir", "comment": "cgroup /a/b", "expr": []}},
            {"rule": {"family": "inet", "table": "weir", "comment": "weir redirect since 12", "expr": []}},
            {"rule": {"family": "inet", "table": "other", "comment": "all", "expr": []}}]}
            """
        let rules = try #require(RedirectRules(Array(json.utf8)))
        #expect(rules.selectors == ["unit payments.service", "uid 1000", "cgroup /a/b"])
        #expect(rules.cover(uid: 1000, group: nil) == "uid 1000")
        #expect(rules.cover(uid: 1, group: "/system.slice/payments.service/x") == "unit payments.service")
        #expect(rules.cover(uid: 1, group: "/a/b/c") == "cgroup /a/b")
        #expect(rules.cover(uid: 1, group: "/a/bc") == nil)
        #expect(rules.cover(uid: 1, group: nil) == nil)
        #expect(RedirectRules(Array("{".utf8)) == nil)
        let all = #"{"nftables": [{"rule": {"family": "inet", "table": "weir", "comment": "all"}}]}"#
        #expect(RedirectRules(Array(all.utf8))?.cover(uid: 5, group: nil) == "all")
    }
}
