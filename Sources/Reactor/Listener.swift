public import Dialling
internal import Glibc

/// Accepts connections from one listening socket, a batch per turn, so that a storm of new ones leaves time
/// for those that are there. Out of descriptors or memory it reports and pauses: the backlog keeps the
/// connections, and a level-triggered listener that went on would only spin.
public final class Listener {
    private let descriptor: Int32
    private let batch: Int
    private let onAccept: (Int32, Peer) -> Void
    private let onExhausted: (Int32) -> Void
    private var watch: DescriptorWatch?

    /// Connections that their clients gave up before they could be accepted, or that failed in the network.
    public private(set) var abortedCount: UInt64 = 0

    /// Starts accepting. The listener owns the descriptor from here on.
    ///
    /// - Parameters:
    ///   - batch: how many connections are accepted in one turn, 1 or more.
    ///   - onAccept: is given each new connection, which it owns, and its peer.
    ///   - onExhausted: is given EMFILE, ENFILE, ENOBUFS, ENOMEM (or an error never seen); the listener has
    ///     paused, and whoever knows when there may be room calls ``resume()``.
    public init(
        loop: EventLoop,
        descriptor: Int32,
        batch: Int = 64,
        onAccept: @escaping (Int32, Peer) -> Void,
        onExhausted: @escaping (Int32) -> Void
    ) {
        precondition(batch > 0)
        self.descriptor = descriptor
        self.batch = batch
        self.onAccept = onAccept
        self.onExhausted = onExhausted
        watch = DescriptorWatch(loop: loop, descriptor: descriptor) { [unowned self] _, _ in acceptBatch() }
        resume()
    }

    deinit { close() }

    /// Where it listens: tells the port that the kernel chose. Nil once closed, and for a Unix socket.
    public var endpoint: Endpoint? { watch == nil ? nil : Sockets.localEndpoint(descriptor) }

    /// Whether new connections are being accepted.
    public var isAccepting: Bool { watch?.isReading ?? false }

    /// Leaves new connections in the backlog.
    public func pause() { watch?.setReading(false) }

    /// Accepts again.
    public func resume() {
        if watch?.setReading(true) == false { onExhausted(ENOSPC) }
    }

    /// Stops listening; connections in the backlog are reset by the kernel, unless another process has the socket
    /// open too.
    public func close() {
        guard let watch else { return }
        watch.invalidate()
        self.watch = nil
        Sockets.close(descriptor)
    }

    /// Accepts what waits in the backlog now, up to `limit`: their clients were let in by the kernel, and may have
    /// sent their requests already.
    public func acceptBacklog(limit: Int = 4096) {
        withExtendedLifetime(self) {
            for _ in 0..<limit where watch != nil {
                switch Sockets.accept(descriptor) {
                case .wouldBlock: return
                case .accepted(let connection, let peer): onAccept(connection, peer)
                case .failed(let code) where Listener.isOfConnection(code): abortedCount += 1
                case .failed: return
                }
            }
        }
    }

    private func acceptBatch() {
        // The owner may pause, close or release this listener from within its callbacks.
        withExtendedLifetime(self) {
            for _ in 0..<batch where isAccepting {
                switch Sockets.accept(descriptor) {
                case .wouldBlock: return
                case .accepted(let connection, let peer): onAccept(connection, peer)
                case .failed(let code): handleFailure(code)
                }
            }
        }
    }

    private func handleFailure(_ code: Int32) {
        if Listener.isOfConnection(code) {
            abortedCount += 1
        } else {
            pause()
            onExhausted(code)
        }
    }

    /// accept(2): errors of the new connection itself, already pending on it, and EPERM from a firewall.
    private static func isOfConnection(_ code: Int32) -> Bool {
        switch code {
        case ECONNABORTED, EPERM, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP,
            ENETUNREACH, ETIMEDOUT, ECONNRESET:
            true
        default: false
        }
    }
}
