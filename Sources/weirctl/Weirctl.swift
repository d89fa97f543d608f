import ArgumentParser

/// The operator's tool; `weir status` and the like hand over to it.
@main
struct Weirctl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weirctl",
        abstract: "Looks at a running weir.",
        subcommands: [
            StatusCommand.self, TopCommand.self, LeaksCommand.self, DoctorCommand.self, RedirectCommand.self,
            ReapCommand.self, ReloadCommand.self, UpgradeCommand.self, DrainCommand.self, ResumeCommand.self,
            LogLevelCommand.self, CloseIdleCommand.self,
        ]
    )
}
