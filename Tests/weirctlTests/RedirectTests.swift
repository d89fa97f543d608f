import ArgumentParser
import Basics
import Dialling
import Reactor
import Redirection
import Testing

@testable import weirctl

@Suite("Redirect command")
struct RedirectCommandTests {
    private func selection(_ arguments: String...) throws -> RedirectSelection {
        try RedirectSelection.parse(arguments)
    }

    @Test("who is meant")
    func wishes() throws {
        let plan = try selection(
            "--unit",
            "payments",
            "--unit",
            "apps.slice",
            "--uid",
            "root",
            "--uid=7",
            "--gid",
            "root",
            "--cgroup",
            "/a/b/"
        ).plan()
        #expect(
            plan.wishes == [
                .unit("payments.service"), .unit("apps.slice"), .group("/a/b"), .fixed(.uid(0)),
                .fixed(.uid(7)),
                .fixed(.gid(0)),
            ]
        )
        #expect(plan.ports == .standard && !plan.includesLoopback && plan.name == .standard)
        #expect(try selection("--all", "--name", "x").plan().wishes == [.fixed(.all)])
    }

    @Test(
        "arguments that make no sense are refused with status 64",
        arguments: [
            [], ["--all", "--uid", "1"], ["--uid", "no-such-user"], ["--gid", "no-such-group"],
            ["--uid", "-1"],
            ["--unit", "a/b"], ["--unit", ".x"], ["--unit", ""], ["--unit", "-.slice"], ["--cgroup", "x"],
            ["--cgroup", "/"], ["--cgroup", "/a/../b"], ["--all", "--ports", "x"],
            ["--all", "--except", "10.0.0.1/8"],
            ["--all", "--name", "a b"], ["--all", "--rollback-after", "60"],
            ["--all", "--listen", "127.0.0.1:3129"],
            ["--all", "--print", "--listen", "localhost:1"], ["--all", "--print", "--weir-mark", "1"],
            ["--all", "--admin", "x"],
        ]
    )
    func refused(arguments: [String]) {
        #expect {
            try RedirectCommand.Up.parse(arguments)
        } throws: { error in
            RedirectCommand.Up.exitCode(for: error).rawValue == 64
        }
    }

    @Test("what was asked for is told to the keeping process again, word for word")
    func again() throws {
        let first = try selection(
            "--unit",
            "a",
            "--unit",
            "b",
            "--uid",
            "1",
            "--gid",
            "2",
            "--cgroup",
            "/c",
            "--ports",
            "80,90-99",
            "--except",
            "10.0.0.0/8",
            "--except",
            "::1",
            "--loopback",
            "--name",
            "foo@bar"
        )
        let second = try RedirectSelection.parse(first.arguments)
        #expect(try first.plan() == second.plan())
        #expect(second.arguments == first.arguments)
        #expect(try selection("--all").arguments == ["--all", "--ports=80,443", "--name=weir"])
    }

    @Test("units that do not run are expected where systemd puts them")
    func selectors() throws {
        let plan = try selection("--unit", "weir-test-none", "--uid", "1", "--uid", "1").plan()
        let selectors = try plan.selectors(in: ControlGroups(), known: [:])
        #expect(selectors.count == 2)
        #expect(selectors[0].group?.path == "/system.slice/weir-test-none.service")
        #expect(selectors[0].group?.exists == false)
        let known = try plan.selectors(
            in: nil,
            known: ["weir-test-none.service": "/apps.slice/weir-test-none.service"]
        )
        #expect(known[0].group?.path == "/apps.slice/weir-test-none.service")
    }

    @Test("where weir listens", arguments: ["127.0.0.1:3129", "[::1]:3129"])
    func endpoints(text: String) {
        #expect(InterceptorInquiry.endpoint(text)?.description == text)
        #expect(
            InterceptorInquiry.endpoint("localhost:1") == nil && InterceptorInquiry.endpoint("::1:80") == nil
        )
    }

    @Test("what weir says of itself")
    func status() throws {
        let text =
            #"{"pid": 1, "redirect": {"listen": ["[::1]:3129"], "mark": 0, "uid": 990, "cgroup": null, "pid": 5}}"#
        let report = try InterceptorReport.read(Array(text.utf8))
        #expect(report.redirect == .init(listen: ["[::1]:3129"], mark: 0, uid: 990, cgroup: nil, pid: 5))
        #expect(try InterceptorReport.read(Array(#"{"pid": 1}"#.utf8)).redirect == nil)
    }

    @Test("nft's complaints are told by their first line, and lack of privilege as such")
    func complaints() throws {
        func result(_ errors: String, _ status: Int32 = 1) -> ChildResult {
            ChildResult(status: status, output: [65], errors: Array(errors.utf8))
        }
        #expect(try NftProgram.output(of: result("", 0)) == [65])
        #expect(
            NftProgram.reason(result("/dev/stdin:1:1-2: Error: No such file or directory\nxx\n^^\n"))
                == "No such file or directory"
        )
        #expect(NftProgram.reason(result("", 3)) == "exit status 3")
        #expect(throws: NftProgram.lacksPrivilege) {
            try NftProgram.output(of: result("Error: Could not process rule: Operation not permitted\n"))
        }
        #expect(throws: RedirectionError("nft refused: x")) { try NftProgram.output(of: result("x\n")) }
    }
}

