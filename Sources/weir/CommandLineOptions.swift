import Settings

/// What the command line of the daemon asks for.
struct CommandLineOptions: Equatable {
    /// What to do.
    enum Command: Equatable {
        /// Serve, which is also what no command at all means.
        case run
        /// Judge the settings and exit; with `print`, show every setting and its source.
        case check(print: Bool)
        /// Print the version and exit.
        case version
        /// Print this text and exit.
        case help(String)
        /// Hand over to the operator's tool: a command of its own and what follows it.
        case external(name: String, arguments: [String])
    }

    var command: Command
    /// The settings file, or nil where the command line names none.
    var configPath: String?
    /// Settings given by `--listen`, `--admin` and `--set`, in their order.
    var overrides: [SettingOverride] = []

    /// Parses what follows the program's name.
    static func parse(_ arguments: [String]) -> Result<CommandLineOptions, UsageError> {
        var arguments = arguments
        var command = Command.run
        var help = HelpText.overview
        if let first = arguments.first, !first.hasPrefix("-") {
            arguments.removeFirst()
            switch first {
            case "run": help = HelpText.settings
            case "check": command = .check(print: false)
            case "help": return .success(CommandLineOptions(command: .help(HelpText.overview)))
            case "": return .failure(UsageError("an empty argument is no command"))
            default:
                return .success(CommandLineOptions(command: .external(name: first, arguments: arguments)))
            }
        }
        do throws(UsageError) {
            return .success(try parseOptions(arguments, command, help: help))
        } catch {
            return .failure(error)
        }
    }

    private static func parseOptions(
        _ arguments: [String],
        _ command: Command,
        help: String
    ) throws(UsageError) -> CommandLineOptions {
        var scanner = OptionScanner(arguments)
        var options = CommandLineOptions(command: command)
        while let (option, value) = try scanner.next() {
            switch option.name {
            case "help": return CommandLineOptions(command: .help(help))
            case "version": return CommandLineOptions(command: .version)
            case "print":
                guard case .check = command else {
                    throw UsageError("--print belongs to check; write weir check --print")
                }
                options.command = .check(print: true)
            case "config":
                guard options.configPath == nil else { throw UsageError("--config is given twice") }
                guard !value.isEmpty else { throw UsageError("--config needs the path of a file") }
                options.configPath = value
            case "set": options.overrides.append(try assignment(value))
            default:
                options.overrides.append(
                    SettingOverride(key: option.name, value: value, flag: "--\(option.name)")
                )
            }
        }
        if let stray = scanner.firstOperand {
            let isCommand = ["run", "check", "help"].contains(stray)
            let hint = isCommand ? "; the command comes first: weir \(stray) …" : ""
            throw UsageError("unexpected argument '\(stray)'\(hint)")
        }
        return options
    }

    /// Splits `key=value`; what the key and the value mean is judged with the other settings.
    private static func assignment(_ text: String) throws(UsageError) -> SettingOverride {
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
            throw UsageError("--set takes key=value, such as --set upstream.idle_timeout=30s, not '\(text)'")
        }
        return SettingOverride(
            key: String(text[..<equals]),
            value: String(text[text.index(after: equals)...]),
            flag: "--set"
        )
    }
}

/// Why the command line was not understood; goes with exit status 2.
struct UsageError: Error, Equatable, CustomStringConvertible {
    let description: String

    init(_ problem: String) {
        description = "\(problem) (weir --help shows what there is)"
    }
}

/// One option, as the scanner and the help text know it.
private struct Option {
    let name: String
    /// What stands for the value in the help text; nil for an option without one.
    let argument: String?
    let letter: Character?
    let help: String

    static let all = [
        Option(name: "config", argument: "FILE", letter: "c", help: "settings file (also WEIR_CONFIG)"),
        Option(
            name: "listen",
            argument: "ADDR:PORT",
            letter: nil,
            help: "serve apps here, or unix:/PATH; repeatable"
        ),
        Option(
            name: "admin",
            argument: "ADDR:PORT|off",
            letter: nil,
            help: "the admin server's address, or unix:/PATH"
        ),
        Option(name: "set", argument: "KEY=VALUE", letter: nil, help: "give any setting; may be repeated"),
        Option(name: "print", argument: nil, letter: nil, help: "check: show every setting and its source"),
        Option(name: "help", argument: nil, letter: "h", help: "show this text, or with run every setting"),
        Option(name: "version", argument: nil, letter: "V", help: "show the version"),
    ]
}

