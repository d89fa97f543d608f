import ArgumentParser
import Basics
import Dialling
import Reactor
import Survey

/// `weirctl doctor`: who holds which connections, whether they go through weir, and what to do.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract:
            "Examines the connections of this host: who leaks, who goes past weir, which ports run short.",
        discussion: """
            Asks the kernel for all TCP connections of this network namespace and /proc for the processes behind \
            them. weir need not run. Without privilege it sees the connections of everybody, but the processes and \
            variables of its own user only; it says what it could not see.

            IDLE connections have been quiet for two seconds and more; UNCLOSED ones were closed by the far end and \
            not by the app. WAY is how they reach weir.

            Exits with 0 when nothing is wrong, with 3 when something was found, and with 1 on an error.
            """
    )

    /// The exit status when something is wrong.
    static let found = ExitCode(3)

    @Option(
        help: ArgumentHelp(
            "Where weir takes in traffic, if not at 127.0.0.1:3128 and [::1]:3128; may be repeated.",
            valueName: "address:port"
        )
    )
    var proxy: [String] = []

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("Time between two looks, which shows growth; 0 for one look.", valueName: "time")
    )
    var pause = TimeSpan(seconds: 1)

    @Flag(help: "Show every process, destination and pair, not only the worst.")
    var all = false

    @Flag(help: "Print JSON, all of it.")
    var json = false

    func validate() throws {
        for text in proxy where endpoint(text) == nil {
            throw ValidationError("'\(text)' is not an IP address and a port such as 127.0.0.1:3128")
        }
        if pause.interval > .seconds(3600) { throw ValidationError("--for takes at most 1h, not \(pause)") }
    }

    private func endpoint(_ text: String) -> Endpoint? {
        guard let address = AdminAddress(text) else { return nil }
        let host = address.host == "localhost" ? "127.0.0.1" : address.host
        return Endpoint.Address(literal: host).map { Endpoint(address: $0, port: address.port) }
    }

    private static let standard = [
        Endpoint(address: .v4(0x7f00_0001), port: 3128),
        Endpoint(address: .v6(high: 0, low: 1, scope: 0), port: 3128),
    ]

    func run() throws {
        let endpoints = proxy.isEmpty ? Self.standard : proxy.compactMap(endpoint)
        let examination: DoctorExamination
        do {
            examination = try DoctorExamination.examine(weirAt: endpoints, pause: pause.interval)
        } catch {
            StandardStream.error.write("weirctl: \(error.description)\n")
            throw ExitCode.failure
        }
        if json {
            StandardStream.output.write(DoctorJSON(examination).text)
        } else {
            StandardStream.output.write(DoctorTable.text(of: examination, all: all))
        }
        if examination.hasFinding { throw Self.found }
    }
}
