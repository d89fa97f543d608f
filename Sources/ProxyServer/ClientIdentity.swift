import Basics
import ClientPolicy
import Dialling
import ProxyCore
import Reactor

/// Who holds the far end of a client connection, and what lies unread there. For a client of this host the
/// kernel tells (NETLINK_SOCK_DIAG, no privilege needed, some 3 µs; for a Unix socket SO_PEERCRED and the
/// process's cgroup); any other is known by its address.
final class ClientIdentity {
    let diagnostics: SocketDiagnostics?
    /// Those over Unix sockets.
    let local = LocalClients()
    /// Clients of this host of which the kernel would not tell the owner.
    private(set) var unseen = 0
    /// Why nobody of this host can be told from another; nil where it works.
    let obstacle: String?

    init() {
        do {
            diagnostics = try SocketDiagnostics()
            obstacle = nil
        } catch {
            diagnostics = nil
            obstacle = "\(error)"
        }
    }

    /// The owner of an accepted connection.
    func owner(of peer: Peer, at descriptor: Int32, now: MonotonicTime) -> OwnerKey {
        switch peer {
        case .network(let endpoint): owner(of: endpoint, report(of: endpoint, at: descriptor))
        case .local(let who): local.owner(who, now: now)
        }
    }

    /// The owner of an accepted connection that the kernel redirected, and that was meant for `original`.
    func owner(of peer: Endpoint, dialled original: Endpoint) -> OwnerKey {
        owner(of: peer, diagnostics?.report(from: peer, to: original))
    }

    private func owner(of peer: Endpoint, _ report: SocketReport?) -> OwnerKey {
        guard let report, let uid = report.uid else {
            if peer.address.unmapped.isLoopback { unseen += 1 }
            return OwnerKey(peer.address)
        }
        return .local(uid: uid, cgroup: report.cgroup ?? 0)
    }

    /// Bytes that the client's kernel holds and its app has not read; nil where this kernel does not know.
    func unread(by connection: Connection) -> Int? {
        switch connection.peer {
        case .network(let peer): report(of: peer, connection)?.receiveQueue
        // More than the bytes, and 0 where there are none, which is what matters.
        case .local: Sockets.unreadByPeer(connection.descriptor)
        }
    }

    /// By what the client's process is found; adds to what is known of others. Returns what ``unread(by:)`` does,
    /// which takes the same question to the kernel.
    @discardableResult
    func find(_ connection: Connection, _ holders: inout Holders) -> Int? {
        switch connection.peer {
        case .network(let peer):
            guard let report = report(of: peer, connection) else {
                holders.isWhole = false
                return nil
            }
            holders.inodes.insert(report.inode)
            return report.receiveQueue
        case .local(let who):
            // A number that was checked is not checked again, which spares the kernel a descriptor.
            let isKnown = holders.pids[who.pid] != nil
            if who.pid == 0 || !isKnown && !Sockets.isPeerRunning(connection.descriptor) {
                holders.isWhole = false
            } else {
                holders.pids[who.pid, default: 0] += 1
            }
            return unread(by: connection)
        }
    }

    /// What the kernel says of the client's socket; nil where this kernel does not know it. A redirected client's
    /// own socket knows nothing of that, and is found by the address that the client dialled.
    private func report(of peer: Endpoint, _ connection: Connection) -> SocketReport? {
        if let original = connection.original { return diagnostics?.report(from: peer, to: original) }
        return report(of: peer, at: connection.descriptor)
    }

    private func report(of peer: Endpoint, at descriptor: Int32) -> SocketReport? {
        guard let here = Sockets.localEndpoint(descriptor), isLocal(peer, here) else { return nil }
        return diagnostics?.report(from: peer, to: here)
    }

    /// Who connects within a host has a loopback address or, as a rule, the very one that it connects to.
    private func isLocal(_ peer: Endpoint, _ here: Endpoint) -> Bool {
        peer.address.unmapped.isLoopback || peer.address == here.address
    }
}

/// By what the processes at the far ends of some connections are found.
struct Holders: Hashable, Sendable {
    /// Their sockets, as /proc names them.
    var inodes: Set<UInt64> = []
    /// Processes by number, and how many of the connections are theirs.
    var pids: [Int32: Int] = [:]
    /// Whether every connection left a trace of who holds it.
    var isWhole = true
}
