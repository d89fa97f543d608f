import Basics
import ClientPolicy
import ProxyCore
import Reactor

// What the kernel knows of the apps at the far ends.
extension DataPlane {
    /// Bytes that the app at the far end of a client connection has not read.
    func unread(at id: SlotID) -> Int? {
        guard let connection = find(.client(id)) else { return nil }
        return identity.unread(by: connection)
    }

    /// By what an owner's processes are found: the far ends of some of its connections.
    func holders(of owner: SlotID, limit: Int) -> Holders {
        var holders = Holders()
        for id in engine.policy.connections(of: owner, limit: limit) {
            guard let connection = find(.client(id)) else { continue }
            identity.find(connection, &holders)
        }
        return holders
    }

    /// By what the processes are found that hold the connections which speak against an owner, and which of these
    /// are unread. A few microseconds for each.
    func evidence(against owner: SlotID) -> (holders: Holders, unread: [SlotID]) {
        var holders = Holders()
        var unread: [SlotID] = []
        for id in engine.suspects(of: owner, limit: ClientPolicy.mostClients) {
            guard let connection = find(.client(id)) else { continue }
            if identity.find(connection, &holders) ?? 0 > 0 { unread.append(id) }
        }
        return (holders, unread)
    }

    /// What became known of a suspect. Not while actions are carried out.
    func inquired(into owner: SlotID, clients: Int?, unread: [SlotID]) {
        engine.inquired(into: owner, clients: clients, unread: unread, now: loop.now)
        perform()
        settle()
    }
}
