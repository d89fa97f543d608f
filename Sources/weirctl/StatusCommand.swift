import ArgumentParser

/// `weirctl status`: what a running weir is doing.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows what a running weir is doing.",
        discussion: "Exits with 1 when weir does not answer."
    )

    @Option(help: ArgumentHelp("Address of weir's admin server.", valueName: "address:port"))
    var admin = "127.0.0.1:9128"

    @Flag(help: "Print the JSON as weir sends it.")
    var json = false

    func validate() throws {
        guard AdminAddress(admin) != nil else {
            throw ValidationError("'\(admin)' is not an address and a port such as 127.0.0.1:9128")
        }
    }

    func run() throws {
        guard let address = AdminAddress(admin) else { return }
        do throws(AdminError) {
            let content = try AdminClient(address).get("/status")
            if json {
                StandardStream.output.write(content)
            } else {
                let report = try StatusReport.read(content)
                StandardStream.output.write(Array(StatusTable.text(of: report).utf8))
            }
        } catch {
            StandardStream.error.write(Array("weirctl: weir at \(address): \(error.description)\n".utf8))
            throw ExitCode.failure
        }
    }
}
