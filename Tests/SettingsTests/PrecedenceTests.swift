import Testing

@testable import Settings

@Suite("which source holds")
struct PrecedenceTests {
    private let yaml = "log:\n  level: debug\n  format: json\n  access: on\n"

    @Test("a flag beats the environment, the environment beats the file, the file beats the default")
    func order() throws {
        let environment = [("WEIR_LOG_LEVEL", "warning"), ("WEIR_LOG_FORMAT", "text")]
        let loaded = try load(yaml: yaml, environment: environment, set: [("log.level", "error")])
        #expect(loaded.settings.log.level == .error)
        #expect(loaded.settings.log.format == .text)
        #expect(loaded.settings.log.access)
        #expect(loaded.provenance(of: "log.level").description == "flag --set")
        #expect(loaded.provenance(of: "log.format").description == "environment WEIR_LOG_FORMAT")
        #expect(loaded.provenance(of: "log.access").description == "file weir.yaml:4:11")
        #expect(loaded.provenance(of: "admin").description == "default")
    }

    @Test("a wrong value is refused even where a stronger source hides it")
    func hidden() {
        #expect(refusal(yaml: "log:\n  level: 7\n", set: [("log.level", "error")]).count == 1)
    }

    @Test("a list from a stronger source replaces the weaker one's, it does not add to it")
    func lists() throws {
        let loaded = try load(yaml: "listen: [127.0.0.1:1, 127.0.0.1:2]\n", set: [("listen", "127.0.0.1:3")])
        #expect(loaded.text(of: "listen") == "127.0.0.1:3")
    }

    @Test("a repeated flag builds a list, and is refused for a setting that takes one value")
    func repeated() throws {
        let loaded = try load(set: [("listen", "127.0.0.1:1"), ("listen", "127.0.0.1:2,127.0.0.1:3")])
        #expect(loaded.text(of: "listen") == "127.0.0.1:1,127.0.0.1:2,127.0.0.1:3")
        let lines = refusal(set: [("log.level", "info"), ("log.level", "debug")])
        #expect(lines == ["--set: log.level: given more than once: 'info' and 'debug'"])
    }

    @Test("an unknown flag or variable is refused with a suggestion")
    func unknown() {
        #expect(
            refusal(set: [("upstream.idel_timeout", "3s")])
                == ["--set: upstream.idel_timeout: unknown setting; did you mean upstream.idle_timeout?"]
        )
        #expect(
            refusal(environment: [("WEIR_UPSTREAM_IDEL_TIMEOUT", "3s")])
                == [
                    "WEIR_UPSTREAM_IDEL_TIMEOUT: no setting has this variable; did you mean WEIR_UPSTREAM_IDLE_TIMEOUT?"
                ]
        )
        #expect(refusal(environment: [("WEIR_log_level", "info")]).first?.contains("WEIR_LOG_LEVEL?") == true)
    }

    @Test("variables that are not weir's, and those of a service that is called weir, are left alone")
    func foreign() throws {
        let names = [
            "PATH", "HTTP_PROXY", "WEIRD", "WEIR_SERVICE_HOST", "WEIR_SERVICE_PORT",
            "WEIR_SERVICE_PORT_PROXY",
            "WEIR_PORT", "WEIR_PORT_3128_TCP", "WEIR_PORT_3128_TCP_ADDR", "WEIR_ADMIN_SERVICE_HOST",
            "WEIR_ADMIN_PORT", "WEIR_ADMIN_PORT_9128_TCP_PROTO",
        ]
        #expect(try load(environment: names.map { ($0, "x") }) == load())
    }

    @Test("all settings are listed with value and source, one a line")
    func listing() throws {
        let text = try load(yaml: yaml).describeAll()
        let lines = text.split(separator: "\n")
        #expect(lines.count == SettingTable.rows.count)
        #expect(
            lines.contains { $0.hasPrefix("log.level = debug ") && $0.hasSuffix(" # file weir.yaml:2:10") }
        )
        #expect(
            lines.contains {
                $0.hasPrefix("client.max_connections = auto (14116) ") && $0.hasSuffix("# default")
            }
        )
    }

    @Test("all but the mark, which rules in force name, change at run time")
    func reloadable() {
        #expect(
            SettingTable.descriptions.filter { !$0.reloadable }.map(\.key) == ["workers", "redirect.mark"]
        )
    }

    @Test("what changed between two readings is told, with whether it takes a restart")
    func changes() throws {
        let before = try load(yaml: yaml)
        let after = try load(yaml: yaml, set: [("log.level", "info"), ("redirect.mark", "1")])
        let changes = after.changes(since: before)
        #expect(changes.map(\.key) == ["redirect.mark", "log.level"])
        #expect(changes.map(\.reloadable) == [false, true])
        #expect(changes.last?.before == "debug" && changes.last?.after == "info")
    }
}
