import Access
import Dialling
import Testing

/// What is asked for, and what is to come of it.
struct AccessCase: CustomTestStringConvertible, Sendable {
    var host: String
    var port: UInt16 = 443
    /// What the name leads to; nil where it is not looked up.
    var leads: String?
    var denial: AccessPolicy.Denial?

    init(
        _ host: String,
        _ port: UInt16 = 443,
        to leads: String? = nil,
        denied denial: AccessPolicy.Denial? = nil
    ) {
        self.host = host
        self.port = port
        self.leads = leads
        self.denial = denial
    }

    var testDescription: String { "\(host):\(port) \(leads ?? "")" }

    /// As weir does it: a literal or a name, and then what the name led to.
    func judged(by policy: AccessPolicy) -> AccessPolicy.Denial? {
        let literal = Endpoint.Address(literal: host)
        if let denial = policy.judge(name: literal == nil ? host : "", address: literal, port: port) {
            return denial
        }
        if let literal { return policy.permits(judged: literal, at: port) ? nil : .address }
        guard let leads, let address = Endpoint.Address(literal: leads) else { return nil }
        return policy.permits(address, ofName: host, at: port) ? nil : .address
    }
}

@Suite("access policy")
struct AccessPolicyTests {
    private static func policy(_ change: (inout AccessPolicy.Rules) throws -> Void) rethrows -> AccessPolicy {
        var rules = AccessPolicy.Rules()
        try change(&rules)
        return AccessPolicy(rules)
    }

    private static func list(_ items: String...) throws -> DestinationList {
        DestinationList(try items.map { try DestinationPattern($0) })
    }

    @Test("nothing is judged where nothing is set")
    func nothing() throws {
        let policy = AccessPolicy()
        #expect(!policy.judgesClients && !policy.judgesDestinations)
        #expect(AccessCase("169.254.169.254", 80).judged(by: policy) == nil)
        #expect(policy.permits(client: try address("192.0.2.1")) && policy.permits(port: 1))
    }

    @Test(
        "deny goes before allow, and allow before presets",
        arguments: [
            AccessCase("good.test", to: "198.18.0.1", denied: .address),
            AccessCase("good.test", to: "9.9.9.9"),
            AccessCase("sub.good.test", to: "9.9.9.9"), AccessCase("bad.good.test", denied: .host),
            AccessCase("BAD.good.test.", denied: .host),
            AccessCase("other.test", to: "9.9.9.9", denied: .address),
            AccessCase("other.test", to: "10.1.2.3"),
            AccessCase("other.test", to: "10.1.9.9", denied: .address),
            AccessCase("10.1.2.3"), AccessCase("10.1.9.9", denied: .address),
            AccessCase("10.2.0.1", denied: .address),
            AccessCase("9.9.9.9", denied: .address),
            AccessCase("good.test", to: "10.1.9.9", denied: .address),
            AccessCase("good.test", 25, denied: .port), AccessCase("10.1.2.3", 25, denied: .port),
            AccessCase("[::ffff:10.1.2.3]"), AccessCase("[::ffff:10.1.9.9]", denied: .address),
            AccessCase("good%2etest", denied: .host), AccessCase("2130706433", denied: .host),
            AccessCase("0x7f000001", denied: .host),
        ]
    )
    func precedence(row: AccessCase) throws {
        let policy = try AccessPolicyTests.policy {
            $0.allowed = try AccessPolicyTests.list("good.test", "10.1.0.0/16")
            $0.denied = try AccessPolicyTests.list("bad.good.test", "10.1.9.0/24", "any:25")
            $0.deniesPrivate = true
        }
        #expect(policy.judgesDestinations)
        #expect(row.judged(by: policy) == row.denial)
    }

    @Test("a list of names alone refuses every other name before it is looked up")
    func namesOnly() throws {
        let policy = try AccessPolicyTests.policy { $0.allowed = try AccessPolicyTests.list("good.test:443") }
        #expect(AccessCase("good.test", to: "10.0.0.1").judged(by: policy) == nil)
        #expect(AccessCase("good.test", 80).judged(by: policy) == .host)
        #expect(AccessCase("other.test").judged(by: policy) == .host)
        #expect(AccessCase("10.0.0.1").judged(by: policy) == .address)
        // An intercepted client's own word for where it went.
        #expect(policy.judge(name: "good.test", address: try address("10.0.0.1"), port: 443) == nil)
        #expect(policy.judge(name: "", address: try address("10.0.0.1"), port: 443) == .address)
    }

