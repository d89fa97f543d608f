import Basics
import Dialling
import Glibc
import Logging
import Reactor
import Settings

/// Takes the connections that the kernel redirects here: finds out where each was meant to go, and refuses
/// those that must not be served. An app cannot be told why, as it knows of no proxy; so the log is.
final class Interceptor {
    /// Why a connection is refused.
    private enum Refusal: String {
        case notRedirected = "it was not redirected: apps are served on listen, not on redirect.listen"
        case leadsHere = "it was meant for weir itself"
        case isOurs = "it is weir's own: the rules must let pass its mark, its user or its control group"
    }

    private struct Returned {
        var descriptor: Int32
        var peer: Endpoint
        var original: Endpoint
        var refusal: Refusal
        var at: MonotonicTime
    }

    /// Told of each connection that is served: socket, client, and where it was meant to go.
    var onAccept: (Int32, Endpoint, Endpoint) -> Void = { _, _, _ in }
    /// Told that accept(2) found no descriptor or memory, with the errno.
    var onExhausted: (Int32) -> Void = { _ in } {
        didSet { listeners.onExhausted = onExhausted }
    }
    /// Connections that were refused.
    private(set) var refused = 0
    /// Whether every listener takes connections to addresses that are not this host's.
    private(set) var isTransparent = true
    /// Where connections are taken; nowhere where there is none.
    private(set) var endpoints: [Endpoint] = []
    private let loop: EventLoop
    private let listeners: ClientListeners
    private let log: Logger
    private let diagnostics: SocketDiagnostics?
    /// weir's listeners of every kind.
    private var ownListeners: [Endpoint] = []
    /// Asked by whoever dials as well.
    let loops = LoopDetection()
    /// Connections that whoever dialled them is about to take back: weir itself, or a look whether it listens.
    private var returned: [Returned] = []
    private var returnTimer: LoopTimer?
    private static let mostReturned = 64
    private static let patience = Interval.milliseconds(100)
    private var quietUntil = MonotonicTime.zero
    private static let pauseBetweenWarnings = Interval.seconds(60)

    /// Listens nowhere yet.
    init(loop: EventLoop, diagnostics: SocketDiagnostics?, log: Logger) {
        self.diagnostics = diagnostics
        self.loop = loop
        self.log = log
        listeners = ClientListeners(loop: loop)
        listeners.onAccept = { [unowned self] descriptor, peer in
            if let peer = peer.endpoint { accepted(descriptor, peer) } else { Sockets.close(descriptor) }
        }
        returnTimer = LoopTimer(loop: loop) { [unowned self] in closeReturned() }
    }

    /// Whether the settings can do without one of their addresses: that of IPv6, where the kernel runs without and
    /// there is another.
    static func mayLack(_ address: ListenAddress, _ error: SystemError, _ settings: Settings) -> Bool {
        guard case .network(let endpoint) = address, settings.redirect.listen.count > 1 else { return false }
        let hasNoSuchAddress = error.code == EADDRNOTAVAIL || error.code == EAFNOSUPPORT
        return hasNoSuchAddress && endpoint.address.isIPv6 && settings.redirect.listen.contains(endpoint)
    }

    /// Listens on these sockets, which it owns, instead of those so far. No connection may lead to them, nor to
    /// `others`.
    func listen(on sockets: [ListeningSocket], others: [Endpoint], _ detection: DeadPeerDetection) {
        listeners.listen(on: sockets, detection)
        isTransparent = sockets.allSatisfy { Sockets.setTransparent($0.descriptor) }
        endpoints = listeners.endpoints
        loops.listens(on: endpoints)
        ownListeners = endpoints + others
    }

    /// Accepts only while there is room.
    func setRoom(_ hasRoom: Bool) { listeners.setRoom(hasRoom) }

    /// New connections get other options from now on.
    func reconfigure(_ detection: DeadPeerDetection) { listeners.reconfigure(detection) }

    /// Leaves it to another process to accept.
    func setHeld(_ isHeld: Bool) { listeners.setHeld(isHeld) }

    /// Lets go of the sockets, which another process has by now.
    func release() { listeners.release() }

    /// Stops listening.
    func close(servesBacklog: Bool) {
        listeners.close(servesBacklog: servesBacklog)
        for connection in returned { Sockets.closeWithReset(connection.descriptor) }
        returned = []
    }

    private func accepted(_ descriptor: Int32, _ peer: Endpoint) {
        // Nothing to serve where the client has left already, as weir does itself with what came back to it.
        guard Sockets.peerEndpoint(descriptor) != nil,
            let original = Sockets.originalDestination(descriptor)
        else {
            return Sockets.closeWithReset(descriptor)
        }
        switch refusal(of: peer, to: original) {
        case nil: onAccept(descriptor, peer, original)
        case let refusal? where refusal != .leadsHere:
            // A reset would reach the dialer before it has found out, and look like the origin's. And who only
            // looks whether somebody listens is gone again at once.
            let connection = Returned(
                descriptor: descriptor,
                peer: peer,
                original: original,
                refusal: refusal,
                at: loop.now
            )
            returned.append(connection)
            closeReturned()
        case let refusal?:
            Sockets.closeWithReset(descriptor)
            warn(refusal, peer, original)
        }
    }

    /// Closes what came back, oldest first, as far as it was taken back. What was not for some time was not
    /// expected to come.
    private func closeReturned() {
        while let oldest = returned.first {
            let isStanding = Sockets.peerEndpoint(oldest.descriptor) != nil
            let isOverdue =
                loop.now.since(oldest.at) >= Interceptor.patience || returned.count > Interceptor.mostReturned
            if isStanding && !isOverdue { break }
            returned.removeFirst()
            Sockets.closeWithReset(oldest.descriptor)
            if isStanding { warn(oldest.refusal, oldest.peer, oldest.original) }
        }
        returnTimer?.arm(at: returned.first.map { $0.at + Interceptor.patience } ?? .never)
    }

    private func refusal(of peer: Endpoint, to original: Endpoint) -> Refusal? {
        for listener in ownListeners where listener.port == original.port {
            guard listener.address == original.address || leadsHere(original.address, by: listener.address)
            else { continue }
            return endpoints.contains(listener) ? .notRedirected : .leadsHere
        }
        return loops.isOurs(peer) ? .isOurs : nil
    }

    /// Who listens on all addresses listens on this one, if it is this host's.
    private func leadsHere(_ address: Endpoint.Address, by listener: Endpoint.Address) -> Bool {
        listener.isUnspecified && listener.isIPv6 == address.isIPv6 && Sockets.isLocal(address)
    }

    private func warn(_ refusal: Refusal, _ peer: Endpoint, _ original: Endpoint) {
        refused += 1
        if loop.now < quietUntil { return }
        quietUntil = loop.now + Interceptor.pauseBetweenWarnings
        log.warning(
            "redirected connection refused",
            metadata: [
                "client": "\(peer)", "destination": "\(original)", "reason": "\(refusal.rawValue)",
                "refused": "\(refused)",
            ]
        )
    }
}
