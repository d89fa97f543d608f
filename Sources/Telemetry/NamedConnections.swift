public import Basics
import ClientPolicy
public import UpstreamPool

/// Connections by origin and by owner, as metrics show them: the largest under their names, the rest as `other`.
/// Keeps who was named, so that the number of different labels is bounded over time too.
public struct NamedConnections: Sendable {
    /// What stands in the label of those that have no line of their own. No origin is called so, as each has a
    /// port, and no owner.
    static let rest = "other"

    /// Upstream connections and waiters of one origin.
    struct Origin: Hashable {
        var name: String
        var kind: OriginKind
        var dialling = 0
        var leased = 0
        var idle = 0
        var waiting = 0

        var size: Int { dialling + leased + idle + waiting }
        /// Tells the kinds of one name apart.
        var key: String { "\(kind.name) \(name)" }

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
    }

    /// The largest, and one line for the rest of each kind.
    private(set) var origins: [Origin] = []
    /// The worst, and one line for the rest of each verdict.
    private(set) var owners: [Owner] = []
    private var originNames = LabelRoster(maxShown: 20, maxRemembered: 100)
    private var ownerNames = LabelRoster(maxShown: 20, maxRemembered: 100)

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
        var found: [String: Origin] = [:]
        for report in reports {
            let origin = Origin(report)
            found[origin.key, default: Origin(name: origin.name, kind: origin.kind)].add(origin)
        }
        let ranked = found.values.sorted { $0.size != $1.size ? $0.size > $1.size : $0.key < $1.key }
        let admitted = originNames.admit(ranked.map(\.key), now: now)
        var rest = OriginKind.allCases.map { Origin(name: NamedConnections.rest, kind: $0) }
        origins = []
        for origin in ranked {
            if admitted.contains(origin.key) {
                origins.append(origin)
            } else if let index = rest.firstIndex(where: { $0.kind == origin.kind }) {
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
        let ranked = found.values.sorted { left, right in
            if left.verdict != right.verdict { return left.verdict.rawValue > right.verdict.rawValue }
            return left.held != right.held ? left.held > right.held : left.name < right.name
        }
        let admitted = ownerNames.admit(ranked.map(\.name), now: now)
        owners = ranked.filter { admitted.contains($0.name) }
        for owner in ranked where !admitted.contains(owner.name) {
            rest[Int(owner.verdict.rawValue)].held += owner.held
        }
        owners += rest
    }
}

extension NamedConnections.Origin {
    fileprivate init(_ report: UpstreamPool.OriginReport) {
        self.init(
            name: report.authority,
            kind: report.kind,
            dialling: report.dialling,
            leased: report.leased,
            idle: report.idle,
            waiting: report.waiting
        )
    }
}
