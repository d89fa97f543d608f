import ClientPolicy
import Dialling
import ProxyCore
import Reactor

/// One socket that the engine knows by an id: what the shell keeps for it, and nothing that decides.
final class Connection {
    let id: ConnectionID
    let watch: SocketWatch
    /// The far end, for logs.
    let peer: Peer
    /// The owner of a client over a Unix socket, which is counted by it.
    let localOwner: OwnerKey?
    /// Where an intercepted client wanted to go; nil for all others.
    let original: Endpoint?
    /// What the kernel would not take yet.
    var output = OutputQueue()
    /// Bytes that the engine has not consumed, to be offered again with more.
    var unconsumed: [UInt8] = []
    /// The last read brought `DataPlane.firstRead` or more.
    var pours = false
    /// Bytes that the kernel took of what is pending since the engine was last told.
    var flushed = 0
    /// The engine does not want to be offered anything.
    var isPaused = false
    /// The engine was told that output is pending.
    var isStalled = false
    /// Send FIN when nothing is pending any more.
    var finishesWhenFlushed = false
    /// A write failed; the engine has been, or is about to be, told.
    var isBroken = false
    var isClosed = false

    init(
        id: ConnectionID,
        loop: EventLoop,
        descriptor: Int32,
        peer: Peer,
        localOwner: OwnerKey? = nil,
        original: Endpoint? = nil
    ) {
        self.id = id
        self.peer = peer
        self.localOwner = localOwner
        self.original = original
        watch = SocketWatch(loop: loop, descriptor: descriptor, token: id.token)
    }
}
