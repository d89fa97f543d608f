import Basics
import Testing

@testable import Settings

@Suite("how values are written")
struct GrammarTests {
    @Test(
        "durations take units, also several of them, longest first",
        arguments: [
            ("1ms", 1), ("500ms", 500), ("30s", 30_000), ("1m30s", 90_000), ("2h", 7_200_000),
            ("1h1m1s1ms", 3_661_001), ("0h5s", 5000), ("8760h", 31_536_000_000),
        ]
    )
    func duration(_ text: String, _ milliseconds: Int64) throws {
        let loaded = try load(set: [("client.idle_timeout", text)])
        #expect(loaded.settings.client.idleTimeout.inMilliseconds == milliseconds)
        let shown = try #require(loaded.text(of: "client.idle_timeout"))
        let again = try load(set: [("client.idle_timeout", shown)])
        #expect(again.settings == loaded.settings, "\(shown) has to mean what \(text) meant")
    }

    @Test(
        "a duration that is not understood is refused with what would be right",
        arguments: [
            ("30", "'30' has no unit; write 30s or 30ms"),
            ("0", "'0' has no unit; write 0s or 0ms"),
            ("0s", "or unlimited; where no limit is meant, write unlimited"),
            ("1.5s", "'1.5s' has a fraction; use a smaller unit, such as 1500ms"),
            ("30s1m", "'30s1m' names its units out of order or twice; write something like 1m30s"),
            ("1s1s", "out of order or twice"),
            ("1m30", "'1m30' lacks a unit at its end"),
            ("10 min", "'10 min' is not how weir writes a duration; write 10m"),
            ("30S", "write 30s"), ("30sec", "write 30s"), ("2 hours", "write 2h"),
            ("1d", "a day is 24h"), ("5us", "has the unknown unit 'us'; use ms, s, m or h"),
            ("-5s", "is not a duration"), ("soon", "is not a duration"), ("s", "is not a duration"),
            ("9000h", "is out of range; write a duration from 1ms to 8760h"),
            ("99999999999999999999999h", "is out of range"), ("9223372036854775807ms", "is out of range"),
            ("Unlimited", "write unlimited, in lower case"), ("never", "is not a duration"),
            ("٣s", "is not a duration"),
        ]
    )
    func badDuration(_ text: String, _ expected: String) {
        let lines = refusal(set: [("client.idle_timeout", text)])
        #expect(lines.count == 1)
        #expect(lines.first?.hasPrefix("--set: client.idle_timeout: ") == true)
        #expect(lines.first?.contains(expected) == true, "\(lines)")
    }

    @Test(
        "a value of the wrong kind or out of range is refused with what would be right",
        arguments: [
            ("upstream.connect_timeout", "unlimited", "must be bounded"),
            ("tcp.keepalive_idle", "1500ms", "whole number of seconds"),
            ("tcp.keepalive_idle", "32768s", "out of range"),
            ("tcp.keepalive_count", "128", "from 1 to 127"),
            ("upstream.max_idle", "0", "out of range"), ("upstream.max_idle", "-1", "not a plain number"),
            ("upstream.max_idle", "1k", "not a plain number"),
            ("upstream.max_idle", "unlimited", "must be bounded"),
            ("upstream.max_queue", "99999999999999999999", "out of range"),
            ("client.max_requests", "0", "where no limit is meant, write unlimited"),
            ("client.max_connections", "unlimited", "write auto"),
            ("limits.head_size", "64", "'64' has no unit; write 64B or 64KiB"),
            ("limits.head_size", "64k", "write 64KiB (1 KiB is 1024 bytes)"),
            ("limits.head_size", "64 MB", "write 64MiB"), ("limits.head_size", "1.5KiB", "fraction"),
            ("limits.head_size", "1B", "from 1KiB to 1MiB"), ("limits.head_size", "big", "is not a size"),
            ("limits.head_size", "9999999999GiB", "out of range"),
            ("client.keep_alive", "true", "write on"), ("client.keep_alive", "OFF", "write off"),
            ("client.keep_alive", "0", "write off"), ("client.keep_alive", "maybe", "write on or off"),
            ("log.level", "Debug", "write debug"),
            ("log.level", "loud", "is not one of debug, info, warning"),
            ("tunnel.allowed_ports", "0", "is not a port"),
            ("tunnel.allowed_ports", "443,any", "is not a port"),
            ("tunnel.allowed_ports", "443,443", "twice"),
            ("tunnel.allowed_ports", "443,,80", "an item of the list"),
            ("dns.servers", "resolver.test", "is no server"), ("dns.servers", "192.0.2.1:0", "is no server"),
            ("upstream.source_addresses", "192.0.2.1:80", "no port belongs here"),
        ]
    )
    func badValue(_ key: String, _ text: String, _ expected: String) {
        let lines = refusal(set: [(key, text)])
        #expect(lines.count == 1)
        #expect(lines.first?.contains(expected) == true, "\(lines)")
    }

    @Test(
        "an address is numeric and has a port",
        arguments: [
            ("127.0.0.1", "has no port; write something like 127.0.0.1:3128"),
            ("::1", "has no port; write something like [::1]:3128"),
            ("3128", "write 127.0.0.1:3128 or 0.0.0.0:3128"),
            (":3128", "write 127.0.0.1:3128"), ("localhost:3128", "write the address, 127.0.0.1:3128"),
            ("*:3128", "write 0.0.0.0:3128 or [::]:3128"),
            ("proxy.test:3128", "names are not looked up here"),
            ("127.0.0.1:", "no port from 0"), ("127.0.0.1:65536", "no port from 0"),
            ("127.0.0.1:+1", "no port"),
            ("[127.0.0.1]:80", "names are not looked up"), ("[::1:3128", "not an IPv4 or IPv6 address"),
            ("127.1:3128", "not an IPv4"), ("[fe80::1%lo]:3128", "not an IPv4 or IPv6 address"),
        ]
    )
    func badEndpoint(_ text: String, _ expected: String) {
        let lines = refusal(set: [("admin", text)])
        #expect(lines.first?.contains(expected) == true, "\(lines)")
    }

