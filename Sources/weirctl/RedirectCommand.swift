import ArgumentParser
import Basics
import Dialling
import Glibc
import Reactor
import Redirection

/// `weirctl redirect`: leads connections of apps that know of no proxy to weir.
struct RedirectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redirect",
        abstract: "Leads connections of apps that know of no proxy to weir.",
        discussion: """
            New TCP connections of chosen units, users or groups are led to weir by nftables rules, in a table \
            of their own. They are in force only while weir listens, and a process of this program keeps them \
            so: whatever dies, the apps' new connections go directly within a second.
            """,
        subcommands: [Up.self, Down.self, Show.self, Confirm.self, Watch.self]
    )

    /// Does what may fail. Its failure becomes one line on standard error and exit status 1.
    static func attempt<Answer>(_ body: () throws(RedirectionError) -> Answer) throws -> Answer {
        do throws(RedirectionError) {
            return try body()
        } catch {
            StandardStream.error.write("weirctl: \(error.description)\n")
            throw ExitCode.failure
        }
    }
}

extension RedirectCommand {
    /// `weirctl redirect up`
    struct Up: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Redirects, in place of what the same name redirected before.",
            discussion: "Exits with 1, and changes nothing, where weir does not answer and listen."
        )

        @OptionGroup var weir: AdminOptions
        @OptionGroup var selection: RedirectSelection

        @Option(
            help: ArgumentHelp(
                "Take it back after this time unless confirmed, such as 60s.",
                valueName: "time"
            )
        )
        var rollbackAfter: String?

        @Flag(help: "Print the rules, to be reviewed or managed elsewhere, and do nothing.")
        var print = false

        @Option(
            help: ArgumentHelp(
                "With --print: where weir listens, instead of asking it.",
                valueName: "address:port"
            )
        )
        var listen: [String] = []

        @Option(help: ArgumentHelp("With --listen: the user that weir runs as.", valueName: "user"))
        var weirUid: String?

        @Option(help: ArgumentHelp("With --listen: the mark of weir's sockets.", valueName: "number"))
        var weirMark: UInt32?

        func validate() throws {
            if !listen.isEmpty && !print {
                throw ValidationError("--listen is for --print; otherwise weir is asked")
            }
            if (weirUid != nil || weirMark != nil) && listen.isEmpty {
                throw ValidationError("--weir-uid and --weir-mark go with --listen; otherwise weir is asked")
            }
            for text in listen where InterceptorInquiry.endpoint(text) == nil {
                throw ValidationError("'\(text)' is not an address and a port such as 127.0.0.1:3129")
            }
            if let weirUid, UserNames.uid(of: weirUid) == nil {
                throw ValidationError("there is no user '\(weirUid)'")
            }
            do throws(RedirectionError) {
                if let rollbackAfter { _ = try ShortTime.seconds(rollbackAfter) }
            } catch {
                throw ValidationError("--rollback-after: \(error.description)")
            }
        }

        func run() throws {
            if print {
                StandardStream.output.write(try RedirectCommand.attempt(text))
                return
            }
            try start()
        }

        /// The rules as they would stand alone.
        private func text() throws(RedirectionError) -> String {
            let plan = try selection.plan()
            let tree = ControlGroups()
            let interceptor: Interceptor
            if listen.isEmpty {
                interceptor = try weir.inquiry().find().interceptor
            } else {
                interceptor = Interceptor(
                    listen: listen.compactMap(InterceptorInquiry.endpoint),
                    mark: weirMark,
                    uid: weirUid.flatMap(UserNames.uid)
                )
            }
            return try plan.ruleset(plan.selectors(in: tree), interceptor, in: tree).text(.standing)
        }

        /// Has another process of this program keep the rules, which outlives this one and its terminal.
        private func start() throws {
            let arguments =
                ["redirect", "watch", "--detached", "--admin=\(weir.admin)"]
                + selection.arguments + (rollbackAfter.map { ["--rollback-after=\($0)"] } ?? [])
            let (_, text) = try RedirectCommand.attempt { () throws(RedirectionError) in
                do throws(SystemError) {
                    return try ChildProcess.launch(
                        Executable.own ?? "/proc/self/exe",
                        arguments,
                        timeout: .seconds(30)
                    )
                } catch {
                    throw RedirectionError("\(error)")
                }
            }
            guard text.hasPrefix(Watch.readyLine) else {
                StandardStream.error.write(
                    text.isEmpty ? "weirctl: the keeping process ended at once\n" : text
                )
                throw ExitCode.failure
            }
            StandardStream.output.write(String(text.dropFirst(Watch.readyLine.count)))
        }
    }

    /// `weirctl redirect watch`
    struct Watch: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Redirects and keeps it so, in the foreground: for a service manager.",
            discussion: """
                Waits for units that do not run yet. When weir goes, new connections go directly; when it comes \
                back, they are redirected again. On SIGTERM the rules go.
                """
        )

        /// What a detached one says before everything else.
        static let readyLine = "ready\n"

        @OptionGroup var weir: AdminOptions
        @OptionGroup var selection: RedirectSelection

        @Option(help: ArgumentHelp("End after this time unless confirmed, such as 60s.", valueName: "time"))
        var rollbackAfter: String?

        @Flag(help: .hidden)
        var detached = false

        func run() throws {
            let notifier = ServiceNotifier()
            let isDetached = detached
            let log: (String) -> Void = { text in
                let line = Printable.text(text)
                if isDetached {
                    SystemLog.write(line)
                } else {
                    StandardStream.error.write("weirctl: \(line)\n")
                }
                notifier?.status(line)
            }
            let keeper = try RedirectCommand.attempt { () throws(RedirectionError) in
                try RedirectKeeper(
                    selection.plan(),
                    weir.inquiry(),
                    secondsToConfirm: rollbackAfter.map(ShortTime.seconds),
                    mayWait: !detached,
                    log: log
                )
            }
            let end = keeper.run {
                announce(keeper, notifier)
            }
            try report(end, log, notifier)
            if detached && !keeper.keptPorts.isEmpty { Self.outlast(keeper.nft) }
        }

        /// Stays until the connections that were led to weir have ended, a day at most, and then takes away what
        /// was kept for them.
        private static func outlast(_ nft: NftProgram) {
            for second in 0..<86_400 {
                Pause.wait(.seconds(1))
                // Often at first; a connection that is open after a minute may be so for long.
                if second > 60 && second % 10 != 0 { continue }
                if (try? OpenConnections(nft: nft).sweep().isEmpty) ?? true { return }
            }
        }

        private func announce(_ keeper: RedirectKeeper, _ notifier: ServiceNotifier?) {
            let summary = "redirecting \(keeper.ruleset.summary)"
            if detached {
                var text = Self.readyLine + summary + "\n"
                if let rollbackAfter {
                    text += "taken back in \(rollbackAfter) unless confirmed: weir redirect confirm\n"
                }
                StandardStream.output.write(text)
                ChildProcess.letGoOfOutput()
                SystemLog.write(summary)
            } else {
                StandardStream.error.write("weirctl: \(summary)\n")
            }
            notifier?.ready(status: summary)
        }

        private func report(
            _ end: RedirectKeeper.End,
            _ log: (String) -> Void,
            _ notifier: ServiceNotifier?
        ) throws {
            switch end {
            case .asked, .notConfirmed: notifier?.stopping(status: "the rules are gone")
            case .replaced: log("another process keeps '\(selection.name)' now")
            case .removed:
                log("somebody removed the table")
                throw ExitCode.failure
            case .failed(let reason):
                log(reason)
                throw ExitCode.failure
            }
        }
    }
}

extension AdminOptions {
    /// Asks the weir that the options name.
    func inquiry() throws(RedirectionError) -> InterceptorInquiry {
        guard let address = AdminPlace(admin) else {
            throw RedirectionError("'\(admin)' is not an address and a port such as 127.0.0.1:9128")
        }
        return InterceptorInquiry(admin: address)
    }
}
