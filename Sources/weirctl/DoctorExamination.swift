import Basics
import Dialling
import Reactor
import Survey

/// What is found of the whole host.
struct DoctorExamination {
    /// A pair of source and destination, and how it stands with its ports.
    struct PortReport {
        var pair: PortUse.Pair
        var count: PortUse.Count
        var percent: Int
        /// Nil where their use does not grow.
        var exhaustion: Interval?

        /// Half of the ports in use, or no more than a minute until all are.
        var isShort: Bool {
            percent >= 50 || (exhaustion.map { $0 < .seconds(60) } ?? false) && percent >= 10
        }
    }

    /// Processes, the worst first.
    var diagnoses: [Diagnosis] = []
    /// Pairs, the fullest first.
    var ports: [PortReport] = []
    /// Ports that there are for each pair.
    var capacity: Int
    /// Where weir was looked for, and whether it is there.
    var weir: ProxyPlace
    /// What could not be seen, one sentence each.
    var unseen: [String] = []

    /// Whether anything is wrong.
    var hasFinding: Bool { ports.contains(where: \.isShort) || diagnoses.contains { !$0.findings.isEmpty } }

    /// Looks at the host twice, so that growth shows.
    ///
    /// - Parameter pause: between both looks; zero for one look only.
    static func examine(weirAt endpoints: [Endpoint], pause: Interval) throws(SystemError)
        -> DoctorExamination
    {
        let first = pause > .zero ? try HostLook.take() : nil
        if pause > .zero { Pause.wait(.nanoseconds(pause.nanoseconds)) }
        let look = try HostLook.take(findsRedirected: true)
        let place = ProxyPlace(
            endpoints: endpoints,
            isListening: endpoints.contains(where: look.listeners.hasListener)
        )
        var examination = DoctorExamination(capacity: look.ports.capacity, weir: place)
        examination.ports = look.ports.fullest().map { pair, count in
            let exhaustion = first.flatMap {
                look.ports.exhaustion(of: pair, since: $0.ports, for: look.time.since($0.time))
            }
            return PortReport(
                pair: pair,
                count: count,
                percent: look.ports.percent(pair),
                exhaustion: exhaustion
            )
        }
        if !look.isWhole { examination.unseen.append("there are more sockets than are looked at") }
        var census = ProcessCensus(look)
        examination.diagnoses = census.processes().map { Diagnosis($0, weir: place) }
            .sorted(by: Diagnosis.isWorse)
        examination.unseen += census.unseen
        return examination
    }
}

/// Finds the processes behind connections, and what is to be known of them.
struct ProcessCensus {
    private let look: HostLook
    private var names = OwnerNames(ControlGroups())
    private let rules = RedirectRules.inForce()
    private(set) var unseen: [String] = []
    private var hiddenEnvironments = 0

    init(_ look: HostLook) { self.look = look }

    /// Processes with connections, and for what no process is found those who own it.
    mutating func processes() -> [ObservedProcess] {
        let held = look.dialled.filter { $0.owner != nil && $0.phase != .timeWait }
        let search = ProcessTable.find(Set(held.map(\.inode)))
        // A socket that several inherited belongs to the first of them.
        var holders: [UInt64: ProcessFinding] = [:]
        for finding in search.findings.sorted(by: { $0.pid < $1.pid }) {
            for inode in finding.inodes where holders[inode] == nil { holders[inode] = finding }
        }
        var byProcess: [Int32: [ObservedConnection]] = [:]
        var byOwner: [ConnectionOwner: [ObservedConnection]] = [:]
        for connection in held {
            if let holder = holders[connection.inode] {
                byProcess[holder.pid, default: []].append(connection)
            } else if let owner = connection.owner {
                byOwner[owner, default: []].append(connection)
            }
        }
        let findings = Dictionary(search.findings.map { ($0.pid, $0) }, uniquingKeysWith: { one, _ in one })
        let known = byProcess.map { process($0.value, findings[$0.key]) }
        let unknown = byOwner.map { process($0.value, nil) }
        tellUnseen(search, unknown: unknown.count)
        return known + unknown
    }

    private mutating func process(
        _ connections: [ObservedConnection],
        _ finding: ProcessFinding?
    ) -> ObservedProcess {
        let owner = connections.first?.owner ?? ConnectionOwner(uid: 0, cgroup: nil)
        var process = ObservedProcess(
            pid: finding?.pid,
            program: finding?.program,
            user: names.user(owner.uid),
            unit: names.unit(of: owner.cgroup),
            connections: connections
        )
        process.group = owner.cgroup.flatMap { names.path(of: $0) }
        process.rule = rules?.cover(uid: owner.uid, group: process.group)
        process.redirected = Set(connections.filter { look.isRedirected($0) }.map(\.id))
        guard let pid = finding?.pid else { return process }
        process.runtime = Runtime.recognise(
            program: finding?.program,
            isGo: ProcessFacts.isGo(pid) ?? false,
            libraries: ProcessFacts.libraries(of: pid, among: Runtime.libraries) ?? []
        )
        if let variables = ProcessFacts.environment(of: pid, names: ProxyEnvironment.names) {
            process.environment = ProxyEnvironment(
                variables,
                arguments: ProcessFacts.arguments(of: pid) ?? []
            )
        } else {
            hiddenEnvironments += 1
        }
        return process
    }

    private mutating func tellUnseen(_ search: ProcessSearch, unknown: Int) {
        if unknown > 0 {
            unseen.append(
                "whose process some connections are: they stand under their user and unit; root sees it"
            )
        }
        if !search.isComplete { unseen.append("some processes: there are too many descriptors") }
        if hiddenEnvironments > 0 {
            unseen.append("the variables of \(hiddenEnvironments) processes; root sees them")
        }
        if rules == nil {
            unseen.append("redirect rules: nft is not there, or does not tell; root may ask it")
        }
        let networks = ProcessFacts.otherNetworks()
        if let pid = networks.values.min() {
            unseen.append(
                "\(networks.count) other network namespace\(networks.count == 1 ? "" : "s") (containers), each of which "
                    + "is examined by itself: nsenter --net=/proc/\(pid)/ns/net weir doctor, for one"
            )
        }
    }
}
