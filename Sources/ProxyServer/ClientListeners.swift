import Basics
import Dialling
import Reactor

/// The sockets on which apps are served. They stop accepting while there is no room (the backlog
/// keeps newcomers), for a moment when descriptors are out, while another process accepts, and for good when the
/// process stops.
final class ClientListeners {
    private struct Entry {
        var socket: ListeningSocket
        var listener: Listener
    }

    private let loop: EventLoop
    private var entries: [Entry] = []
    private var retry: LoopTimer?
    /// The engine has no room.
    private var isFull = false
    /// accept(2) found no descriptor; nothing is tried before the timer.
    private var isExhausted = false
    /// Another process accepts as yet.
    private var isHeld = false
    private static let pauseAfterExhaustion = Interval.milliseconds(100)

    /// Told of each accepted socket, which it owns.
    var onAccept: (Int32, Peer) -> Void = { _, _ in }
    /// Told that accept(2) found no descriptor or memory, with the errno.
    var onExhausted: (Int32) -> Void = { _ in }

    init(loop: EventLoop) {
        self.loop = loop
        retry = LoopTimer(loop: loop) { [unowned self] in
            isExhausted = false
            update()
        }
    }

    deinit { close(servesBacklog: false) }

    /// Listens on these sockets, which it owns, instead of those so far. What waits in the backlog of one that goes
    /// is accepted first.
    func listen(on sockets: [ListeningSocket], _ detection: DeadPeerDetection) {
        let former = entries
        entries = sockets.map { socket in
            former.first { $0.socket == socket }
                ?? Entry(socket: socket, listener: listener(on: socket.descriptor))
        }
        for entry in former where !sockets.contains(entry.socket) { end(entry, servesBacklog: true) }
        reconfigure(detection)
        update()
    }

    private func listener(on descriptor: Int32) -> Listener {
        let listener = Listener(
            loop: loop,
            descriptor: descriptor,
            onAccept: { [unowned self] in onAccept($0, $1) },
            onExhausted: { [unowned self] in exhausted($0) }
        )
        if isFull || isExhausted || isHeld { listener.pause() }
        return listener
    }

    /// Where apps are served, for people; the port is the real one where the settings said 0.
    var places: [String] {
        var places: [String] = []
        // One address may have several sockets.
        for entry in entries where !places.contains(entry.socket.place.description) {
            places.append(entry.socket.place.description)
        }
        return places
    }

    /// The addresses among them.
    var endpoints: [Endpoint] { entries.compactMap(\.socket.place.endpoint) }

    /// New connections get other options from now on.
    func reconfigure(_ detection: DeadPeerDetection) {
        // A Unix socket has no dead peers to look for.
        for entry in entries where entry.socket.place.endpoint != nil {
            detection.apply(to: entry.socket.descriptor)
        }
    }

    /// Accepts only while there is room.
    func setRoom(_ hasRoom: Bool) {
        if isFull == !hasRoom { return }
        isFull = !hasRoom
        update()
    }

    /// Leaves it to another process to accept.
    func setHeld(_ isHeld: Bool) {
        self.isHeld = isHeld
        update()
    }

    /// Stops listening.
    ///
    /// - Parameter servesBacklog: accept first what waits in the backlogs that end with this process. What the service
    ///   manager keeps open is left to the next one.
    func close(servesBacklog: Bool) {
        let former = entries
        entries = []
        for entry in former { end(entry, servesBacklog: servesBacklog) }
    }

    /// Lets go of the sockets, which another process has by now, and their files with them.
    func release() {
        for entry in entries { entry.listener.close() }
        entries = []
    }

    private func end(_ entry: Entry, servesBacklog: Bool) {
        // The file goes first, while nobody can take it for a stale one.
        entry.socket.file?.remove()
        if servesBacklog && !entry.socket.isKeptByManager { entry.listener.acceptBacklog() }
        entry.listener.close()
    }

    private func exhausted(_ code: Int32) {
        isExhausted = true
        retry?.arm(at: loop.now + ClientListeners.pauseAfterExhaustion)
        update()
        onExhausted(code)
    }

    private func update() {
        for entry in entries {
            if isFull || isExhausted || isHeld { entry.listener.pause() } else { entry.listener.resume() }
        }
    }
}
