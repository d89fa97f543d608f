import Dialling
import Testing

@testable import Redirection

@Suite("rulesets")
struct RulesetTests {
    @Test("the whole text, as it is kept in force")
    func whole() throws {
        let rules = ruleset(
            [try unit("payments.service"), .uid(1000), .gid(5)],
            exceptions: [try AddressRange("10.0.0.0/8")]
        )
        let lease = Lease(holder: 4242, milliseconds: 800, secondsToConfirm: 60, since: 1_700_000_000)
        #expect(
            try rules.text(.leased(lease)) == #"""
                add table inet weir
                delete table inet weir
                table inet weir {
                    set lease4242 { type inet_proto; flags timeout; elements = { tcp timeout 800ms }; }
                    set confirmed { type inet_proto; flags timeout; elements = { tcp timeout 60s }; }
                    set group0 { type cgroupsv2; elements = { "system.slice/payments.service" }; }
                    chain output {
                        type nat hook output priority -101; policy accept;
                        meta l4proto != tcp return
                        tcp flags & (fin | syn | rst | ack) != syn return
                        meta l4proto != @lease4242 return comment "weir redirect since 1700000000"
                        meta l4proto != @confirmed return
                        ip daddr { 224.0.0.0/4, 10.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 255.255.255.255 } return
                        ip6 daddr { ff00::/8, fe80::/10, ::1 } return
                        tcp dport != { 80, 443 } return
                        ip daddr 127.0.0.1 tcp dport 3129 return
                        ip6 daddr ::1 tcp dport 3129 return
                        socket cgroupv2 level 2 "system.slice/weir.service" return
                        socket cgroupv2 level 2 @group0 counter goto intercept comment "unit payments.service"
                        meta skuid 1000 counter goto intercept comment "uid 1000"
                        meta skuid 990 return
                        meta skgid 5 counter goto intercept comment "gid 5"
                    }
                    chain intercept {
                        meta nfproto ipv4 meta l4proto tcp dnat ip to 127.0.0.1:3129
                        meta nfproto ipv6 meta l4proto tcp dnat ip6 to [::1]:3129
                    }
                }

                """#
        )
    }

    @Test("rules that stand alone have no lease, and name groups themselves")
    func standing() throws {
        let text = try ruleset([try unit("payments.service")], groupFolder: "unified").text(.standing)
        #expect(!text.contains("lease") && !text.contains("set ") && text.hasPrefix("# Stands until"))
        #expect(text.contains("# A control group must exist now."))
        #expect(text.contains(#"socket cgroupv2 level 2 "unified/system.slice/payments.service" counter"#))
        #expect(!(try ruleset([.uid(1)]).text(.standing).contains("control group")))
    }

    @Test("a group that does not exist yet has an empty set")
    func missing() throws {
        let lease = Lease(holder: 1, milliseconds: 800, secondsToConfirm: nil, since: 0)
        let text = try ruleset([.uid(7), try unit("late.service", exists: false)]).text(.leased(lease))
        #expect(text.contains("set group1 { type cgroupsv2; }\n"))
        #expect(text.contains("set confirmed { type inet_proto; flags timeout; elements = { tcp }; }\n"))
    }

    @Test("a family without a listener is left alone")
    func families() throws {
        let four = ruleset([.uid(1)], Interceptor(listen: [bothListeners[0]], uid: 990))
        let six = ruleset([.uid(1)], Interceptor(listen: [bothListeners[1]], uid: 990))
        #expect(try four.chosen().contains("meta nfproto ipv6 return"))
        #expect(try !four.text(.standing).contains("dnat ip6"))
        #expect(try six.chosen().contains("meta nfproto ipv4 return"))
        #expect(try !six.text(.standing).contains("dnat ip to"))
        #expect(
            throws: RedirectionError("weir does not listen for redirected traffic; set redirect.listen: on")
        ) {
            try ruleset([.uid(1)], Interceptor(listen: [], uid: 990)).text(.standing)
        }
        #expect(throws: RedirectionError("nothing is selected")) { try ruleset([]).text(.standing) }
    }

    @Test(
        "connections are led to the loopback where weir listens there, be it among others",
        arguments: [
            (["10.0.0.1", "127.0.0.1"], "127.0.0.1"), (["10.0.0.1", "0.0.0.0"], "127.0.0.1"),
            (["10.0.0.1"], "10.0.0.1"), (["127.0.0.2"], "127.0.0.2"),
        ]
    )
    func targets(listen: [String], target: String) throws {
        let endpoints = try listen.map { text in
            Endpoint(address: try #require(Endpoint.Address(literal: text)), port: 3129)
        }
        #expect(Interceptor(listen: endpoints).target(ipv4: true)?.description == "\(target):3129")
        #expect(Interceptor(listen: endpoints).target(ipv4: false) == nil)
    }

    @Test("what weir listens on is no origin")
    func ownListeners() throws {
        var weir = Interceptor(listen: [bothListeners[0]], uid: 990)
        weir.ownListeners = [
            Endpoint(address: .v4(0), port: 3128),
            Endpoint(address: .v6(high: 0, low: 0, scope: 0), port: 3128),
            Endpoint(address: .v6(high: 0xfe80 << 48, low: 1, scope: 3), port: 9128), bothListeners[0],
        ]
        let rules = try ruleset([.uid(1)], weir, ports: .all).rules { $0.contains("dport") }
        #expect(
            rules == [
                "fib daddr type local tcp dport 3128 return", "ip6 daddr fe80::1 tcp dport 9128 return",
                "ip daddr 127.0.0.1 tcp dport 3129 return",
            ]
        )
    }

    @Test("loopback is redirected only if asked for; link-local and multicast never are")
    func exceptions() throws {
        let rules = try ruleset([.uid(1)], ports: .all, includesLoopback: true).rules {
            $0.contains("daddr {")
        }
        #expect(
            rules == [
                "ip daddr { 224.0.0.0/4, 169.254.0.0/16, 255.255.255.255 } return",
                "ip6 daddr { ff00::/8, fe80::/10 } return",
            ]
        )
        let everything = ruleset([.uid(1)], exceptions: [try AddressRange("0.0.0.0/0")])
        #expect(try everything.chosen().contains("ip daddr { 0.0.0.0/0 } return"))
    }

    @Test("comments fit into nft's 127 bytes, and cut no character")
    func comments() throws {
        let text = try ruleset([try group("/" + String(repeating: "é", count: 100))]).text(.standing)
        let comment = try #require(text.split(separator: "comment \"").last?.split(separator: "\"").first)
        #expect(comment.utf8.count <= 127 && comment.utf8.count > 120 && comment.hasSuffix("é"))
    }
}

@Suite("how weir's own connections are kept out")
struct ExemptionTests {
    private let own = "/system.slice/weir.service"

    private func exemptions(_ selectors: [Selector], mark: UInt32?, uid: UInt32?, group: String?) throws
        -> Exemptions
    {
        try Exemptions(
            of: Interceptor(listen: bothListeners, mark: mark, uid: uid, group: group),
            from: selectors
        )
    }

    @Test("a mark is enough, whoever is selected")
    func mark() throws {
        for selector in [try unit("a.service"), .uid(0), .gid(0), .all] {
            let found = try exemptions([selector], mark: 7, uid: 0, group: "/")
            #expect(found.mark == 7 && found.group == nil && found.uidFirst == nil && found.uidLast == nil)
        }
    }

    @Test("a group of its own is enough, unless it holds what is selected")
    func ownGroup() throws {
        #expect(try exemptions([try unit("a.service")], mark: nil, uid: 5, group: own).group == own)
        #expect(try exemptions([.uid(5)], mark: nil, uid: 5, group: own).group == own)
        #expect(try exemptions([try group("/system.slice")], mark: nil, uid: 5, group: own).group == own)
        let inside = try exemptions([try group("\(own)/app")], mark: nil, uid: 5, group: own)
        // What is selected is not weir's then, as weir is above it.
        #expect(inside.group == nil && inside.uidFirst == nil)
        let same = try exemptions([try group(own)], mark: nil, uid: 5, group: own)
        #expect(same.group == nil && same.uidFirst == 5)
    }

    @Test("an app that shares weir's user is not left alone where a group tells them apart")
    func sharedUser() throws {
        let found = try exemptions([try unit("a.service")], mark: nil, uid: 5, group: "/user.slice")
        #expect(found.uidFirst == nil && found.uidLast == nil)
        // Nobody knows where weir is: the user is all there is.
        #expect(try exemptions([try unit("a.service")], mark: nil, uid: 5, group: nil).uidFirst == 5)
    }

    @Test("everybody but weir's user; of root only what is not weir, where that can be told")
    func everybody() throws {
        #expect(try exemptions([.all], mark: nil, uid: 5, group: own).uidLast == 5)
        #expect(try exemptions([.gid(3)], mark: 7, uid: 5, group: nil).uidLast == 5)
        #expect(try exemptions([.all], mark: nil, uid: 0, group: own).uidLast == nil)
        #expect(try exemptions([.all], mark: nil, uid: 0, group: "/").uidLast == 0)
        // A user who was named is meant, weir's or not.
        #expect(try exemptions([.uid(5), .gid(3)], mark: 7, uid: 5, group: nil).uidLast == nil)
    }

    @Test("where nothing tells weir's own, nothing is redirected")
    func refused() throws {
        for (selector, uid) in [(Selector.uid(5), UInt32(5)), (.all, nil), (.gid(3), nil)]
            as [(Selector, UInt32?)]
        {
            #expect(throws: RedirectionError.self) {
                try exemptions([selector], mark: nil, uid: uid, group: nil)
            }
        }
        #expect(throws: RedirectionError.self) {
            try exemptions([try unit("a.service")], mark: nil, uid: nil, group: nil)
        }
        // Another user's sockets are not weir's, whoever that is; nobody said that weir runs as this one.
        #expect(try exemptions([.uid(6)], mark: nil, uid: 5, group: nil).uidFirst == nil)
    }
}
