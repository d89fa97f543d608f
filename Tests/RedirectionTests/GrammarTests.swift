import Dialling
import Testing

@testable import Redirection

@Suite("blocks, ports, names and times")
struct GrammarTests {
    @Test(
        "blocks of addresses are read and written",
        arguments: [
            ("10.0.0.0/8", "10.0.0.0/8"), ("192.0.2.1", "192.0.2.1"), ("192.0.2.1/32", "192.0.2.1"),
            ("0.0.0.0/0", "0.0.0.0/0"), ("2001:db8::/32", "2001:db8::/32"), ("::1", "::1"), ("::/0", "::/0"),
            ("2001:DB8:0::/48", "2001:db8::/48"), ("2001:db8:0:0:8000::/65", "2001:db8:0:0:8000::/65"),
        ]
    )
    func blocks(text: String, written: String) throws {
        #expect(try AddressRange(text).description == written)
    }

    @Test(
        "what is no block is refused, with what would be right",
        arguments: [
            ("10.1.2.3/8", "write 10.0.0.0/8 or 10.1.2.3"),
            ("2001:db8::1/32", "write 2001:db8::/32 or 2001:db8::1"),
            ("10.0.0.0/33", "from 0 to 32"), ("::/129", "from 0 to 128"), ("10.0.0.0/", "from 0 to 32"),
            ("10.0.0.0/+8", "from 0 to 32"), ("10.0.0/8", "is not an address"), ("", "is not an address"),
            ("[::1]", "is not an address"), ("fe80::1%1", "is not an address"),
            ("example.com", "is not an address"),
            ("::ffff:10.0.0.1", "write it as IPv4"),
        ]
    )
    func noBlocks(text: String, complaint: String) {
        #expect {
            try AddressRange(text)
        } throws: { error in
            "\(error)".contains(complaint) && "\(error)".contains(text)
        }
    }

    @Test("of blocks that overlap the larger remains")
    func merged() throws {
        let texts = [
            "10.1.0.0/16", "10.0.0.0/8", "10.0.0.0/8", "2001:db8::/32", "2001:db8:1::/48", "192.0.2.1",
        ]
        let merged = AddressRange.merged(try texts.map { try AddressRange($0) })
        #expect(Set(merged.map(\.description)) == ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"])
        #expect(merged.count == 3)
        let all = AddressRange.merged(try ["10.0.0.0/8", "0.0.0.0/0", "::1"].map { try AddressRange($0) })
        #expect(Set(all.map(\.description)) == ["0.0.0.0/0", "::1"])
    }

    @Test(
        "ports are read, in order and without overlap",
        arguments: [
            ("80,443", "80, 443"), ("443,80,80", "80, 443"), ("8000-8999,8500-9100,80", "80, 8000-9100"),
            ("1-2,3", "1-3"), ("1-65535", "1-65535"), ("65535", "65535"), ("all", "all"), ("80-80", "80"),
        ]
    )
    func ports(text: String, written: String) throws {
        #expect(try PortList(text).description == written)
    }

    @Test(
        "what are no ports is refused",
        arguments: [
            "", "80,", "0", "65536", "90-80", "80-", "-80", "http", "80 443", "1-2-3", "+80", "ALL", "8O",
        ]
    )
    func noPorts(text: String) {
        #expect(throws: RedirectionError.self) { try PortList(text) }
    }

    @Test(
        "each name has a table of its own",
        arguments: [
            ("weir", "weir"), ("payments", "weir-payments"), ("foo@bar", "weir-foo_40bar"),
            ("a_b", "weir-a_5fb"),
            ("dev-disk\\x2dx", "weir-dev-disk_5cx2dx"), ("1", "weir-1"),
            ("weir_open_3129", "weir-weir_5fopen_5f3129"),
        ]
    )
    func names(name: String, table: String) throws {
        let made = try TableName(name)
        #expect(made.table == table)
        #expect(TableName(table: table) == made)
    }

    @Test(
        "names and tables that are none",
        arguments: ["", "a b", "ü", String(repeating: "x", count: 65), "a\n"]
    )
    func noNames(name: String) {
        #expect(throws: RedirectionError.self) { try TableName(name) }
        #expect(TableName(table: name) == nil)
    }

    @Test(
        "tables of others",
        arguments: ["filter", "weir-", "weir-a_", "weir-a_4", "weir-a_zz", "weir-_61", "weir_open_1"]
    )
    func foreign(table: String) {
        #expect(TableName(table: table) == nil)
    }

    @Test("times", arguments: [("60s", 60), ("5m", 300), ("1h", 3600), ("24h", 86_400), ("1s", 1)])
    func times(text: String, seconds: Int) throws {
        #expect(try ShortTime.seconds(text) == seconds)
    }

    @Test(
        "times that are none",
        arguments: [
            "", "60", "0s", "25h", "-1s", "1d", "1.5m", "99999999999999999999s", "9000000000000000h", "s",
        ]
    )
    func noTimes(text: String) {
        #expect(throws: RedirectionError.self) { try ShortTime.seconds(text) }
    }

    @Test(
        "paths that are no group's",
        arguments: ["", "/", "system.slice", "/a/", "/a//b", "/a/../b", "/./a", "/a\"b", "/a\nb"]
    )
    func noGroups(path: String) {
        #expect(throws: RedirectionError.self) {
            try Selector.Group(label: path, path: path, exists: true, isUnit: false)
        }
    }

    @Test("what stays for open connections is nobody's redirection")
    func remnants() throws {
        #expect(Remnant.port(ofTable: Remnant.table(3129)) == 3129)
        #expect(Remnant.port(ofTable: "weir") == nil && Remnant.port(ofTable: "weir_open_x") == nil)
        #expect(
            Remnant.removal(of: .standard, keeping: []) == "add table inet weir\ndelete table inet weir\n"
        )
        #expect(
            Remnant.removal(of: try TableName("a"), keeping: [3129]) == """
                add table inet weir_open_3129
                add chain inet weir_open_3129 output { type nat hook output priority -101; policy accept; }
                add rule inet weir_open_3129 output ct state new return
                add table inet weir-a
                delete table inet weir-a

                """
        )
    }

    @Test("whose lease a set is")
    func leases() {
        #expect(Lease.holder(ofSet: Lease.set(of: 4242)) == 4242)
        #expect(Lease.holder(ofSet: "lease") == nil && Lease.holder(ofSet: Lease.confirmation) == nil)
    }
}
