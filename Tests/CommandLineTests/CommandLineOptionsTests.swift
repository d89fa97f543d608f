import Settings
import Testing

@testable import weir

@Suite("the command line")
struct CommandLineOptionsTests {
    private func parse(_ line: String...) throws -> CommandLineOptions {
        try CommandLineOptions.parse(line).get()
    }

    private func refusal(_ line: [String]) -> String {
        switch CommandLineOptions.parse(line) {
        case .success(let options):
            Issue.record("accepted: \(options)")
            return ""
        case .failure(let error): return error.description
        }
    }

    @Test("run is what no command means, and nothing at all is fine")
    func run() throws {
        #expect(try parse() == CommandLineOptions(command: .run))
        #expect(try parse("run") == parse())
    }

    @Test("options take their value behind a blank or an equals sign, in any order")
    func options() throws {
        let options = try parse(
            "run",
            "--listen=127.0.0.1:1",
            "--config",
            "weir.yaml",
            "--listen",
            "127.0.0.1:2",
            "--admin",
            "off",
            "--set",
            "upstream.idle_timeout=30s",
            "--set=a.b=c=d"
        )
        #expect(options.command == .run)
        #expect(options.configPath == "weir.yaml")
        #expect(
            options.overrides == [
                SettingOverride(key: "listen", value: "127.0.0.1:1", flag: "--listen"),
                SettingOverride(key: "listen", value: "127.0.0.1:2", flag: "--listen"),
                SettingOverride(key: "admin", value: "off", flag: "--admin"),
                SettingOverride(key: "upstream.idle_timeout", value: "30s", flag: "--set"),
                SettingOverride(key: "a.b", value: "c=d", flag: "--set"),
            ]
        )
        #expect(try parse("-c", "f").configPath == "f")
        #expect(try parse("-cf").configPath == "f")
        #expect(try parse("--config=f", "--") == CommandLineOptions(command: .run, configPath: "f"))
    }

    @Test("check takes --print and what run takes")
    func check() throws {
        #expect(try parse("check").command == .check(print: false))
        let options = try parse("check", "--print", "--config", "f", "--set", "log.level=info")
        #expect(options.command == .check(print: true))
        #expect(options.configPath == "f" && options.overrides.count == 1)
    }

    @Test("a command that is not the daemon's goes to the operator's tool with all that follows")
    func external() throws {
        let expected = CommandLineOptions.Command.external(name: "leaks", arguments: ["-n", "5", "--help"])
        #expect(try parse("leaks", "-n", "5", "--help").command == expected)
    }

    @Test("help and version end the matter, and the help of run lists every setting")
    func help() throws {
        #expect(try parse("--version").command == .version)
        #expect(try parse("-V").command == .version)
        guard case .help(let overview) = try parse("--help").command,
            case .help(let settings) = try parse("run", "-h").command
        else {
            Issue.record("no help")
            return
        }
        #expect(try parse("help").command == .help(overview))
        #expect(try parse("check", "--config", "f", "--help").command == .help(overview))
        #expect(overview.split(separator: "\n").allSatisfy { $0.count <= 100 })
        for row in SettingTable.descriptions { #expect(settings.contains("\n  \(row.key) = ")) }
        for name in ["--config", "--listen", "--admin", "--set", "--print", "--help", "--version"] {
            #expect(overview.contains(name))
        }
    }

    @Test(
        "what is not understood is told in one line",
        arguments: [
            (["--frobnicate"], "unknown option '--frobnicate'"), (["--sett=a=b"], "did you mean --set?"),
            (["--upstream.max_idle=3"], "a setting is given as --set upstream.max_idle=VALUE"),
            (["-x"], "unknown option '-x'"), (["--listen"], "--listen needs a value, ADDR:PORT"),
            (["-c"], "-c needs a value, FILE"), (["--print"], "--print belongs to check"),
            (["check", "--print=yes"], "--print takes no value"), (["-hx"], "-h takes no value"),
            (["--set", "log.level"], "--set takes key=value"), (["--set", "=x"], "--set takes key=value"),
            (["--config", "a", "--config", "b"], "--config is given twice"),
            (["--config="], "needs the path"),
            (["--config", "a", "check"], "the command comes first: weir check"),
            (["run", "stray"], "unexpected argument 'stray'"), (["run", "-"], "unexpected argument '-'"),
            ([""], "an empty argument is no command"), (["run", ""], "unexpected argument ''"),
        ]
    )
    func refused(_ line: [String], _ expected: String) {
        let text = refusal(line)
        #expect(text.contains(expected), "\(text)")
        #expect(!text.contains("\n"))
    }
}
