import Testing

@testable import weirctl

@Suite("Leaks table")
struct LeaksTableTests {
    private typealias Fixture = LeaksFixture

    private func table(_ owners: [String], all: Bool = false) throws -> String {
        try table(of: Fixture.answer(owners), all: all)
    }

    private func table(of answer: String, all: Bool = false) throws -> String {
        LeaksTable.text(of: try LeaksReport.read(Array(answer.utf8)), all: all)
    }

    private static let several = Fixture.answer(
        [
            Fixture.owner("healthy"),
            Fixture.owner(
                "churning",
                [
                    "uid": "33", "user": "\"www-data\"", "remedy": "\"share one Session\"",
                    "processes":
                        "[\(Fixture.process(7, "/usr/bin/python3")),\(Fixture.process(8, "/usr/bin/perl"))]",
                ]
            ),
            Fixture.owner("leaking", ["uid": "2", "ports": "7"]),
            Fixture.owner(
                "leaking",
                [
                    "ports": "700", "user": "\"app\"", "unit": "\"payments.service\"",
                    "remedy": "\"share one Transport\"",
                    "processes": "[\(Fixture.process(123, "/opt/payments/app"))]",
                    "destinations": """
                    [\(Fixture.destination("api.example:443", "leaking")),\
                    \(Fixture.destination("fine.example:443", "churning")),\
                    \(Fixture.destination("[2001:db8::1]:443", "leaking", tunnels: 1))]
                    """,
                ]
            ),
        ],
        leftOut: 12,
        unseen: "weir may not look at processes of others"
    )

    @Test("owners become a table, the worst first, the healthy ones counted only")
    func golden() throws {
        #expect(
            try table(of: Self.several) == """
                OWNER             PID   EXE      VERDICT   OPENED  ONE-SHOT  PARKED  TUNNELS  STALLED  REAPED  PORTS  SINCE
                payments.service  123   app      leaking      123       98%       4        1        0     100    700    12s
                  remedy: share one Transport
                  leaks to api.example:443 for 3s: 50 opened, 40 reaped, 9 tunnels, 8 of them quiet, 0 stalled
                  leaks to [2001:db8::1]:443 for 3s: 50 opened, 40 reaped, 1 tunnel, 8 of them quiet, 0 stalled
                uid 2             -     -        leaking      123       98%       4        1        0     100      7    12s
                www-data          7 +1  python3  churning     123       98%       4        1        0     100      6    12s
                  remedy: share one Session
                1 healthy owner not shown (--all)
                … and 12 smaller owners
                weir may not look at processes of others

                """
        )
    }

    @Test("with all of them, healthy owners come last")
    func all() throws {
        let lines = try table(of: Self.several, all: true).split(separator: "\n")
        #expect(lines[8].hasPrefix("uid 1             -     -        healthy "))
        #expect(lines[9] == "… and 12 smaller owners")
    }

    @Test("that nothing leaks is said in one line")
    func nothing() throws {
        #expect(try table([]) == "nothing leaks: weir has not seen any client\n")
        let healthy = [Fixture.owner("healthy"), Fixture.owner("healthy")]
        #expect(try table(healthy) == "nothing leaks\n2 healthy owners not shown (--all)\n")
        #expect(try table(healthy, all: true).hasSuffix("12s\nnothing leaks\n"))
        let churning = try table([Fixture.owner("churning")])
        #expect(churning.hasSuffix("12s\nnothing leaks, but 1 owner churning\n"))
    }

    @Test("a healthy owner who leaks towards one destination is shown, and counts as a leak")
    func healthyButForOne() throws {
        let owner = Fixture.owner(
            "healthy",
            ["destinations": "[\(Fixture.destination("a:1", "leaking"))]"]
        )
        let text = try table([owner])
        #expect(text.contains("uid 1  -    -    healthy"))
        #expect(
            text.hasSuffix(
                "  leaks to a:1 for 3s: 50 opened, 40 reaped, 9 tunnels, 8 of them quiet, 0 stalled\n"
            )
        )
        #expect(try LeaksReport.read(Array(Fixture.answer([owner]).utf8)).hasLeak)
    }

    @Test(
        "an owner is called by the unit, else the user, else the address",
        arguments: [
            (["unit": "\"a.service\"", "user": "\"b\""], "a.service"),
            (["user": "\"b\"", "address": "\"::1\""], "b"), (["uid": "5", "address": "\"::1\""], "uid 5"),
            (["uid": "null", "address": "\"::1\""], "::1"), (["uid": "null", "unit": "\"\""], "-"),
            (
                ["unit": "\"cri-\(String(repeating: "0123456789", count: 4)).scope\""],
                "cri-0123456789012345…7890123456789.scope"
            ),
        ]
    )
    func names(members: [String: String], expected: String) throws {
        let rows = try table([Fixture.owner("leaking", members)]).split(separator: "\n")
        #expect(rows[1].hasPrefix("\(expected) "))
    }

    @Test("no text from outside reaches the terminal as a command")
    func hostile() throws {
        let escape = "\\u001b]0;x\\u0007\\n\\u202e"
        let owner = Fixture.owner(
            "leaking",
            [
                "unit": "\"u\(escape)\"", "remedy": "\"r\(escape)\"",
                "processes": "[\(Fixture.process(1, "/bin/\(escape)"))]",
                "destinations": "[\(Fixture.destination("a\(escape)", "leaking"))]",
            ]
        )
        let text = try table(of: Fixture.answer([owner], unseen: "n\(escape)"))
        let rows = text.split(separator: "\n")
        #expect(rows.count == 5)
        #expect(rows[1].hasPrefix("u?]0;x???  1    ?]0;x???  leaking"))
        #expect(rows[2] == "  remedy: r?]0;x???")
        #expect(rows[3].hasPrefix("  leaks to a?]0;x??? for"))
        #expect(rows[4] == "n?]0;x???")
    }

    @Test("numbers beyond reason do no harm")
    func extremes() throws {
        let members = [
            "one_shot_share": "1e300", "since_seconds": "-1e300", "ports": "\(Int.min)",
            "opened": "\(Int.max)",
        ]
        let text = try table([Fixture.owner("leaking", members), Fixture.owner("leaking", members)])
        #expect(text.contains("  100%  ") && text.hasSuffix("  0s\n"))
    }

    @Test("processes that weir has not found yet are no reason to say that there are none")
    func pending() throws {
        let text = try table(of: Fixture.answer([Fixture.owner("leaking")], pending: true))
        #expect(text.hasSuffix("12s\nweir has not found all processes yet; ask again\n"))
    }

    @Test(
        "what is no list of leaks is an error of one line that says why",
        arguments: [
            ("", "it is not JSON"), ("{}", "owners is missing"), ("[]", "it is of another type"),
            (several.replacing("\"owners_left_out\":12,", with: ""), "owners_left_out is missing"),
            (several.replacing("\"leaking\"", with: "\"fleeing\""), "owners[2].verdict has an unknown value"),
            (several.replacing("\"ports\":700,", with: ""), "owners[3].ports is missing"),
            (
                several.replacing("\"tunnels\":9,", with: "\"tunnels\":null,"),
                "owners[3].destinations[0].tunnels is null"
            ),
            (
                several.replacing("\"since_seconds\":3.0,", with: "\"since_seconds\":\"3 s\","),
                "owners[3].destinations[0].since_seconds is of another type"
            ),
        ]
    )
    func noLeaks(text: String, reason: String) {
        let expected = "the answer is not a list of leaks that this weirctl understands: \(reason)"
        #expect(throws: AdminError(expected)) { try LeaksReport.read(Array(text.utf8)) }
    }
}
