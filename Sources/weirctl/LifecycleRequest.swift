import ArgumentParser
import Glibc
import Reactor

/// Asks a running weir for something by a signal, and waits for what becomes of it.
struct LifecycleRequest {
    /// What is sent.
    var signal: Int32
    /// For how long it may take.
    var patience: Duration
    /// Reads the outcome from what `/status` says now and said before; nil while there is none.
    var outcome: (_ now: LifecycleReport, _ before: LifecycleReport) -> LifecycleOutcome?
    /// What it means that weir runs on, but has no admin server at the address any more.
    var isGone: LifecycleOutcome

    /// Does it. A failure becomes one line on standard error and exit status 1.
    func perform(_ weir: AdminOptions) throws {
        let outcome = try weir.ask { address throws(AdminError) in
            let before = try LifecycleReport.read(try AdminClient(address).get("/status"))
            if before.state != "running" { throw AdminError("it is stopping") }
            let process = try Self.process(of: before)
            let code = process.send(signal)
            if code != 0 {
                throw AdminError("cannot signal process \(before.pid): \(SystemError.text(of: code))")
            }
            return try wait(address, before, process)
        }
        switch outcome {
        case .done(let text): StandardStream.output.write("\(text)\n")
        case .failed(let text):
            StandardStream.error.write("weirctl: \(Printable.text(text))\n")
            throw ExitCode.failure
        }
    }

    /// The process that answered. Its number means another one, or none, where it runs in a container of its own.
    private static func process(of report: LifecycleReport) throws(AdminError) -> ProcessHandle {
        let elsewhere = "process \(report.pid) is not to be found here; is it in a container? Signal it there"
        guard let pid = Int32(exactly: report.pid), let handle = ProcessHandle(pid) else {
            throw AdminError(elsewhere)
        }
        guard ProcessHandle.identity(of: pid)?.command == "weir" else { throw AdminError(elsewhere) }
        return handle
    }

    private func wait(
        _ address: AdminPlace,
        _ before: LifecycleReport,
        _ process: ProcessHandle
    ) throws(AdminError) -> LifecycleOutcome {
        let deadline = ContinuousClock.now + patience
        while ContinuousClock.now < deadline {
            do throws(AdminError) {
                let now = try LifecycleReport.read(try AdminClient(address).get("/status"))
                if let outcome = outcome(now, before) { return outcome }
            } catch {
                if process.hasEnded {
                    return .failed("process \(before.pid) ended, and nobody answers at \(address)")
                }
                if error == .system(ECONNREFUSED) { return isGone }
                // Cut off as the admin server moved: it is asked again.
            }
            // Nobody tells when it is done.
            _ = process.wait(milliseconds: 50)
        }
        throw .late
    }
}

/// `weirctl reload`: new settings for a running weir.
struct ReloadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Has a running weir read its settings again (SIGHUP), and tells the outcome.",
        discussion: """
            Exits with 1, and tells why, when the settings were refused: then the former ones stay in force.
            """
    )

    @OptionGroup var weir: AdminOptions

    func run() throws {
        let request = LifecycleRequest(
            signal: SIGHUP,
            patience: .seconds(10),
            outcome: { $0.reload(since: $1) },
            // A refused reload leaves the admin server where it is.
            isGone: .done("settings reloaded; the admin server is not at \(weir.admin) any more")
        )
        try request.perform(weir)
    }
}

/// `weirctl upgrade`: a new process in the place of a running weir.
struct UpgradeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upgrade",
        abstract:
            "Starts the installed version in the place of a running weir (SIGUSR2), without losing a connection.",
        discussion: """
            The new process takes the listening sockets; the old one finishes what is in flight, for drain_timeout at \
            most. Exits with 1, and tells why, when the new one could not start: then the old one goes on.
            """
    )

    @OptionGroup var weir: AdminOptions

    func run() throws {
        let request = LifecycleRequest(
            signal: SIGUSR2,
            patience: .seconds(40),
            outcome: { $0.upgrade(since: $1) },
            isGone: .done("upgraded; the admin server is not at \(weir.admin) any more")
        )
        try request.perform(weir)
    }
}
