import Basics
public import ClientPolicy

// Several workers know the same owner, each by the connections that it has accepted.
extension OwnerLine {
    /// One line for each owner, in the order in which they come first. Counters and connections add up; of two
    /// verdicts the worse one counts.
    public static func merged(_ parts: [[OwnerLine]]) -> [OwnerLine] {
        if parts.count == 1 { return parts[0] }
        var merged: [OwnerLine] = []
        var places: [OwnerKey: Int] = [:]
        for line in parts.joined() {
            if let place = places[line.report.key] {
                merged[place].add(line)
            } else {
                places[line.report.key] = merged.count
                merged.append(line)
            }
        }
        for index in merged.indices { merged[index].destinations.sort(by: OwnerLine.mattersMore) }
        return merged
    }

    /// Whether a destination of an owner is shown before another one.
    public static func mattersMore(_ left: DestinationReport, _ right: DestinationReport) -> Bool {
        (left.verdict.rawValue, left.tunnels) > (right.verdict.rawValue, right.tunnels)
    }

    private mutating func add(_ other: OwnerLine) {
        OwnerLine.take(other.report.verdict, other.report.since, &report.verdict, &report.since)
        report.tally.firstSeen = min(report.tally.firstSeen, other.report.tally.firstSeen)
        report.tally.opened += other.report.tally.opened
        report.tally.reused += other.report.tally.reused
        report.tally.reaped += other.report.tally.reaped
        report.held += other.report.held
        report.parked += other.report.parked
        if report.agent.isEmpty { report.agent = other.report.agent }
        portless += other.portless
        for destination in other.destinations {
            if let place = destinations.firstIndex(where: { $0.name == destination.name }) {
                destinations[place].add(destination)
            } else {
                destinations.append(destination)
            }
        }
    }

    /// The worse of two verdicts; of equal ones the older.
    fileprivate static func take(
        _ verdict: Verdict,
        _ since: MonotonicTime,
        _ present: inout Verdict,
        _ presentSince: inout MonotonicTime
    ) {
        if verdict.rawValue > present.rawValue {
            (present, presentSince) = (verdict, since)
        } else if verdict == present {
            presentSince = min(presentSince, since)
        }
    }
}

extension DestinationReport {
    fileprivate mutating func add(_ other: DestinationReport) {
        OwnerLine.take(other.verdict, other.since, &verdict, &since)
        opened += other.opened
        reaped += other.reaped
        tunnels += other.tunnels
        quiet += other.quiet
        stalled += other.stalled
    }
}
