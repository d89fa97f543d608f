import ArgumentParser
import Reactor

/// The operator's tool; `weir status` and the like hand over to it.
@main
struct Weirctl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weirctl",
        abstract: "Looks at a running weir.",
        version: "weirctl \(BuildStamp.text())",
        subcommands: commands + [CompletionsCommand.self]
    )

    /// What there is for people.
    static let commands: [any ParsableCommand.Type] = [
        StatusCommand.self, TopCommand.self, LeaksCommand.self, DoctorCommand.self, RedirectCommand.self,
        ReapCommand.self, ReloadCommand.self, UpgradeCommand.self, DrainCommand.self, ResumeCommand.self,
        LogLevelCommand.self, CloseIdleCommand.self,
    ]
}