@Suite("Redirections that are there")
struct RedirectListingTests {
    /// As nft 1.0.6 prints it.
    private func listing(lease: String, confirmed: String) -> [UInt8] {
        Array(
            """
            {"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
            {"table": {"family": "inet", "name": "weir", "handle": 1}},
            {"set": {"family": "inet", "name": "lease42", "table": "weir", "type": "inet_proto", "handle": 3,
              "flags": ["timeout"]\(lease)}},
            {"set": {"family": "inet", "name": "confirmed", "table": "weir", "type": "inet_proto", "handle": 4,
              "flags": ["timeout"]\(confirmed)}},
            {"set": {"family": "inet", "name": "group0", "table": "weir", "type": "cgroupsv2", "handle": 5, "elem": [123]}},
            {"chain": {"family": "inet", "table": "weir", "name": "output", "handle": 1, "type": "nat"}},
            {"rule": {"family": "inet", "table": "weir", "chain": "output", "handle": 6,
              "comment": "weir redirect since 1000", "expr": [{"match": {"op": "!=", "left": {"meta": {"key": "l4proto"}},
              "right": "@lease42"}}, {"return": null}]}},
            {"rule": {"family": "inet", "table": "weir", "chain": "output", "handle": 7, "expr": [{"match":
              {"op": "!=", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": {"set": [80, 443]}}},
              {"return": null}]}},
            {"rule": {"family": "inet", "table": "weir", "chain": "output", "handle": 8, "comment": "unit a.service",
              "expr": [{"counter": {"packets": 7, "bytes": 420}}, {"goto": {"target": "intercept"}}]}},
            {"rule": {"family": "inet", "table": "weir", "chain": "output", "handle": 9, "comment": "uid 5",
              "expr": [{"counter": {"packets": 0, "bytes": 0}}, {"goto": {"target": "intercept"}}]}},
            {"rule": {"family": "inet", "table": "weir", "chain": "intercept", "handle": 10,
              "expr": [{"dnat": {"family": "ip", "addr": "127.0.0.1", "port": 3129}}]}},
            {"rule": {"family": "inet", "table": "weir", "chain": "intercept", "handle": 11,
              "expr": [{"dnat": {"family": "ip6", "addr": "::1", "port": 3129}}]}}]}
            """.utf8
        )
    }

    private static let held = #", "elem": [{"elem": {"val": "tcp", "timeout": 1, "expires": 0}}]"#
    private static let confirmed = #", "elem": ["tcp"]"#
    private static let pending = #", "elem": [{"elem": {"val": "tcp", "timeout": 60, "expires": 42}}]"#

    /// Without what fills up the last column.
    private static func lines(_ page: RedirectPage) -> [String] {
        String(decoding: page.text, as: UTF8.self).split(separator: "\n").map { line in
            String(line.reversed().drop { $0 == " " }.reversed())
        }
    }

    private func page(lease: String, confirmed: String, refusal: String? = nil) throws -> RedirectPage {
        let found = try #require(
            try NftListing.read(listing(lease: lease, confirmed: confirmed)).redirection(.standard)
        )
        return RedirectPage([found], refusal: refusal, now: 1075)
    }

    @Test("in force")
    func inForce() throws {
        let page = try page(lease: Self.held, confirmed: Self.confirmed)
        #expect(
            Self.lines(page) == [
                "NAME  STATE      SINCE  SELECTED        CONNECTIONS  LED TO",
                "weir  in force  1m 15s  unit a.service            7  127.0.0.1:3129, [::1]:3129",
                "                        uid 5                     0",
            ]
        )
        #expect(
            String(decoding: page.json, as: UTF8.self) == """
                {"redirections":[{"keeper":42,"name":"weir","rules":[{"connections":7,"selected":"unit a.service"},\
                {"connections":0,"selected":"uid 5"}],"since_seconds":75,"state":"in force","table":"weir",\
                "targets":["127.0.0.1:3129","[::1]:3129"]}],"weir_answers":true}\n
                """
        )
    }

    @Test("why not, or not for long")
    func otherStates() throws {
        let pending = try page(lease: Self.held, confirmed: Self.pending)
        #expect(
            pending.redirections[0].state == "to be confirmed"
                && pending.redirections[0].secondsToConfirm == 42
        )
        #expect(
            String(decoding: pending.text, as: UTF8.self).contains("weir: taken back in 42s unless confirmed")
        )
        let lapsed = try page(lease: "", confirmed: Self.confirmed, refusal: "weir is gone")
        #expect(lapsed.redirections[0].state == "lapsed" && !lapsed.weirAnswers)
        #expect(String(decoding: lapsed.text, as: UTF8.self).hasSuffix("\nweir is gone\n"))
        #expect(try page(lease: Self.held, confirmed: "").redirections[0].state == "not confirmed in time")
    }

    @Test("tables of others, and none at all")
    func others() throws {
        let foreign =
            #"{"nftables": [{"table": {"family": "inet", "name": "weir"}}, {"rule": {"expr": []}}]}"#
        #expect(try NftListing.read(Array(foreign.utf8)).redirection(.standard) == nil)
        #expect(try NftListing.read(Array(foreign.utf8)).tables == ["weir"])
        #expect(throws: RedirectionError.self) { try NftListing.read([]) }
        let nothing = RedirectPage([], refusal: nil, now: 0)
        #expect(String(decoding: nothing.text, as: UTF8.self) == "nothing is redirected\n")
    }
}
