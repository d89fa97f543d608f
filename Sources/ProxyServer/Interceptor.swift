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
    /// Where connections are taken.
    let endpoints: [Endpoint]
    private let loop: EventLoop
    private let listeners: ClientListeners
    private let log: Logger
    /// weir's listeners of every kind.
    private var ownListeners: [Endpoint] = []
    private var ownSockets = OwnSockets()
    private var quietUntil = MonotonicTime.zero
    private static let pauseBetweenWarnings = Interval.seconds(60)

    /// Listens on the addresses of the settings; nil where there is none. An address of IPv6 may be missing
    /// where the kernel runs without, as long as there is another.
    init?(loop: EventLoop, settings: Settings, log: Logger) throws(SystemError) {
        if settings.redirect.listen.isEmpty { return nil }
        self.loop = loop
        self.log = log
        listeners = ClientListeners(loop: loop)
        let places = settings.redirect.listen.compactMap { Endpoint($0) }
        for endpoint in places {
            do throws(SystemError) {
                let descriptor = try listeners.listen(on: endpoint, DeadPeerDetection(settings.tcp))
                isTransparent = Sockets.setTransparent(descriptor) && isTransparent
            } catch {
                let hasNoSuchAddress = error.code == EADDRNOTAVAIL || error.code == EAFNOSUPPORT
                guard hasNoSuchAddress, endpoint.address.isIPv6, places.count > 1 else { throw error }
                log.info("no redirected connections over IPv6", metadata: ["reason": "\(error)"])
            }
        }
        endpoints = listeners.endpoints
        listeners.onAccept = { [unowned self] descriptor, peer in
            if let peer = peer.endpoint { accepted(descriptor, peer) } else { Sockets.close(descriptor) }
        }
    }

    /// Names the other listeners, to which no connection may lead.
    func forbid(_ others: [Endpoint]) { ownListeners = endpoints + others }

    /// A socket is on its way to an origin: were it redirected here, it would go round for ever.
    func dialled(_ descriptor: Int32) { ownSockets.note(descriptor) }

    /// Accepts only while there is room.
    func setRoom(_ hasRoom: Bool) { listeners.setRoom(hasRoom) }

    /// New connections get other options from now on.
    func reconfigure(_ detection: DeadPeerDetection) { listeners.reconfigure(detection) }

    /// Stops listening.
    func close() { listeners.close() }

    private func accepted(_ descriptor: Int32, _ peer: Endpoint) {
        guard let original = Sockets.originalDestination(descriptor) else {
            // The client has left already.
            return Sockets.closeWithReset(descriptor)
        }
        if let refusal = refusal(of: peer, to: original) {
            Sockets.closeWithReset(descriptor)
            return warn(refusal, peer, original)
        }
        onAccept(descriptor, peer, original)
    }

    private func refusal(of peer: Endpoint, to original: Endpoint) -> Refusal? {
        for listener in ownListeners where listener.port == original.port {
            guard listener.address == original.address || leadsHere(original.address, by: listener.address)
            else { continue }
            return endpoints.contains(listener) ? .notRedirected : .leadsHere
        }
        return ownSockets.contains(peer) ? .isOurs : nil
    }

    /// Who listens on all addresses listens on this one, if it is this host's.
    private func leadsHere(_ address: Endpoint.Address, by listener: Endpoint.Address) -> Bool {
        switch (listener, address) {
        case (.v4(0), .v4), (.v6(0, 0, _), .v6): Sockets.isLocal(address)
        default: false
        }
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
