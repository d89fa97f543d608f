import ArgumentParser

/// What every command that asks weir has in common: where weir is, and what happens when it does not answer.
struct AdminOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Address of weir's admin server.", valueName: "address:port|unix:path"))
    var admin = "127.0.0.1:9128"

    func validate() throws {
        guard AdminPlace(admin) != nil else {
            throw ValidationError(
                "'\(admin)' is neither an address and a port such as 127.0.0.1:9128 nor unix:/path"
            )
        }
    }

    /// Does what asks weir. Its failure becomes one line on standard error and exit status 1.
    func ask<Answer>(_ body: (AdminPlace) throws(AdminError) -> Answer) throws -> Answer {
        guard let address = AdminPlace(admin) else { throw ExitCode.failure }
        do throws(AdminError) {
            return try body(address)
        } catch {
            StandardStream.error.write("weirctl: weir at \(address): \(error.description)\n")
            throw ExitCode.failure
        }
    }
}
