import Basics
import Dialling
import Reactor

/// The sockets on which apps are served. They stop accepting while there is no room (the backlog
/// keeps newcomers), for a moment when descriptors are out, and for good when the process stops.
final class ClientListeners {
    private let loop: EventLoop
    private var listeners: [Listener] = []
    /// Of the listeners on addresses: a Unix socket has no dead peers to look for.
    private var descriptors: [Int32] = []
    private var files: [SocketFile] = []
    /// Where apps are served, for people; the port is the real one where the settings said 0.
    private(set) var places: [String] = []
    private var retry: LoopTimer?
    /// The engine has no room.
    private var isFull = false
    /// accept(2) found no descriptor; nothing is tried before the timer.
    private var isExhausted = false
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

    deinit { close() }

    /// Listens on one more address; returns the socket, which stays the listener's.
    @discardableResult
    func listen(on endpoint: Endpoint, _ detection: DeadPeerDetection) throws(SystemError) -> Int32 {
        let descriptor = try Sockets.listen(on: endpoint, backlog: 4096)
        detection.apply(to: descriptor)
        descriptors.append(descriptor)
        serve(descriptor, "\(Sockets.localEndpoint(descriptor) ?? endpoint)")
        return descriptor
    }

    /// Listens on a Unix socket as well.
    func listen(at path: String, mode: UInt32) throws(SystemError) {
        let (descriptor, file) = try SocketFile.listen(at: path, mode: mode, backlog: 4096)
        files.append(file)
        serve(descriptor, "unix:\(path)")
    }

    private func serve(_ descriptor: Int32, _ place: String) {
        places.append(place)
        listeners.append(
            Listener(
                loop: loop,
                descriptor: descriptor,
                onAccept: { [unowned self] in onAccept($0, $1) },
                onExhausted: { [unowned self] in exhausted($0) }
            )
        )
    }

    /// The addresses among them.
    var endpoints: [Endpoint] { descriptors.compactMap { Sockets.localEndpoint($0) } }

    /// New connections get other options from now on.
    func reconfigure(_ detection: DeadPeerDetection) {
        for descriptor in descriptors { detection.apply(to: descriptor) }
    }

    /// Accepts only while there is room.
    func setRoom(_ hasRoom: Bool) {
        if isFull == !hasRoom { return }
        isFull = !hasRoom
        update()
    }

    /// Stops listening. Files go first, while nobody can take them for stale ones.
    func close() {
        for file in files { file.remove() }
        files = []
        places = []
        for listener in listeners { listener.close() }
        listeners = []
        descriptors = []
    }

    private func exhausted(_ code: Int32) {
        isExhausted = true
        retry?.arm(at: loop.now + ClientListeners.pauseAfterExhaustion)
        update()
        onExhausted(code)
    }

    private func update() {
        for listener in listeners {
            if isFull || isExhausted { listener.pause() } else { listener.resume() }
        }
    }
}
