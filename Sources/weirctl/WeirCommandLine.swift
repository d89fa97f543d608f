import ArgumentParser

/// The command line of `weir` as people type it: the daemon's own commands and, as it hands over to this program, all
/// of this program's. Nothing here runs; completions of the shells are made from it (`weirctl completions`).
struct WeirCommandLine: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weir",
        abstract: "A forward proxy that keeps a leaky app from exhausting ports.",
        version: "-",
        subcommands: [Run.self, Check.self] + Weirctl.commands
    )

    @OptionGroup var options: DaemonOptions

    /// The options that serving and judging the settings have in common.
    struct DaemonOptions: ParsableArguments {
        @Option(name: .shortAndLong, help: "Settings file.", completion: .file())
        var config: String?

        @Option(help: "Serve apps here, or unix:/PATH.")
        var listen: [String] = []

        @Option(help: "Address of the admin server, or off.", completion: .list(["127.0.0.1:9128", "off"]))
        var admin: String?

        @Option(help: "Give any setting: KEY=VALUE.", completion: .shellCommand(settingKeys))
        var set: [String] = []

        /// The keys as the installed program knows them.
        private static let settingKeys = "weir run --help | sed -n 's/^  \\([a-z_.]*\\) = .*/\\1=/p'"
    }

    struct Run: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Serves; so does no command at all.")
        @OptionGroup var options: DaemonOptions
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Judges the settings.")
        @OptionGroup var options: DaemonOptions

        @Flag(help: "Show every setting and its source.")
        var print = false
    }
}

/// `weirctl completions`: for whoever builds a package.
struct CompletionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completions",
        abstract: "Prints what a shell needs to complete the command line of weir.",
        shouldDisplay: false
    )

    @Argument(
        help: "bash, zsh or fish.",
        transform: { name in
            guard let shell = CompletionShell(rawValue: name) else {
                throw ValidationError("'\(name)' is none of bash, zsh and fish")
            }
            return shell
        }
    )
    var shell: CompletionShell

    func run() {
        StandardStream.output.write(WeirCommandLine.completionScript(for: shell) + "\n")
    }
}
