import Basics
import Glibc
import Testing

@testable import Settings

/// The checkout, and its folder `config`.
private let checkout = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()
private let folder = "\(checkout)/config"

@Suite("the files in config")
struct ShippedFilesTests {
    private func loadShipped(_ name: String, on facts: HostFacts = roomyHost) throws -> LoadedSettings {
        try LoadedSettings.load(path: "\(folder)/\(name)", environment: [], overrides: [], facts: facts)
    }

    @Test(
        "weir.yaml and its manual page are what the table of settings generates",
        arguments: [
            ("config/weir.yaml", defaultFileText()), ("packaging/man/weir.yaml.5", manualPageText()),
        ]
    )
    func generated(_ name: String, _ generated: String) throws {
        let path = "\(checkout)/\(name)"
        if getenv("REGENERATE_CONFIG") != nil {
            let file = try #require(fopen(path, "w"))
            fputs(generated, file)
            fclose(file)
        }
        let text = try readWholeFile(path, limit: SettingsFile.longest).get()
        #expect(
            String(decoding: text, as: UTF8.self) == generated,
            "run REGENERATE_CONFIG=1 swift test --filter ShippedFilesTests"
        )
    }

    @Test("the manual page has every setting, and no line that roff would take for a request")
    func manualPage() {
        let lines = manualPageText().split(separator: "\n")
        for row in SettingTable.rows {
            #expect(lines.contains { $0.hasPrefix("\\fB\(row.key)\\fR (") }, "\(row.key)")
        }
        let requests = ["TH", "SH", "SS", "TP", "PP", "B", "BR", "I", "nf", "fi", "\\\""]
        for line in lines where line.hasPrefix(".") || line.hasPrefix("'") {
            #expect(requests.contains { line.hasPrefix(".\($0)") }, "\(line)")
        }
    }

    @Test("the file that is installed as /etc/weir/weir.yaml changes nothing")
    func installed() throws {
        let path = "\(checkout)/packaging/weir.yaml"
        let loaded = try LoadedSettings.load(path: path, environment: [], overrides: [], facts: roomyHost)
        #expect(try loaded.settings == Settings.defaults(for: roomyHost))
    }

    @Test("weir.yaml gives every setting, each at its default")
    func defaults() throws {
        let loaded = try loadShipped("weir.yaml")
        #expect(try loaded.settings == Settings.defaults(for: roomyHost))
        for row in SettingTable.rows {
            #expect(loaded.provenance(of: row.key).isExplicit, "\(row.key)")
        }
    }

    @Test(
        "weir.yaml works on each host on which no file does",
        arguments: [66, 200, 1024, 4096],
        [2, 300, 500]
    )
    func anyHost(_ descriptors: Int, _ ports: Int) throws {
        let facts = HostFacts(descriptorLimit: descriptors, ephemeralPorts: 1...ports)
        #expect(try loadShipped("weir.yaml", on: facts).settings == Settings.defaults(for: facts))
    }

    @Test("minimal.yaml loads and changes the log alone")
    func minimal() throws {
        let loaded = try loadShipped("minimal.yaml")
        #expect(loaded.changes(since: try load()).map(\.key) == ["log.access"])
    }

    @Test("known-leaker.yaml loads on 500 ports and says no to keep-alive")
    func knownLeaker() throws {
        let facts = HostFacts(descriptorLimit: 1024, ephemeralPorts: 40_000...40_499)
        let settings = try loadShipped("known-leaker.yaml", on: facts).settings
        #expect(!settings.client.keepAlive)
        #expect(settings.client.idleTimeout == .seconds(1))
        #expect(settings.client.closeGrace == .milliseconds(500))
        #expect(settings.tunnel.idleTimeout == .seconds(1))
        #expect(settings.tunnel.maxQuietPerDestination == 64)
        // A second of 200 leaks has to find room, or requests queue for a place instead of being served.
        #expect(settings.upstream.maxPerDestination > 200)
        #expect(settings.tunnel.max > 200)
    }
}
