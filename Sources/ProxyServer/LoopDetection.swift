import Dialling
import Reactor
import Synchronization

/// Knows the connections that this process has dialled, and where it takes redirected ones: the dialers of all workers
/// and the interceptor ask it whether one leads to the other. There is nobody to ask where nothing is redirected here.
final class LoopDetection: Sendable {
    private struct State {
        var endpoints: [Endpoint] = []
        var sockets = OwnSockets()
    }

    private let state = Mutex(State())

    /// Redirected connections are taken here from now on.
    func listens(on endpoints: [Endpoint]) { state.withLock { $0.endpoints = endpoints } }

    /// A socket is on its way to an origin: were it redirected here, it would go round for ever.
    func dialled(_ descriptor: Int32) { state.withLock { $0.sockets.note(descriptor) } }

    /// Whether the far end of a connection is one that was dialled here.
    func isOurs(_ peer: Endpoint) -> Bool { state.withLock { $0.sockets.contains(peer) } }

    /// Whether a connection that was dialled leads here: its other end, accepted or not, is this process' own.
    func comesBack(_ descriptor: Int32, _ diagnostics: SocketDiagnostics?) -> Bool {
        guard let diagnostics, let local = Sockets.localEndpoint(descriptor) else { return false }
        return state.withLock { $0.endpoints }.contains { listener in
            guard listener.address.isIPv6 == local.address.isIPv6 else { return false }
            let here = Endpoint(address: listener.address.reachedLocally, port: listener.port)
            // Not what is left of an app's connection from that port, whose end is in TIME_WAIT here.
            switch diagnostics.report(from: here, to: local)?.state {
            case .established, .synReceived, .newSynReceived: return true
            default: return false
            }
        }
    }
}