    @Test("addresses keep family, order and port, and print with brackets where needed")
    func endpoints() throws {
        let loaded = try load(yaml: "listen: [127.0.0.1:3128, '[::1]:0', '0.0.0.0:80']\n")
        #expect(loaded.text(of: "listen") == "127.0.0.1:3128,[::1]:0,0.0.0.0:80")
        #expect(loaded.settings.listen.map(\.network?.address.isIPv6) == [false, true, false])
        #expect(loaded.settings.listen.first?.network?.address.bytes == [127, 0, 0, 1])
        let servers = try load(set: [("dns.servers", "::1, [::1]:5353,192.0.2.1")]).settings.dns.servers
        #expect(servers.map(\.description) == ["[::1]:53", "[::1]:5353", "192.0.2.1:53"])
    }

    @Test("a list can be a sequence or text between commas, and an item's own place is told")
    func lists() throws {
        let ports = "tunnel:\n  allowed_ports:\n    - 443\n    - 8443\n"
        #expect(try load(yaml: ports).settings.tunnel.allowedPorts == .only([443, 8443]))
        #expect(try load(yaml: "dns:\n  servers: []\n").settings.dns.servers.isEmpty)
        #expect(
            refusal(yaml: "listen: []\n") == [
                "weir.yaml:1:9: listen: the list is empty; write at least one address:port or unix:/path"
            ]
        )
        let bad = "tunnel:\n  allowed_ports:\n    - 443\n    - https\n"
        #expect(refusal(yaml: bad).first?.hasPrefix("weir.yaml:4:7: tunnel.allowed_ports: 'https'") == true)
    }

    @Test("text from outside cannot break the line of a message")
    func controlCharacters() {
        let lines = refusal(set: [("log.level", "a\nb\u{1b}[31m" + String(repeating: "x", count: 500))])
        #expect(lines.count == 1)
        #expect(lines.allSatisfy { $0.count < 200 && !$0.contains("\n") && !$0.contains("\u{1b}") })
    }
}

@Suite("Unix sockets in listen")
struct ListenGrammarTests {
    @Test("a Unix socket stands beside addresses, and is printed as it was written")
    func accepted() throws {
        let loaded = try load(yaml: "listen: [unix:/run/weir/proxy.sock, 127.0.0.1:3128]\n")
        #expect(loaded.text(of: "listen") == "unix:/run/weir/proxy.sock,127.0.0.1:3128")
        #expect(loaded.settings.listen.first == .unix(path: "/run/weir/proxy.sock"))
        #expect(loaded.settings.listenMode == 0o666)
        let longest = "unix:/" + String(repeating: "x", count: 106)
        #expect(try load(set: [("listen", longest)]).text(of: "listen") == longest)
        #expect(try load(environment: [("WEIR_LISTEN", "unix:/a,unix:/b")]).settings.listen.count == 2)
    }

    @Test(
        "what is no path of a socket is refused, and told what is right",
        arguments: [
            ("unix:", "has no path; write something like unix:/run/weir/proxy.sock"),
            ("unix:run/weir.sock", "is no absolute path"), ("unix:@weir", "is an abstract name"),
            ("/run/weir.sock", "is a path; write unix:/run/weir.sock"),
            (
                "unix:/" + String(repeating: "x", count: 107),
                "has a path of 108 bytes; a socket's may have at most 107"
            ),
            ("unix:/" + String(repeating: "é", count: 54), "has a path of 109 bytes"),
            ("unix:/run/weir/", "is a directory"),
            ("unix:/a b", "has a comma, a blank or a control character"),
            ("unix:/a,unix:/a", "is in the list twice"),
        ]
    )
    func refused(_ text: String, _ expected: String) {
        let lines = refusal(set: [("listen", text)])
        #expect(lines.count == 1)
        #expect(lines.first?.contains(expected) == true, "\(lines)")
    }

    @Test("line and column of the very item are told")
    func place() {
        let lines = refusal(yaml: "listen:\n  - 127.0.0.1:1\n  - unix:x\n")
        #expect(
            lines.first?.hasPrefix("weir.yaml:3:5: listen: 'unix:x' is no absolute path") == true,
            "\(lines)"
        )
    }

    @Test(
        "permissions are octal, and let somebody connect",
        arguments: ["9", "888", "0444", "1777", "-666", "rw"]
    )
    func badMode(_ text: String) {
        #expect(refusal(set: [("listen_mode", text)]).first?.contains("such as 0660") == true)
    }

    @Test("permissions may be written with three digits or four")
    func mode() throws {
        #expect(try load(set: [("listen_mode", "600")]).text(of: "listen_mode") == "0600")
        #expect(try load(yaml: "listen_mode: 0660\n").settings.listenMode == 0o660)
    }

    @Test("Unix sockets bring no ports, and without any other listener ports bound nothing")
    func ports() throws {
        let facts = HostFacts(descriptorLimit: 20_000, ephemeralPorts: 1...500)
        let both = try load(set: [("listen", "127.0.0.1:1,unix:/a")], on: facts).settings
        #expect(both.client.ports == 500 && both.client.maxConnections.count == 250)
        let alone = try load(set: [("listen", "unix:/a,unix:/b")], on: facts).settings
        #expect(alone.client.ports == .max)
        #expect(alone.client.maxConnections.count == 20_000 - 64 - alone.upstream.maxConnections.count)
    }
}
