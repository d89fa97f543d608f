import Basics
import Testing

@testable import Settings

@Suite("the settings file")
struct SettingsFileTests {
    @Test(
        "what has the wrong shape is refused with line, column and what would be right",
        arguments: [
            ("listn: x\n", "weir.yaml:1:1: listn: unknown setting; did you mean listen?"),
            (
                "upstream:\n  idle_timout: 3s\n",
                "weir.yaml:2:3: upstream.idle_timout: unknown setting; did you mean upstream.idle_timeout?"
            ),
            (
                "client:\n  connect_timeout: 3s\n",
                "weir.yaml:2:3: client.connect_timeout: unknown setting; did you mean upstream.connect_timeout?"
            ),
            (
                "max_age: 3s\n",
                "weir.yaml:1:1: max_age: unknown setting; did you mean client.max_age or upstream.max_age?"
            ),
            ("upsteam:\n  a: b\n", "weir.yaml:1:1: upsteam: unknown setting; did you mean upstream?"),
            ("frobnicate: 1\n", "weir.yaml:1:1: frobnicate: unknown setting"),
            (
                "log:\n  level: info\n  access: on\n  level: info\n",
                "weir.yaml:4:3: log.level: given twice; the first is at weir.yaml:2:3"
            ),
            (
                "log: {level: info}\nlog: {access: on}\n",
                "weir.yaml:2:1: log: given twice; the first is at weir.yaml:1:1"
            ),
            (
                "log.level: info\n",
                "weir.yaml:1:1: log.level: is in the section log; write 'log:' and below it, indented, 'level: …'"
            ),
            ("log: info\n", "weir.yaml:1:6: log: is a section; its settings stand below it, indented"),
            ("log: [a]\n", "weir.yaml:1:6: log: is a section; its settings stand below it, indented"),
            ("admin: {a: b}\n", "weir.yaml:1:8: admin: takes a value, not further settings"),
            ("admin: [off]\n", "weir.yaml:1:8: admin: takes one value, not a list"),
            (
                "admin: &a off\n",
                "weir.yaml:1:8: admin: anchors, aliases and tags are not used in settings; write the value"
            ),
            (
                "admin: !!str off\n",
                "weir.yaml:1:8: admin: anchors, aliases and tags are not used in settings; write the value"
            ),
            ("listen: [[a]]\n", "weir.yaml:1:10: listen: an item of a list has to be a plain value"),
            ("[a, b]: c\n", "weir.yaml:1:1: a key has to be a plain word"),
            ("- listen\n", "weir.yaml:1:1: a settings file is a mapping, such as 'listen: 127.0.0.1:3128'"),
            ("listen\n", "weir.yaml:1:1: a settings file is a mapping, such as 'listen: 127.0.0.1:3128'"),
            (
                "admin: off\n---\nadmin: off\n",
                "weir.yaml:2:1: a second document begins here; a settings file is one document"
            ),
            (
                "client:\n  idle_timeout:\n",
                "weir.yaml:2:16: client.idle_timeout: has no value; write 60s (the default) or remove the line"
            ),
        ]
    )
    func shape(_ yaml: String, _ expected: String) {
        #expect(refusal(yaml: yaml) == [expected])
    }

    @Test(
        "what is not YAML is refused with line, column and a hint",
        arguments: [
            ("log:\n\taccess: on\n", "weir.yaml:2:1: this is not YAML: ", "YAML takes no tabs"),
            (
                "listen: [::1]:3128\n", "weir.yaml:1:10: this is not YAML: ",
                "an IPv6 address needs quotation marks"
            ),
            ("admin: 'off\n", "weir.yaml:2:1: ", "unexpected end of stream"),
            ("log:\n  level: [info\n", "weir.yaml:", "this is not YAML"),
            ("log:\n  access: on\n level: info\n", "weir.yaml:3:2: ", "this is not YAML"),
        ]
    )
    func syntax(_ yaml: String, _ place: String, _ hint: String) {
        let lines = refusal(yaml: yaml)
        #expect(lines.count == 1)
        #expect(lines.first?.hasPrefix(place) == true, "\(lines)")
        #expect(lines.first?.contains(hint) == true, "\(lines)")
    }

