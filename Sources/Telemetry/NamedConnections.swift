public import Basics
import ClientPolicy
public import UpstreamPool

/// Connections by origin and by owner, as metrics show them: the largest under their names, the rest as `other`.
/// Keeps who was named, so that the number of different labels is bounded over time too.
public struct NamedConnections: Sendable {
    /// What stands in the label of those that have no line of their own. No origin is called so, as each has a
    /// port, and no owner.
    static let rest = "other"

    /// `host:port` and what for.
    struct OriginName: Hashable, Comparable, Sendable {
        var authority: String
        var kind: OriginKind

        static func < (left: OriginName, right: OriginName) -> Bool {
            left.authority != right.authority
                ? left.authority < right.authority : left.kind.rawValue < right.kind.rawValue
        }
    }

    /// Upstream connections and waiters of one origin.
    struct Origin: Hashable {
        var name: OriginName
        var dialling = 0
        var leased = 0
        var idle = 0
        var waiting = 0

        var size: Int { dialling + leased + idle + waiting }

        mutating func add(_ report: UpstreamPool.OriginReport) {
            dialling += report.dialling
            leased += report.leased
            idle += report.idle
            waiting += report.waiting
        }

        mutating func add(_ other: Origin) {
            dialling += other.dialling
            leased += other.leased
            idle += other.idle
            waiting += other.waiting
        }
    }

    /// Client connections of one owner.
    struct Owner: Hashable {
        var name: String
        var verdict: Verdict
        var held = 0

        /// Any worse verdict outweighs any number of connections.
        var weight: Int { Int(verdict.rawValue) << 32 + held }
    }

    /// The largest, and one line for the rest of each kind.
    private(set) var origins: [Origin] = []
    /// The worst, and one line for the rest of each verdict.
    private(set) var owners: [Owner] = []
    private var originNames = LabelRoster<OriginName>(maxShown: 20, maxRemembered: 100)
    private var ownerNames = LabelRoster<String>(maxShown: 20, maxRemembered: 100)

    /// Nothing yet.
    public init() { update(origins: [], owners: [], now: .zero) }

    /// Takes the present figures over.
    public mutating func update(
        origins: [UpstreamPool.OriginReport],
        owners: [OwnerLine],
        now: MonotonicTime
    ) {
        nameOrigins(origins, now)
        nameOwners(owners, now)
    }

    private mutating func nameOrigins(_ reports: [UpstreamPool.OriginReport], _ now: MonotonicTime) {
        // Intercepted ones that differ by their Host only are one here.
        var found: [OriginName: Origin] = [:]
        for report in reports {
            let name = OriginName(authority: report.authority, kind: report.kind)
            found[name, default: Origin(name: name)].add(report)
        }
        origins = originNames.admit(found.mapValues(\.size), now: now).compactMap {
            found.removeValue(forKey: $0)
        }
        var rest = OriginKind.allCases.map {
            Origin(name: OriginName(authority: NamedConnections.rest, kind: $0))
        }
        for origin in found.values {
            if let index = rest.firstIndex(where: { $0.name.kind == origin.name.kind }) {
                rest[index].add(origin)
            }
        }
        origins += rest
    }

    private mutating func nameOwners(_ lines: [OwnerLine], _ now: MonotonicTime) {
        var found: [String: Owner] = [:]
        var rest = Verdict.allCases.map { Owner(name: NamedConnections.rest, verdict: $0) }
        for line in lines where line.report.held > 0 {
            // One whose name is still being looked up would have another label a moment later.
            let name = line.isNamed ? line.name : NamedConnections.rest
            let verdict = line.worst.verdict
            if name == NamedConnections.rest {
                rest[Int(verdict.rawValue)].held += line.report.held
                continue
            }
            var owner = found[name] ?? Owner(name: name, verdict: verdict)
            owner.held += line.report.held
            if verdict.rawValue > owner.verdict.rawValue { owner.verdict = verdict }
            found[name] = owner
        }
        owners = ownerNames.admit(found.mapValues(\.weight), now: now).compactMap {
            found.removeValue(forKey: $0)
        }
        for owner in found.values { rest[Int(owner.verdict.rawValue)].held += owner.held }
        owners += rest
    }
}
