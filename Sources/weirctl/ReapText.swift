import Basics
import ClientPolicy
import Survey

/// The lines that `weirctl reap` writes; each fit for a journal.
enum ReapText {
    /// What would be, or was, closed.
    static func line(_ decision: ReapDecision, owner: String, verb: String) -> String {
        let connection = decision.connection
        let why = decision.isLeak ? ", leaked" : ""
        return "\(verb) \(connection.from) -> \(connection.to) of \(owner): idle "
            + "\(seconds(connection.idle))\(why)"
    }

    static func verdict(_ change: ReapVerdict, owner: String) -> String {
        let whom = "\(owner) to \(change.group.destination)"
        switch change.verdict {
        case .leaking:
            return
                "leaking: \(whom): \(change.evidence) of its last 32 connections were left lying while others "
                + "lay idle; holds \(change.held), \(change.idle) idle"
        case .churning:
            return "churning: \(whom): closes each connection after one exchange; harmless, but a waste"
        case .healthy:
            return "no longer \(change.former == .leaking ? "leaking" : "churning"): \(whom)"
        }
    }

    static func summary(_ report: ReapGroupReport, closed: Int, owner: String, verb: String) -> String {
        let whom = "\(owner) to \(report.group.destination)"
        return "\(verb) \(closed) of \(whom), \(report.reaped) in all; held \(report.held): "
            + "\(report.idle) idle, \(report.proven) in use"
    }

    /// `2.5 s`
    static func seconds(_ interval: Interval) -> String {
        let tenths = interval.inMilliseconds / 100
        return "\(tenths / 10).\(tenths % 10) s"
    }
}
