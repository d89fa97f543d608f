import Basics
import Dialling
import Glibc
import Reactor
import Survey

/// All TCP connections of this network namespace at one instant, as the kernel lists them.
struct HostLook {
    /// Connections that this host dialled.
    var dialled: [ObservedConnection] = []
    /// Where it accepted connections, by their far end. Connections to several destinations may share one.
    private var acceptedFrom: [Endpoint: Set<Endpoint>] = [:]
    /// Where it dialled from those.
    private var dialledFrom: [Endpoint: Set<Endpoint>] = [:]
    /// Where somebody listens.
    var listeners: DialledConnections
    /// Use of ports by what was dialled.
    var ports: PortUse
    /// Whether the kernel tells control groups.
    var tellsGroups = false
    /// Whether these are all.
    var isWhole = true
    /// When it was taken.
    var time: MonotonicTime
    /// CPU time that it took, the kernel's part included.
    var cost: Interval

    /// Sockets that are looked at.
    private static let limit = 500_000

    /// Takes a look.
    ///
    /// - Parameter findsRedirected: whether ``isRedirected(_:)`` is going to be asked.
    static func take(findsRedirected: Bool = false) throws(SystemError) -> HostLook {
        let before = ThreadClock.now()
        let range = ResourceLimits.ephemeralPorts() ?? 32_768...60_999
        let ports = PortUse(range: range, reserved: ResourceLimits.reservedPorts(in: range))
        var look = HostLook(
            listeners: DialledConnections(range: range),
            ports: ports,
            time: EventLoop.readClock(),
            cost: .zero
        )
        // A listener may be listed after what it accepted, so nothing is told apart before all has come.
        var found: [ObservedConnection] = []
        look.isWhole = try SocketDiagnostics.forEachTCP(activity: true, limit: limit) { from, to, report in
            if report.state == .listening { return look.listeners.addListener(from) }
            guard let connection = ObservedConnection(from: from, to: to, report) else { return }
            if report.cgroup != nil { look.tellsGroups = true }
            found.append(connection)
        }
        for connection in found {
            if look.listeners.isDialled(from: connection.from) {
                look.dialled.append(connection)
                look.ports.add(connection)
                if findsRedirected { look.dialledFrom[connection.from, default: []].insert(connection.to) }
            } else if findsRedirected {
                look.acceptedFrom[connection.to, default: []].insert(connection.from)
            }
        }
        look.cost = Interval(nanoseconds: ThreadClock.now() - before)
        return look
    }

    /// Whether a connection came to a listener of this host though it was dialled to somewhere else: the
    /// kernel led it there.
    func isRedirected(_ connection: ObservedConnection) -> Bool {
        guard let accepted = acceptedFrom[connection.from], !accepted.contains(connection.to) else {
            return false
        }
        return !accepted.subtracting(dialledFrom[connection.from] ?? []).isEmpty
    }
}

extension ObservedConnection {
    /// What the kernel tells of a socket; nil where it is no connection.
    init?(from: Endpoint, to: Endpoint, _ report: SocketReport) {
        let phase: ConnectionPhase
        switch report.state {
        case .established: phase = .established
        case .closeWait: phase = .peerClosed
        case .synSent, .synReceived, .newSynReceived: phase = .opening
        case .finWait1, .finWait2, .lastAck, .closing: phase = .closing
        case .timeWait: phase = .timeWait
        case .closed, .listening, .bound: return nil
        }
        let owner = report.uid.map { ConnectionOwner(uid: $0, cgroup: report.cgroup) }
        self.init(id: report.cookie, owner: owner, from: from, to: to, phase: phase)
        inode = report.inode
        // The FIN counts as a byte, which no app reads.
        unread = max(0, report.receiveQueue - (phase == .peerClosed ? 1 : 0))
        unsent = report.sendQueue
        if let activity = report.activity {
            sinceSent = activity.sinceSent
            sinceReceived = activity.sinceReceived
            bytesSent = activity.bytesAcknowledged
            bytesReceived = activity.bytesReceived
            segmentsSent = activity.segmentsSent
            roundTrip = activity.roundTrip
        }
    }
}

/// CPU time of the calling thread.
enum ThreadClock {
    /// Nanoseconds, the kernel's work for it included.
    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
