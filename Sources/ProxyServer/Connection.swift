import ClientPolicy
import Dialling
import ProxyCore
import Reactor

/// One socket that the engine knows by an id: what the shell keeps for it, and nothing that decides. Kept small:
/// tens of thousands may lie idle. 128 bytes of memory, and as many for libevent's event.
final class Connection: SocketWatch {
    /// By which way a client came, where that matters later; the few that bring something along have it elsewhere.
    private enum Arrival {
        case plain
        indirect case local(OwnerKey)
        indirect case redirected(Endpoint)
    }

    /// The far end, for logs.
    let peer: Peer
    /// The engine does not want to be offered anything.
    var isPaused = false
    /// The engine was told that output is pending.
    var isStalled = false
    /// Send FIN when nothing is pending any more.
    var finishesWhenFlushed = false
    /// A write failed; the engine has been, or is about to be, told.
    var isBroken = false
    var isClosed = false
    /// The last read brought `DataPlane.firstRead` or more.
    var pours = false
    /// Bytes that the kernel took of what is pending since the engine was last told.
    var flushed: Int32 = 0
    private let arrival: Arrival
    /// What the kernel would not take yet.
    var output = OutputQueue()
    /// Bytes that the engine has not consumed, to be offered again with more.
    var unconsumed: [UInt8] = []

    var id: ConnectionID { ConnectionID(token: token) }

    /// The owner of a client over a Unix socket, which is counted by it.
    var localOwner: OwnerKey? { if case .local(let owner) = arrival { owner } else { nil } }

    /// Where an intercepted client wanted to go; nil for all others.
    var original: Endpoint? { if case .redirected(let original) = arrival { original } else { nil } }

    init(
        id: ConnectionID,
        loop: EventLoop,
        descriptor: Int32,
        peer: Peer,
        localOwner: OwnerKey? = nil,
        original: Endpoint? = nil
    ) {
        self.peer = peer
        // Nobody is redirected over a Unix socket.
        arrival = localOwner.map(Arrival.local) ?? original.map(Arrival.redirected) ?? .plain
        super.init(loop: loop, descriptor: descriptor, token: id.token)
    }
}
