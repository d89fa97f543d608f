import ArgumentParser

extension AdminOptions {
    /// Gives weir an order and prints what became of it.
    fileprivate func give(_ path: String) throws {
        let answer = try ask { place throws(AdminError) in try AdminClient(place).post(path) }
        StandardStream.output.write(answer)
    }
}

/// `weirctl drain`: clients are asked to go.
struct DrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Asks the apps to go, and serves them until they do.",
        discussion: """
            Every response says Connection: close, parked connections are ended in good order, and /healthz \
            answers 503, so that whoever balances load sends nothing new. New connections and requests are \
            served as before: nothing is refused, and the process goes on. weir resume ends it.
            """
    )

    @OptionGroup var weir: AdminOptions

    func run() throws { try weir.give("/drain") }
}

/// `weirctl resume`: the end of `weirctl drain`.
struct ResumeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Ends what drain began."
    )

    @OptionGroup var weir: AdminOptions

    func run() throws { try weir.give("/resume") }
}

/// `weirctl log-level`: what is logged, until the next reload.
struct LogLevelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log-level",
        abstract: "Sets the log level, until the settings are read again."
    )

    enum Level: String, ExpressibleByArgument, CaseIterable {
        case debug, info, warning, error
    }

    @OptionGroup var weir: AdminOptions

    @Argument(help: "debug, info, warning or error.")
    var level: Level

    func run() throws { try weir.give("/log-level?level=\(level.rawValue)") }
}

/// `weirctl close-idle`: an origin's idle connections go.
struct CloseIdleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "close-idle",
        abstract: "Closes weir's idle connections to an origin.",
        discussion: """
            For an origin whose name leads elsewhere by now, or that is about to go. Connections in use are left \
            alone. Exits with 1 when weir has nothing there.
            """
    )

    @OptionGroup var weir: AdminOptions

    @Argument(help: ArgumentHelp("Host and port, as weir status shows them.", valueName: "host:port"))
    var origin: String

    func validate() throws {
        if AdminAddress(origin) == nil {
            throw ValidationError("'\(origin)' is not a host and a port such as api.example:443")
        }
    }

    func run() throws { try weir.give("/origins/close-idle?origin=\(Self.encoded(origin))") }

    /// Fit for a query: whatever is neither letter nor digit is percent-encoded.
    static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            let scalar = Unicode.Scalar(byte)
            let isPlain =
                ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
            if isPlain || scalar == "." || scalar == "-" || scalar == ":" { return String(scalar) }
            let digits = String(byte, radix: 16, uppercase: true)
            return "%" + (digits.count < 2 ? "0" : "") + digits
        }.joined()
    }
}