    @Test("bytes that are no text are refused with line and column")
    func invalidText() {
        let text = Array("admin: off\nlog: {level: é".utf8) + [0xFF, 0x0A]
        let file = SettingsFile(path: "weir.yaml", text: text)
        #expect(file.complaints.map(\.provenance) == [.file(path: "weir.yaml", line: 2, column: 15)])
    }

    @Test("all that is wrong is told at once, in the order of the file, then environment, then flags")
    func everything() {
        let yaml = """
            upstream:
              idle_timeout: 30
              nonsense: 1
            client: off
            log:
              level: info
              level: debug
            """
        let lines = refusal(
            yaml: yaml,
            environment: [("WEIR_LOG_LEVL", "info"), ("WEIR_LOG_ACCESS", "yes")],
            set: [("dns.timeout", "5"), ("dns.timeot", "5s")]
        )
        let places = lines.map { $0.prefix { $0 != " " } }
        #expect(
            places == [
                "weir.yaml:2:17:", "weir.yaml:3:3:", "weir.yaml:4:9:", "weir.yaml:7:3:",
                "WEIR_LOG_LEVL:", "--set:", "WEIR_LOG_ACCESS:", "--set:",
            ]
        )
        #expect(lines.first == "weir.yaml:2:17: upstream.idle_timeout: '30' has no unit; write 30s or 30ms")
    }

    @Test(
        "an empty file, comments alone and empty sections leave every default",
        arguments: ["", "# a\n", "---\n", "log:\nclient:\n"]
    )
    func empty(_ yaml: String) throws {
        #expect(try load(yaml: yaml) == load())
    }

    @Test("a file that cannot be read is told by name and reason")
    func unreadable() {
        #expect(throws: SettingsError.self) {
            try LoadedSettings.load(
                path: "/nonexistent/weir.yaml",
                environment: [],
                overrides: [],
                facts: roomyHost
            )
        }
        #expect(throws: SettingsError.self) {
            try LoadedSettings.load(
                path: nil,
                environment: [EnvironmentVariable("WEIR_CONFIG", "/")],
                overrides: [],
                facts: roomyHost
            )
        }
        // Endless: ends at the limit instead of filling memory.
        #expect(throws: SettingsError.self) {
            try LoadedSettings.load(path: "/dev/zero", environment: [], overrides: [], facts: roomyHost)
        }
    }

    @Test("damaged files are refused or read, never a crash, and every complaint has a place in the file")
    func damage() {
        var random = RandomSource(seed: 42)
        let original = Array(defaultFileText().utf8.suffix(2500))
        let hostile = Array("[]{}&*!|>'\"%@`:-,#\t\n".utf8)
        for _ in 0..<500 {
            var text = original
            for _ in 0...random.below(4) {
                let at = random.below(text.count)
                switch random.below(3) {
                case 0: text[at] = UInt8(truncatingIfNeeded: random.next())
                case 1: text.remove(at: at)
                default:
                    text.insert(hostile[random.below(hostile.count)], at: at)
                }
            }
            let lines = text.count { $0 == ASCII.lineFeed || $0 == ASCII.carriageReturn } + 2
            for complaint in SettingsFile(path: "f", text: text).complaints {
                guard case .file("f", let line, let column) = complaint.provenance else {
                    Issue.record("\(complaint)")
                    continue
                }
                #expect(line >= 1 && column >= 1 && line <= lines * 3, "\(complaint)")
            }
        }
    }

    @Test("deep nesting is skipped without recursion")
    func depth() {
        let yaml = "nonsense: " + String(repeating: "[", count: 5000)
        #expect(refusal(yaml: yaml).first?.contains("unknown setting") == true)
    }

    @Test("a file that is all wrong gets a hundred complaints, and is judged in no time")
    func bounded() {
        let text = (0..<20_000).map { "k\($0): x\n" }.joined()
        let start = ContinuousClock.now
        let complaints = refusal(yaml: text)
        #expect(complaints.count == 101)
        #expect(complaints.last?.contains("mend what stands above first") == true)
        // Guessing for each of them took half a minute.
        #expect(ContinuousClock.now - start < .seconds(10))
    }
}
