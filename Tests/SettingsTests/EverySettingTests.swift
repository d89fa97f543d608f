import Basics
import Testing

@testable import Settings

/// A value for each key that is not its default; the table of settings has to name exactly these keys.
private let samples: [(key: String, value: String)] = [
    ("listen", "127.0.0.2:3129"), ("listen_mode", "0660"), ("admin", "off"), ("pseudonym", "front"),
    ("admin_mode", "0600"), ("admin_exposed", "on"), ("admin_hosts", "weir.test,b.test"),
    ("admin_orders", "off"),
    ("drain_timeout", "45s"),
    ("client.keep_alive", "off"), ("client.request_timeout", "20s"), ("client.header_timeout", "9s"),
    ("client.idle_timeout", "700ms"), ("client.close_grace", "500ms"), ("client.max_connections", "300"),
    ("client.max_parked_per_owner", "unlimited"), ("client.max_requests", "7"), ("client.max_age", "1h30m"),
    ("client.write_timeout", "unlimited"), ("client.min_progress", "1KiB"),
    ("client.leak_cure", "off"), ("client.leak_idle_timeout", "3s"),
    ("client.max_stalled_per_owner", "unlimited"),
    ("access.allow_clients", "10.0.0.0/8,2001:db8::/32"), ("access.deny_clients", "10.6.6.6"),
    ("access.allow", "any,10.1.0.0/16"), ("access.deny", ".example.org,192.0.2.1:80,any:25"),
    ("access.deny_private", "on"), ("access.deny_metadata", "on"), ("access.allowed_ports", "80,8080"),
    ("access.users_file", "/dev/null"), ("access.basic_auth_without_tls", "on"),
    ("workers", "2"), ("redirect.listen", "on"), ("redirect.mark", "77"),
    ("redirect.raw_idle_timeout", "unlimited"),
    ("tunnel.allowed_ports", "443,8443"), ("tunnel.idle_timeout", "1s"), ("tunnel.half_close_timeout", "3s"),
    ("tunnel.max", "12"), ("tunnel.max_quiet_per_destination", "64"),
    ("upstream.proxy", "http://proxy.test:3128"), ("upstream.no_proxy", "none"),
    ("upstream.connect_timeout", "4s"), ("upstream.response_timeout", "100s"),
    ("upstream.expect_continue_timeout", "2s"), ("upstream.max_connections", "400"),
    ("upstream.max_per_destination", "40"), ("upstream.max_idle", "50"),
    ("upstream.max_idle_per_destination", "5"), ("upstream.max_dials_per_destination", "3"),
    ("upstream.surplus_timeout", "5s"), ("upstream.idle_timeout", "90s"), ("upstream.max_age", "unlimited"),
    ("upstream.max_requests", "1000"),
    ("upstream.max_queue", "10"), ("upstream.queue_timeout", "1s"), ("upstream.unsafe_reuse_window", "1ms"),
    ("upstream.dial_patience", "20ms"),
    ("upstream.ack_timeout", "6s"), ("upstream.source_addresses", "192.0.2.1,2001:db8::1"),
    ("upstream.source_ports", "20000-29999"),
    ("tcp.keepalive_idle", "15s"), ("tcp.keepalive_interval", "5s"), ("tcp.keepalive_count", "9"),
    ("tcp.user_timeout", "20s"),
    ("dns.servers", "192.0.2.53:53"), ("dns.min_ttl", "2s"), ("dns.max_ttl", "60s"),
    ("dns.negative_ttl", "3s"),
    ("dns.timeout", "2s"),
    ("limits.head_size", "32KiB"), ("limits.fields", "64"), ("limits.uri_size", "8KiB"),
    ("limits.chunk_extensions", "1KiB"),
    ("log.level", "debug"), ("log.format", "json"), ("log.access", "on"),
]

@Suite("every setting")
struct EverySettingTests {
    @Test("the table holds the settings that are promised, and no others")
    func completeness() {
        #expect(SettingTable.keys.sorted() == samples.map(\.key).sorted())
        #expect(Set(SettingTable.rows.map(\.environmentName)).count == SettingTable.rows.count)
        #expect(Set(SettingTable.sections).count == SettingTable.sections.count)
    }

