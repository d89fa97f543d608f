import ArgumentParser

/// `weirctl leaks`: who leaks.
struct LeaksCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leaks",
        abstract: "Shows who leaks connections, and what to do about it.",
        discussion: """
            Owners that leak or churn, the worst first. Exits with 0 when nothing leaks, with 3 when an \
            owner leaks, be it towards one destination only, and with 1 when weir does not answer.
            """
    )

    /// The exit status when somebody leaks.
    static let leaking = ExitCode(3)

    @OptionGroup var weir: AdminOptions

    @Flag(help: "Show healthy owners too.")
    var all = false

    @Flag(help: "Print the JSON as weir sends it.")
    var json = false

    // Not the usual strategy: it loses the number in `--watch=5 --all`.
    @Option(
        defaultAsFlag: WatchInterval.standard,
        parsing: .next,
        help: ArgumentHelp("Show it again and again, until interrupted.", valueName: "seconds")
    )
    var watch: WatchInterval?

    func validate() throws {
        if let watch, watch.duration == nil {
            throw ValidationError("--watch takes 0.1 to 86400 seconds, not '\(watch)'")
        }
    }

    func run() throws {
        if let interval = watch?.duration {
            try repeatedly(every: interval)
        } else {
            let inquiry = try inquire()
            StandardStream.output.write(json ? inquiry.content : Array(table(inquiry).utf8))
            if inquiry.report.hasLeak { throw Self.leaking }
        }
    }

    private func inquire() throws -> LeaksInquiry {
        try weir.ask { address throws(AdminError) in
            try LeaksInquiry(
                get: { () throws(AdminError) in try AdminClient(address).get("/leaks") },
                wait: Pause.wait
            )
        }
    }

    private func table(_ inquiry: LeaksInquiry) -> String { LeaksTable.text(of: inquiry.report, all: all) }

    /// Until an interrupt ends the process, weir does not answer, or nobody reads any more.
    private func repeatedly(every interval: Duration) throws {
        Interrupt.endsQuietly()
        var screen = Screen()
        while true {
            let inquiry = try inquire()
            let isTaken =
                json ? StandardStream.output.write(inquiry.content) : screen.show(table(inquiry))
            if !isTaken { return }
            Pause.wait(interval)
        }
    }
}