    @Test("exceptions to a preset stand beside any")
    func exceptions() throws {
        let policy = try AccessPolicyTests.policy {
            $0.allowed = try AccessPolicyTests.list("any", "10.1.0.0/16", "metadata.google.internal")
            $0.deniesPrivate = true
            $0.deniesMetadata = true
        }
        #expect(AccessCase("a.test", to: "9.9.9.9").judged(by: policy) == nil)
        #expect(AccessCase("a.test", to: "10.1.0.1").judged(by: policy) == nil)
        #expect(AccessCase("a.test", to: "10.2.0.1").judged(by: policy) == .address)
        #expect(AccessCase("metadata.google.internal", to: "169.254.169.254").judged(by: policy) == .address)
        #expect(AccessCase("metadata.goog").judged(by: policy) == .host)
    }

    @Test(
        "what is not of the Internet, however it is wrapped",
        arguments: [
            "0.0.0.0", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.1",
            "169.254.1.1", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
            "255.255.255.255", "::", "::1", "fe80::1", "febf::1", "fc00::1", "fdff::1", "fec0::1", "ff02::1",
            "100::1", "2001:db8::1", "3fff::1", "64:ff9b:1::1", "2001:2::1", "5f00::1",
            "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::7f00:1",
            "2002:0a00:0001::1", "2002:7f00:1::", "2001:0:0a00:1::1", "2001:0:909:909:0:0:f5ff:fffe",
        ]
    )
    func notPublic(text: String) throws {
        let policy = AccessPolicyTests.policy { $0.deniesPrivate = true }
        #expect(policy.judge(name: "", address: try address(text), port: 80) == .address)
        #expect(!policy.permits(judged: try address(text), at: 80))
    }

    @Test(
        "what is of the Internet",
        arguments: [
            "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700::1111",
            "2001:4860::8888",
            "64:ff9b::9.9.9.9", "2002:909:909::1", "::ffff:9.9.9.9", "2001:0:909:909:0:0:f6f6:f6f6",
            "fbff::1",
        ]
    )
    func isPublic(text: String) throws {
        let policy = AccessPolicyTests.policy { $0.deniesPrivate = true }
        #expect(policy.judge(name: "", address: try address(text), port: 80) == nil)
    }

    @Test(
        "the clouds' metadata services, however they are wrapped",
        arguments: [
            "169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.42.42", "169.254.0.23",
            "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23",
            "fd20:ce::254",
            "fd00:42::42", "fe80::a9fe:a9fe", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
        ]
    )
    func metadata(text: String) throws {
        let policy = AccessPolicyTests.policy { $0.deniesMetadata = true }
        #expect(policy.judge(name: "", address: try address(text), port: 80) == .address)
        #expect(policy.judge(name: "", address: try address("169.254.169.253"), port: 80) == nil)
        #expect(policy.judge(name: "", address: try address("10.0.0.1"), port: 80) == nil)
        #expect(policy.judge(name: "Metadata.Google.Internal.", address: nil, port: 80) == .host)
    }

    @Test("clients by their address, IPv4 in IPv6's clothes too")
    func clients() throws {
        let policy = try AccessPolicyTests.policy {
            $0.allowedClients = [try AddressRange("10.0.0.0/8"), try AddressRange("::1")]
            $0.deniedClients = [try AddressRange("10.6.6.0/24")]
        }
        #expect(policy.judgesClients && !policy.judgesDestinations)
        for text in ["10.1.1.1", "::1", "::ffff:10.1.1.1"] {
            #expect(policy.permits(client: try address(text)), "\(text)")
        }
        for text in ["10.6.6.6", "11.0.0.1", "::2", "::ffff:10.6.6.6", "127.0.0.1"] {
            #expect(!policy.permits(client: try address(text)), "\(text)")
        }
        let denying = try AccessPolicyTests.policy { $0.deniedClients = [try AddressRange("10.6.6.0/24")] }
        #expect(denying.permits(client: try address("192.0.2.1")))
    }

    @Test("ports of plain requests")
    func ports() {
        let policy = AccessPolicyTests.policy { $0.ports = [80, 8080] }
        #expect(policy.judgesDestinations && policy.permits(port: 8080) && !policy.permits(port: 22))
    }
}