    @Test("each default is written the way weir prints it, and is what an empty configuration gives")
    func defaults() throws {
        let loaded = try load()
        for row in SettingTable.rows {
            #expect(loaded.text(of: row.key) == row.defaultText, "\(row.key)")
            #expect(loaded.provenance(of: row.key) == .defaultValue, "\(row.key)")
        }
    }

    @Test("each setting can be given in the file", arguments: samples)
    func file(_ sample: (key: String, value: String)) throws {
        let loaded = try load(yaml: fileText(sample.key, sample.value))
        #expect(loaded.text(of: sample.key) == sample.value)
        let column =
            sample.key.contains(".") ? sample.key.count - sample.key.prefix { $0 != "." }.count + 4 : nil
        let line = sample.key.contains(".") ? 2 : 1
        let expected = Provenance.file(path: "weir.yaml", line: line, column: column ?? sample.key.count + 3)
        #expect(loaded.provenance(of: sample.key) == expected)
        #expect(loaded.changes(since: try load()).map(\.key).contains(sample.key))
    }

    @Test("each setting can be given in the environment", arguments: samples)
    func environment(_ sample: (key: String, value: String)) throws {
        let name = "WEIR_" + sample.key.uppercased().map { $0 == "." ? "_" : String($0) }.joined()
        let loaded = try load(environment: [(name, sample.value)])
        #expect(loaded.text(of: sample.key) == sample.value)
        #expect(loaded.provenance(of: sample.key) == .environment(name))
    }

    @Test("each setting can be given by a flag", arguments: samples)
    func flag(_ sample: (key: String, value: String)) throws {
        let loaded = try load(set: [(sample.key, sample.value)])
        #expect(loaded.text(of: sample.key) == sample.value)
        #expect(loaded.provenance(of: sample.key) == .flag("--set"))
    }

    @Test("an empty value is refused for each setting, wherever it is given", arguments: samples)
    func empty(_ sample: (key: String, value: String)) {
        #expect(refusal(yaml: fileText(sample.key, "")).count == 1)
        #expect(refusal(yaml: fileText(sample.key, "''")).count == 1)
        #expect(refusal(set: [(sample.key, " ")]).count == 1)
        #expect(refusal(yaml: fileText(sample.key, "{a: b}")).count == 1)
        #expect(refusal(yaml: fileText(sample.key, "[[a]]")).count == 1)
    }

    @Test("the typed settings carry what was written")
    func typed() throws {
        let overrides = samples.map { ($0.key, $0.value) }
        let settings = try load(set: overrides).settings
        #expect(settings.listen.map(\.description) == ["127.0.0.2:3129"])
        #expect(settings.listenMode == 0o660)
        #expect(settings.admin == nil)
        #expect(settings.pseudonym == "front")
        #expect(settings.client.minProgress == 1024 && settings.limits.chunkExtensions == 1024)
        #expect(settings.client.keepAlive == false)
        #expect(settings.redirect.listen.map(\.description) == ["127.0.0.1:3129", "[::1]:3129"])
        #expect(settings.redirect.mark.count == 77 && settings.redirect.rawIdleTimeout.isUnlimited)
        #expect(settings.client.maxAge == .seconds(5400))
        #expect(settings.client.writeTimeout.isUnlimited)
        #expect(settings.client.maxParkedPerOwner == .max)
        #expect(settings.client.maxConnections.count == 300)
        #expect(settings.client.maxConnections.isAutomatic == false)
        #expect(settings.tunnel.allowedPorts == .only([443, 8443]))
        #expect(settings.tunnel.allowedPorts.contains(8443) && !settings.tunnel.allowedPorts.contains(80))
        #expect(settings.upstream.unsafeReuseWindow == .milliseconds(1))
        #expect(settings.upstream.dialPatience == .milliseconds(20))
        #expect(settings.upstream.sourceAddresses.map(\.bytes.count) == [4, 16])
        #expect(settings.limits.headSize == 32768)
        #expect(settings.dns.servers.map(\.port) == [53])
        #expect(settings.log.level == .debug && settings.log.format == .json && settings.log.access)
    }
}
