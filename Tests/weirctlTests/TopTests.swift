import Testing

@testable import weirctl

@Suite("weirctl top")
struct TopTests {
    private func report(
        requests: Int = 0,
        failures: Int = 0,
        uptime: Double = 10,
        owners: [String] = [],
        used: Int = 5,
        left: String = "null",
        counts: [Int] = [0, 0, 0]
    ) throws -> TopReport {
        let json = """
            {"version":"0.1.0","pid":7,"state":"running","uptime":\(uptime),
            "ports":{"client":{"used":\(used),"limit":28232,"growth_per_second":2.5,"seconds_to_exhaustion":\(left),
            "time_waits":0},"upstream":{"used":1,"limit":null,"growth_per_second":0.0,"seconds_to_exhaustion":null,
            "time_waits":0}},"clients":{"total":4,"limit":4096,"fresh":0,"reading_head":0,"waiting":0,
            "exchanging":1,"parked":3,"unread":0,"tunnel":0,"ending":0,"owners":1,"owners_churning":0,"owners_leaking":0},"tunnels":{"open":2,"limit":9},
            "queue":{"waiting":0,"limit":9},"quiet_tunnels":1,"owners":[\(owners.joined(separator: ","))],
            "owners_left_out":3,"pool":{"connections":3,"limit":99,"dialling":0,"leased":1,"idle":2,"peak":3,
            "origins_left_out":0,"by_origin":[{"origin":"b\u{1B}[2J:80","kind":"http","dialling":0,"leased":1,
            "idle":1,"waiting":0},{"origin":"a:80","kind":"http","dialling":0,"leased":0,"idle":1,"waiting":0}]},
            "counters":{"requests":\(requests),"failures":\(failures),"bytes_up":0,"bytes_down":0,
            "queue_refusals":0,"outcomes":{"completed":\(requests - failures),"connect_refused":\(failures)}},
            "durations":{"bounds_us":[1000,2000],"counts":[\(counts.map(String.init).joined(separator: ","))]}}
            """
        return try TopReport.read(Array(json.replacing("\u{1B}", with: "\\u001b").utf8))
    }

    private func page(_ report: TopReport, _ view: TopView = TopView(), former: TopReport? = nil) -> TopPage {
        TopPage(report: report, rates: TopRates(from: former, to: report), view: view)
    }

    /// Without the sequences of colours.
    private func plain(_ line: String) -> String {
        var text = ""
        var isEscape = false
        for character in line {
            if character == "\u{1B}" { isEscape = true }
            if !isEscape { text.append(character) }
            if isEscape && character == "m" { isEscape = false }
        }
        return text
    }

    private func owner(_ name: String, _ verdict: String = "healthy", ports: Int, opened: Int = 1) -> String {
        LeaksFixture.owner(
            verdict,
            ["unit": "\"\(name)\"", "ports": "\(ports)", "opened": "\(opened)"]
        )
    }

    @Test(
        "a picture fills its window exactly, whatever its size",
        arguments: [(24, 80), (50, 200), (10, 40), (3, 20)]
    )
    func size(rows: Int, columns: Int) throws {
        let owners = (0..<40).map { owner("unit-with-a-very-long-name-\($0).service", ports: $0) }
        for tables in TopView.Tables.allCases {
            for isHelp in [false, true] {
                var view = TopView()
                view.tables = tables
                view.isHelpShown = isHelp
                let lines = page(try report(owners: owners), view).lines(rows: rows, columns: columns).map(
                    plain
                )
                #expect(lines.count == rows)
                #expect(lines.allSatisfy { $0.count <= columns }, "\(lines)")
                #expect(lines.last?.contains("q quit") == true, "keys stay in sight")
            }
        }
    }

    @Test("rates are what happened between two looks at the same process")
    func rates() throws {
        let former = try report(requests: 100, failures: 0, uptime: 10, counts: [100, 0, 0])
        let now = try report(requests: 300, failures: 20, uptime: 12, counts: [200, 99, 1])
        let rates = TopRates(from: former, to: now)
        #expect(rates.requests == 100 && rates.failures == 10)
        #expect(rates.failed == 0.1 && rates.median == 1000 && rates.slow == 2000)
        var other = former
        other.pid = 8
        #expect(TopRates(from: other, to: now).requests == 0, "a restart is no rate")
        #expect(TopRates(from: now, to: now).median == nil)
    }

    @Test("the worst comes first: ports, then leaks, then failures, else all is well")
    func verdict() throws {
        func second(_ report: TopReport, former: TopReport? = nil) -> String {
            plain(page(report, former: former).lines(rows: 24, columns: 80)[1])
        }
        #expect(second(try report()).hasPrefix("healthy"))
        let leaking = owner("payments.service", "leaking", ports: 1002)
        #expect(second(try report(owners: [leaking])) == "! leaking: payments.service holds 1002 ports")
        #expect(second(try report(owners: [leaking], left: "90")).contains("out in 1m 30s"))
        #expect(second(try report(used: 27_000)).hasPrefix("! ports app"))
        let failing = try report(requests: 100, failures: 50, uptime: 20)
        #expect(second(failing, former: try report()) == "! 50% of the exchanges fail")
    }

    @Test("owners are sorted as the keys say, and nothing that others chose reaches the terminal")
    func keys() throws {
        let report = try report(owners: [owner("b", ports: 1, opened: 9), owner("a", ports: 5, opened: 2)])
        var view = TopView()
        func first() -> String {
            let lines = page(report, view).lines(rows: 24, columns: 120).map(plain)
            let header = lines.firstIndex { $0.contains("OWNER") } ?? 0
            return String(lines[header + 1].prefix(1))
        }
        #expect(first() == "b", "as weir sends them")
        #expect(view.press("s") == .redraw && view.order == .ports && first() == "a")
        #expect(view.press("s") == .redraw && view.order == .opened && first() == "b")
        _ = view.press("r")
        #expect(first() == "a")
        #expect(view.press("q") == .quit && view.press(" ") == .ask && view.press("x") == .none)
        _ = view.press("\t")
        #expect(view.tables == .owners)
        let text = page(report).lines(rows: 24, columns: 80).joined()
        #expect(text.contains("b?[2J:80") && !text.contains("\u{1B}[2J"))
    }

    @Test("bytes of the terminal become keys")
    func sequences() {
        #expect(
            TopKeys.read(Array("q\u{1B}[Bs\u{1B}[15~\u{1B}OA\u{1B}".utf8)) == [
                "q", "\u{1B}[B", "s", "\u{1B}[15~", "\u{1B}OA", "\u{1B}",
            ]
        )
    }
}
