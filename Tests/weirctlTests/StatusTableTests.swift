import Testing

@testable import weirctl

@Suite("Status table")
struct StatusTableTests {
    private static let json = """
        {"version":"0.1.0","pid":42,"state":"running","started_at":"2026-11-22T21:01:54.123Z","uptime":7380.5,
        "process":{"descriptors":17,"descriptor_limit":null,"resident_bytes":8388608,"log_lines_dropped":0},
        "clients":{"total":4,"limit":4096,"fresh":0,"reading_head":0,"waiting":0,"exchanging":1,"parked":3,
        "tunnel":0,"ending":0,"owners":1,"owners_healthy":0,"owners_churning":0,"owners_leaking":1},
        "ports":{"client":{"used":4,"limit":28232,"growth_per_second":2.0,"seconds_to_exhaustion":100,"time_waits":0},
        "upstream":{"used":3,"limit":null,"growth_per_second":0.0,"seconds_to_exhaustion":null,"time_waits":0}},"tunnels":{"open":0,"limit":1024},
        "queue":{"waiting":0,"limit":null},
        "pool":{"connections":3,"limit":1024,"dialling":0,"leased":1,"idle":2,"peak":12,"origins":3,
        "origins_left_out":1,"by_origin":[
        {"origin":"origin.example:80","kind":"http","dialling":0,"leased":1,"idle":12,"waiting":0},
        {"origin":"a\\u001b:443","kind":"tunnel","dialling":1,"leased":0,"idle":0,"waiting":3}]},
        "counters":{"requests":102,"retries":6,"bytes_up":1000,"bytes_down":2000000,"leases_reused":80,
        "leases_fresh":14,"dials_failed":8,"something_new":1,
        "outcomes":{"completed":91,"upstream_gone":3,"connect_refused":8,"denied":0}},"limits":{}}
        """

    @Test("a status becomes a table")
    func golden() throws {
        let text = StatusTable.text(of: try StatusReport.read(Array(Self.json.utf8)))
        #expect(
            text == """
                weir 0.1.0, running, up 2h 3m, process 42, descriptors 17, 8.0 MiB resident

                ports     4 of 28232, out in 1m 40s, from apps to weir, 3 from weir to its busiest origin
                clients   4 of 4096: 3 parked, 1 exchanging, 0 waiting, 0 in tunnels, 0 without a request, \
                0 ending; 1 owner, 1 leaking
                upstream  3 of 1024: 1 leased, 2 idle, 0 dialling; peak 12
                tunnels   0 of 1024
                queue     0
                requests  102; 91 of 102 ended well, 6 retried; 1000 B up, 1.9 MiB down
                leases    80 reused, 14 fresh; 8 dials failed
                failures  8 connect_refused, 3 upstream_gone

                ORIGIN             KIND    LEASED  IDLE  DIALLING  WAITING
                origin.example:80  http         1    12         0        0
                a?:443             tunnel       0     0         1        3
                … and 1 smaller ones

                """
        )
    }

    @Test(
        "what is no status of weir is an error of one line that says why",
        arguments: [
            ("", "it is not JSON"), ("{}", "version is missing"), ("[]", "it is of another type"),
            ("{\"version\":5}", "version is of another type"), ("{\"version\":null}", "version is null"),
            (
                json.replacing("\"completed\":91", with: "\"a\\u001b\":\"91\""),
                "counters.outcomes.a? is of another type"
            ),
            (json.replacing("\"bytes_up\":1000,", with: ""), "counters.bytes_up is missing"),
            (json.replacing("\"waiting\":3", with: "\"x\":3"), "pool.by_origin[1].waiting is missing"),
        ]
    )
    func noStatus(text: String, reason: String) {
        let expected = "the answer is not a status that this weirctl understands: \(reason)"
        #expect(throws: AdminError(expected)) { try StatusReport.read(Array(text.utf8)) }
    }
}