/// Walks over options as getopt_long does: `--name value`, `--name=value`, `-n value`, `-nvalue`.
///
/// Not getopt_long itself: Swift's Glibc module leaves <getopt.h> out, and its state is global. Names are
/// taken in full only, so that a new option never makes a script's abbreviation ambiguous.
private struct OptionScanner {
    private var rest: ArraySlice<String>

    init(_ arguments: [String]) {
        rest = arguments[...]
    }

    /// The next option and its value (empty for one without), or nil where the options end.
    mutating func next() throws(UsageError) -> (Option, String)? {
        guard let word = rest.first, word.hasPrefix("-"), word != "-" else { return nil }
        rest.removeFirst()
        if word == "--" { return nil }
        return word.hasPrefix("--") ? try long(word) : try short(word)
    }

    /// The first argument that is no option, once `next` has returned nil.
    var firstOperand: String? { rest.first }

    private mutating func long(_ word: String) throws(UsageError) -> (Option, String) {
        let body = word.dropFirst(2)
        let name = body.prefix { $0 != "=" }
        guard let row = Option.all.first(where: { $0.name == name }) else { throw Self.unknown(String(name)) }
        guard name.endIndex != body.endIndex else { return (row, try separateValue(of: row, word)) }
        guard row.argument != nil else { throw UsageError("--\(row.name) takes no value") }
        return (row, String(body[body.index(after: name.endIndex)...]))
    }

    private mutating func short(_ word: String) throws(UsageError) -> (Option, String) {
        let letter = word[word.index(after: word.startIndex)]
        guard let row = Option.all.first(where: { $0.letter == letter }) else {
            throw UsageError("unknown option '\(word)'")
        }
        let attached = word.dropFirst(2)
        if attached.isEmpty { return (row, try separateValue(of: row, word)) }
        guard row.argument != nil else { throw UsageError("-\(letter) takes no value") }
        return (row, String(attached))
    }

    /// The value in the argument that follows, where the option takes one.
    private mutating func separateValue(of row: Option, _ word: String) throws(UsageError) -> String {
        guard let argument = row.argument else { return "" }
        guard let value = rest.popFirst() else { throw UsageError("\(word) needs a value, \(argument)") }
        return value
    }

    private static func unknown(_ name: String) -> UsageError {
        if SettingTable.descriptions.contains(where: { $0.key == name }) {
            return UsageError("unknown option '--\(name)'; a setting is given as --set \(name)=VALUE")
        }
        let guess = SettingTable.nearestWord(to: name, among: Option.all.map(\.name))
        return UsageError("unknown option '--\(name)'\(guess.map { "; did you mean --\($0)?" } ?? "")")
    }
}

/// What `--help` prints.
private enum HelpText {
    static let overview = """
        weir: a forward proxy that keeps a leaky app from exhausting ports

        usage: weir [run] [--config FILE] [--listen ADDR:PORT]… [--admin ADDR:PORT|off] [--set KEY=VALUE]…
               weir check [--config FILE] [--print] [the options of run]
               weir status | reload | upgrade | leaks | …   commands of weirctl, which has its own --help

        Without anything it serves apps on \(standard("listen")); the admin server is on
        \(standard("admin")).

        \(Option.all.map(line).joined(separator: "\n"))

        A flag beats the environment (WEIR_SECTION_KEY), the environment beats the file.
        weir run --help lists every setting.

        """

    static let settings =
        overview + "\nsettings:\n"
        + SettingTable.descriptions.map { row in
            "  \(row.key) = \(row.defaultText)    (\(row.form))\n      \(row.help)\n"
        }.joined()

    private static func standard(_ key: String) -> String {
        SettingTable.descriptions.first { $0.key == key }?.defaultText ?? ""
    }

    private static func line(_ row: Option) -> String {
        let short = row.letter.map { "-\($0), " } ?? "    "
        let left = "  \(short)--\(row.name)\(row.argument.map { " \($0)" } ?? "")"
        return left + String(repeating: " ", count: max(1, 30 - left.count)) + row.help
    }
}
