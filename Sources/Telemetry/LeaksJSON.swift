public import Basics
public import ClientPolicy

/// One owner of client connections, as `/leaks` shows it.
public struct OwnerLine: Sendable {
    /// A process that holds one of the owner's connections.
    public struct Process: Sendable, Equatable {
        public var pid: Int
        public var executable: String?
        public var command: String?

        /// Puts a line together.
        public init(pid: Int, executable: String?, command: String?) {
            self.pid = pid
            self.executable = executable
            self.command = command
        }
    }

    /// What the policy knows.
    public var report: OwnerReport
    /// What it has to single destinations, those that matter most first.
    public var destinations: [DestinationReport] = []
    /// Names, where they are known.
    public var user: String?
    public var cgroup: String?
    public var unit: String?
    /// Its address, where nothing better is known.
    public var address: String?
    public var processes: [Process] = []
    /// Of the connections that it holds, those over Unix sockets.
    public var portless = 0

    /// A line without names.
    public init(_ report: OwnerReport) { self.report = report }

    /// The shortest name that tells it from others.
    public var name: String {
        if let unit { return unit }
        if let address { return address }
        return user.map { "\($0) (uid \(report.key.high))" } ?? "uid \(report.key.high)"
    }

    /// Whether its name is known; that of a local one is looked up.
    var isNamed: Bool { unit != nil || address != nil || user != nil }

    /// The worst verdict on it, and since when it holds.
    public var worst: (verdict: Verdict, since: MonotonicTime) {
        var worst = (report.verdict, report.since)
        for destination in destinations where destination.verdict.rawValue > worst.0.rawValue {
            worst = (destination.verdict, destination.since)
        }
        return worst
    }

    /// Ports that it holds: one for each connection to weir that is not over a Unix socket, and one more for
    /// each tunnel beyond it.
    public var ports: Int { max(0, report.held - portless) + destinations.reduce(0) { $0 + $1.tunnels } }

    /// What its developers have to change; nil where nothing is wrong.
    public var remedy: String? {
        if worst.verdict == .healthy { return nil }
        let executable = processes.first.flatMap { $0.executable ?? $0.command }
        return Remedy.recognise(agent: report.agent, executable: executable).text
    }
}

/// `/leaks`: who opens connections and leaves them lying. The number of owners shown is bounded.
public enum LeaksJSON {
    /// What Content-Type says of it.
    public static let contentType = "application/json"
    /// Most owners, and most destinations of one.
    static let maxOwners = 100
    static let maxDestinations = 20

    /// Appends the object, the worst first.
    ///
    /// - Parameters:
    ///   - isPending: Processes are being looked up; asking again in a moment tells more.
    ///   - unseen: Why some owners could not be told apart; nil where all could.
    public static func write(
        _ owners: [OwnerLine],
        isPending: Bool,
        unseen: String?,
        now: MonotonicTime,
        to buffer: inout ByteBuffer
    ) {
        buffer.beginObject()
        buffer.beginArray("owners")
        for owner in worstFirst(owners).prefix(maxOwners) { write(owner, now, &buffer) }
        buffer.endArray()
        buffer.member("owners_left_out", max(0, owners.count - maxOwners))
        buffer.member("processes_pending", isPending)
        buffer.member("unseen", optional: unseen)
        buffer.endObject()
        buffer.append("\n")
    }

    /// Adds the member `leaks` of a status: the owners that are not healthy, the worst first.
    static func writeUnhealthy(_ owners: [OwnerLine], _ now: MonotonicTime, _ buffer: inout ByteBuffer) {
        buffer.beginArray("leaks")
        for owner in worstFirst(owners.filter { $0.worst.verdict != .healthy }).prefix(maxOwners) {
            write(owner, now, &buffer)
        }
        buffer.endArray()
    }

    /// Adds the member `owners` of an overview: the worst first.
    static func writeOwners(
        _ owners: [OwnerLine],
        most: Int,
        _ now: MonotonicTime,
        _ buffer: inout ByteBuffer
    ) {
        buffer.beginArray("owners")
        for owner in worstFirst(owners).prefix(most) { write(owner, now, &buffer) }
        buffer.endArray()
    }

    private static func worstFirst(_ owners: [OwnerLine]) -> [OwnerLine] {
        owners.sorted { left, right in
            let (one, other) = (left.worst.verdict.rawValue, right.worst.verdict.rawValue)
            if one != other { return one > other }
            if left.ports != right.ports { return left.ports > right.ports }
            return left.report.tally.opened > right.report.tally.opened
        }
    }

    private static func write(_ owner: OwnerLine, _ now: MonotonicTime, _ buffer: inout ByteBuffer) {
        let report = owner.report
        let isLocal = report.key.kind == .local
        buffer.beginObject()
        buffer.member("kind", isLocal ? "local" : "address")
        if isLocal { buffer.member("uid", report.key.high) } else { buffer.member("uid", optional: nil) }
        buffer.member("user", optional: owner.user)
        buffer.member("cgroup", optional: owner.cgroup)
        buffer.member("unit", optional: owner.unit)
        buffer.member("address", optional: owner.address)
        buffer.member("verdict", owner.worst.verdict.name)
        buffer.member("since_seconds", now.since(owner.worst.since))
        buffer.member("seen_seconds", now.since(report.tally.firstSeen))
        writeCounts(owner, &buffer)
        buffer.member("agent", optional: report.agent.isEmpty ? nil : report.agent)
        buffer.beginArray("processes")
        for process in owner.processes {
            buffer.beginObject()
            buffer.member("pid", process.pid)
            buffer.member("executable", optional: process.executable)
            buffer.member("command", optional: process.command)
            buffer.endObject()
        }
        buffer.endArray()
        buffer.beginArray("destinations")
        for destination in owner.destinations.prefix(maxDestinations) { write(destination, now, &buffer) }
        buffer.endArray()
        buffer.member("remedy", optional: owner.remedy)
        buffer.endObject()
    }

    private static func writeCounts(_ owner: OwnerLine, _ buffer: inout ByteBuffer) {
        let tally = owner.report.tally
        buffer.member("opened", tally.opened)
        buffer.member("reused", tally.reused)
        buffer.member("held", owner.report.held)
        buffer.member("parked", owner.report.parked)
        buffer.member("tunnels", owner.destinations.reduce(0) { $0 + $1.tunnels })
        buffer.member("quiet", owner.destinations.reduce(0) { $0 + $1.quiet })
        buffer.member("stalled", owner.destinations.reduce(0) { $0 + $1.stalled })
        let shots = max(0, tally.opened - tally.reused)
        buffer.member("one_shot_share", milli: tally.opened > 0 ? shots * 1000 / tally.opened : 0)
        buffer.member("reaped", tally.reaped)
        buffer.member("ports", owner.ports)
    }

    private static func write(
        _ destination: DestinationReport,
        _ now: MonotonicTime,
        _ buffer: inout ByteBuffer
    ) {
        buffer.beginObject()
        buffer.member("destination", destination.name)
        buffer.member("verdict", destination.verdict.name)
        buffer.member("since_seconds", now.since(destination.since))
        buffer.member("opened", destination.opened)
        buffer.member("reaped", destination.reaped)
        buffer.member("tunnels", destination.tunnels)
        buffer.member("quiet", destination.quiet)
        buffer.member("stalled", destination.stalled)
        buffer.endObject()
    }
}
