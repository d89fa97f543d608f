import ArgumentParser

/// `weirctl status`: what a running weir is doing.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows what a running weir is doing.",
        discussion: "Exits with 1 when weir does not answer."
    )

    @OptionGroup var weir: AdminOptions

    @Flag(help: "Print the JSON as weir sends it.")
    var json = false

    func run() throws {
        try weir.ask { address throws(AdminError) in
            let content = try AdminClient(address).get("/status")
            if json {
                StandardStream.output.write(content)
            } else {
                StandardStream.output.write(StatusTable.text(of: try StatusReport.read(content)))
            }
        }
    }
}
