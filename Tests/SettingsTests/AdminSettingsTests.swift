import Testing

@testable import Settings

@Suite("the admin server's settings")
struct AdminSettingsTests {
    @Test(
        "it listens on the loopback or at a path, or nowhere",
        arguments: ["127.0.0.1:9128", "127.9.9.9:1", "[::1]:9128", "unix:/run/weir/admin.sock", "off"]
    )
    func ownHost(_ text: String) throws {
        #expect(try load(set: [("admin", text)]).text(of: "admin") == text)
    }

    @Test(
        "an address that others can reach is refused unless it is meant",
        arguments: ["0.0.0.0:9128", "[::]:9128", "192.0.2.1:9128", "[::ffff:127.0.0.1]:9128", "128.0.0.1:1"]
    )
    func exposed(_ text: String) throws {
        let lines = refusal(yaml: "listen: 127.0.0.1:1\nadmin: '\(text)'\n")
        #expect(lines.count == 1)
        #expect(lines.first?.hasPrefix("weir.yaml:2:8: admin: ") == true, "\(lines)")
        #expect(lines.first?.contains("admin_exposed: on") == true, "\(lines)")
        _ = try load(set: [("admin", text), ("admin_exposed", "on")])
    }

    @Test("it cannot share its place with the apps, be it a path")
    func shared() {
        let path = "unix:/run/weir/one.sock"
        let lines = refusal(set: [("listen", path), ("admin", path)])
        #expect(lines.first?.contains("are both \(path)") == true, "\(lines)")
    }

    @Test("names are host names, without port, kept in lower case")
    func names() throws {
        let loaded = try load(yaml: "admin_hosts: [Weir.Example, weir-1]\n")
        #expect(loaded.settings.adminHosts == ["weir.example", "weir-1"])
        #expect(try load(set: [("admin_hosts", "none")]).settings.adminHosts == [])
        for text in ["weir:9128", "http://weir", "*", "a b", ".x", "-x"] {
            #expect(
                refusal(set: [("admin_hosts", text)]).first?.contains("is no host name") == true,
                "\(text)"
            )
        }
    }
}
