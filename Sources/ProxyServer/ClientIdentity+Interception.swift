import ClientPolicy
import Dialling
import ProxyCore
import Reactor

// Clients whose connections the kernel redirected: their own sockets know nothing of that, and are found by the
// address that the client dialled.
extension ClientIdentity {
    /// The owner of an accepted connection that was meant for `original`.
    func owner(of peer: Endpoint, dialled original: Endpoint) -> OwnerKey {
        guard let report = diagnostics?.report(from: peer, to: original), let uid = report.uid else {
            if peer.address.isLoopback { unseen += 1 }
            return OwnerKey(peer.address)
        }
        return .local(uid: uid, cgroup: report.cgroup ?? 0)
    }

    /// Bytes that the client's kernel holds and its app has not read; nil where this kernel does not know.
    func unread(by connection: Connection) -> Int? {
        guard let original = connection.original, let peer = connection.peer.endpoint else {
            return unread(by: connection.peer, at: connection.watch.descriptor)
        }
        return diagnostics?.report(from: peer, to: original)?.receiveQueue
    }

    /// By what the client's process is found; adds to what is known of others.
    func find(_ connection: Connection, _ holders: inout Holders) {
        guard let original = connection.original, let peer = connection.peer.endpoint else {
            return find(connection.peer, at: connection.watch.descriptor, &holders)
        }
        guard let inode = diagnostics?.report(from: peer, to: original)?.inode else {
            holders.isWhole = false
            return
        }
        holders.inodes.insert(inode)
    }
}
