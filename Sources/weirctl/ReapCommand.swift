import ArgumentParser
import Basics
import Reactor
import Survey

/// `weirctl reap`: closes connections that apps leak, from outside, without being in their way.
struct ReapCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reap",
        abstract: "Closes leaked connections of apps whose traffic cannot go through weir.",
        discussion: """
            Watches the connections that the chosen owners dial, by what the kernel tells of them, and calls those \
            leaked that lie idle beyond the limit and beyond the budget of each owner and destination. A \
            connection that awaits an answer, has bytes under way or was seen to be used twice is never touched.

            Without --enforce it only tells what it would close, which takes no privilege. With it, connections are \
            closed in the kernel (SOCK_DESTROY): the app sees ECONNABORTED, the far end a reset, and the port is \
            free. This takes CAP_NET_ADMIN.

            Runs until SIGTERM or SIGINT. Exits with 0; with 3 where --once without --enforce found something to \
            close; with 1 on an error.

            It sees its own network namespace only: for a container, run it by nsenter --net.
            """
    )

    /// The exit status when a single dry run finds something.
    static let found = ExitCode(3)

    static let lackOfPrivilege = AdminError(
        "closing connections of others takes CAP_NET_ADMIN: run it as root or as weir-reap@.service, or without "
            + "--enforce, to be told only"
    )

    @Option(
        help: ArgumentHelp(
            "A systemd unit, and all below its control group; may be repeated.",
            valueName: "name"
        )
    )
    var unit: [String] = []

    @Option(help: ArgumentHelp("A user, by name or number; may be repeated.", valueName: "user"))
    var uid: [String] = []

    @Option(
        help: ArgumentHelp(
            "A control group by its path, and all below; may be repeated.",
            valueName: "path"
        )
    )
    var cgroup: [String] = []

    @Flag(help: "Everybody but weir.service.")
    var all = false

    @Flag(
        exclusivity: .exclusive,
        help: ArgumentHelp("Only tell what would be closed, or close it.")
    )
    var mode = ReapMode.dryRun

    @Flag(help: "Look once: what has been idle for --idle-timeout is told or closed.")
    var once = false

    @Option(
        help: ArgumentHelp(
            "Longest pause between two looks; 250ms while connections grow.",
            valueName: "time"
        )
    )
    var interval = TimeSpan(seconds: 1)

    @Option(
        help: ArgumentHelp(
            "How long a connection may lie idle where its owner does not leak.",
            valueName: "time"
        )
    )
    var idleTimeout = TimeSpan(seconds: 60)

    @Option(
        help: ArgumentHelp(
            "The same where its owner leaks; 500ms once half of the ports are taken.",
            valueName: "time"
        )
    )
    var leakIdleTimeout = TimeSpan(seconds: 2)

    @Option(
        help: ArgumentHelp("Idle connections that each owner keeps to each destination.", valueName: "count")
    )
    var maxIdle = 8

    @Flag(help: "Tell each connection that is closed, not only how many.")
    var verbose = false

    func validate() throws {
        if unit.isEmpty && uid.isEmpty && cgroup.isEmpty && !all {
            throw ValidationError("say whose connections: --unit, --uid or --cgroup, or --all")
        }
        if all && !(unit.isEmpty && uid.isEmpty && cgroup.isEmpty) {
            throw ValidationError("--all takes no --unit, --uid or --cgroup beside it")
        }
        for name in unit where name.isEmpty || name.contains("/") {
            throw ValidationError("'\(name)' is no unit's name, such as payments.service")
        }
        for path in cgroup where !path.hasPrefix("/") {
            throw ValidationError(
                "'\(path)' is no control group's path, such as /system.slice/payments.service"
            )
        }
        if !(0...1_000_000).contains(maxIdle) {
            throw ValidationError("--max-idle takes 0 to 1000000, not \(maxIdle)")
        }
        for (name, span) in [("interval", interval), ("idle-timeout", idleTimeout)]
        where span.interval < .milliseconds(50) {
            throw ValidationError("--\(name) takes 50ms and more, not \(span)")
        }
        if leakIdleTimeout.interval < .milliseconds(100) {
            throw ValidationError("--leak-idle-timeout takes 100ms and more, not \(leakIdleTimeout)")
        }
    }

    func run() throws {
        do {
            let closed = try watch()
            if once && mode == .dryRun && closed > 0 { throw Self.found }
        } catch let error as AdminError {
            StandardStream.error.write("weirctl: \(error.description)\n")
            throw ExitCode.failure
        } catch let error as SystemError {
            StandardStream.error.write("weirctl: \(error.description)\n")
            throw ExitCode.failure
        }
    }

    private func watch() throws -> Int {
        if mode == .enforce && !Capabilities.mayAdministerNetwork() { throw Self.lackOfPrivilege }
        let groups = ControlGroups()
        let owners = try ReapOwners(units: unit, users: uid, paths: cgroup, all: all, groups: groups)
        var limits = ReapLimits()
        limits.idleTimeout = idleTimeout.interval
        limits.leakIdleTimeout = min(leakIdleTimeout.interval, idleTimeout.interval)
        limits.maxIdle = maxIdle
        limits.trustsFirstLook = once
        var loop = try ReapLoop(
            owners: owners,
            limits: limits,
            interval: interval.interval,
            groups: groups,
            enforces: mode == .enforce,
            isOnce: once,
            isVerbose: verbose
        )
        return try loop.run()
    }
}

/// Whether connections are closed.
enum ReapMode: String, EnumerableFlag {
    case dryRun
    case enforce
}
