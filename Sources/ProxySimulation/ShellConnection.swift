import Basics
import ProxyCore

/// Who counts towards `max_per_destination`.
struct OriginKey: Hashable {
    var host: String
    var port: UInt16
    var isTunnel: Bool
    var isIntercepted = false
}

/// What the shell holds of one connection: bytes that the engine has not consumed, and bytes that the
/// kernel has not taken.
final class ShellConnection {
    let id: ConnectionID
    let link: Link
    /// Destination, for upstream connections.
    let key: OriginKey?
    /// Read and not consumed by the engine.
    var held = ByteQueue()
    var isPaused = false
    /// Accepted by `send` or `forward`, not yet by the kernel.
    var pending = ByteQueue()
    var isStallReported = false
    var wantsFinish = false
    var isEndReported = false
    var hasFailed = false
    var isOpen = true
    var isReadScheduled = false
    /// Reading was resumed, and what is held has not been offered since.
    var isOfferDue = false
    /// When bytes were first sent into a dead flow.
    var silentSince: MonotonicTime?

    init(id: ConnectionID, link: Link, key: OriginKey?) {
        self.id = id
        self.link = link
        self.key = key
    }

    /// Lets go of what holds this object, at the end of the run.
    func cut() {
        link.toProxy.onReadable = {}
        link.toPeer.onWritable = {}
    }
}
