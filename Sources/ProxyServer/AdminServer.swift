import Basics
import Dialling
import Reactor
import Telemetry

/// Serves the pages and takes the orders of `AdminRoute` on the data plane's own loop: a bounded number of connections,
/// one request each, in bounded time, never waiting for a peer.
final class AdminServer {
    /// Connections at once; further ones wait in the backlog.
    static let maxConnections = 32
    /// After accept(2) found no descriptor.
    private static let pause = Interval.seconds(1)
    /// A buffer that a large page has blown up beyond this is given back.
    private static let keptCapacity = 32 * 1024

    private let loop: EventLoop
    private let timeout: Interval
    private weak var pages: (any AdminPages)?
    private var listeners: [(socket: ListeningSocket, listener: Listener)] = []
    /// Another process accepts as yet.
    private var isHeld = false
    /// Whom to answer, from the next request on.
    var guardian: AdminGuard
    private var connections = [AdminConnection?](repeating: nil, count: maxConnections)
    private var deadlines = DeadlineQueues(lanes: 1)
    private var resumesAt = MonotonicTime.never
    private var timer: LoopTimer?
    private var response = ByteBuffer()
    /// Connections now.
    private(set) var connectionCount = 0

    /// Serves nowhere yet. `pages` is not retained.
    ///
    /// - Parameter timeout: from accept to the end of a connection, whatever it does.
    init(
        loop: EventLoop,
        guardian: AdminGuard,
        pages: any AdminPages,
        timeout: Interval = .seconds(5)
    ) {
        self.loop = loop
        self.timeout = timeout
        self.pages = pages
        self.guardian = guardian
        timer = LoopTimer(loop: loop) { [unowned self] in deadlinePassed() }
    }

    deinit { close() }

    /// Listens on these sockets, which it owns, instead of those so far; connections go on.
    func listen(on sockets: [ListeningSocket]) {
        let former = listeners
        listeners = sockets.map { socket in
            former.first { $0.socket == socket } ?? (socket, listener(on: socket.descriptor))
        }
        for entry in former where !sockets.contains(entry.socket) {
            entry.listener.acceptBacklog()
            end(entry)
        }
        update()
    }

    private func listener(on descriptor: Int32) -> Listener {
        Listener(
            loop: loop,
            descriptor: descriptor,
            batch: 8,
            onAccept: { [unowned self] descriptor, _ in accepted(descriptor) },
            onExhausted: { [unowned self] _ in pauseAccepting() }
        )
    }

    private func end(_ entry: (socket: ListeningSocket, listener: Listener)) {
        entry.socket.file?.remove()
        entry.listener.close()
    }

    /// Where it listens; the port is the real one where the kernel chose it.
    var places: [SocketPlace] { listeners.map(\.socket.place) }

    /// Leaves it to another process to accept.
    func setHeld(_ isHeld: Bool) {
        self.isHeld = isHeld
        update()
    }

    /// Lets go of the sockets, which another process has by now; connections go on.
    func release() {
        for entry in listeners { entry.listener.close() }
        listeners = []
    }

    /// Stops listening and cuts the connections.
    func close() {
        for entry in listeners { end(entry) }
        listeners = []
        for connection in connections { if let connection { end(connection, reset: true) } }
        timer = nil
    }

    private func update() {
        let isPaused = isHeld || connectionCount >= Self.maxConnections || resumesAt != .never
        for entry in listeners { if isPaused { entry.listener.pause() } else { entry.listener.resume() } }
    }

    // MARK: Events

    private func accepted(_ descriptor: Int32) {
        guard let slot = connections.firstIndex(where: { $0 == nil }),
            let connection = AdminConnection(
                loop: loop,
                slot: slot,
                descriptor: descriptor,
                onReady: { [unowned self] in ready($0, readable: $1, writable: $2) }
            )
        else {
            Sockets.closeWithReset(descriptor)
            return
        }
        connections[slot] = connection
        connectionCount += 1
        deadlines.arm(UInt32(slot), lane: 0, at: loop.now + timeout)
        if connectionCount == Self.maxConnections { update() }
        rearm()
    }

    private func pauseAccepting() {
        resumesAt = loop.now + Self.pause
        update()
        rearm()
    }

    private func ready(_ connection: AdminConnection, readable: Bool, writable: Bool) {
        if writable { flush(connection) }
        if readable && connections[connection.slot] === connection { read(connection) }
    }

    private func deadlinePassed() {
        let now = loop.now
        while let slot = deadlines.popExpired(at: now)?.slot {
            if let connection = connections[Int(slot)] { end(connection, reset: true) }
        }
        if resumesAt <= now {
            resumesAt = .never
            update()
        }
        rearm()
    }

    private func rearm() { timer?.arm(at: min(deadlines.next, resumesAt)) }

    private func read(_ connection: AdminConnection) {
        let isHead = connection.phase == .readingHead
        let result = isHead ? connection.request.receive(from: connection.descriptor) : discard(connection)
        switch result {
        case .wouldBlock: break
        case .failed: end(connection, reset: true)
        case .endOfFile: peerFinished(connection)
        case .bytes:
            guard isHead else { return }
            switch connection.request.read(guardian) {
            case .incomplete: break
            case .page(let page, let isHead): answer(connection, page, isHead: isHead)
            case .order(let order):
                perform(order, for: connection)
            case .refused(let status, let reason, let allow):
                answer(connection, status, "\(reason)\n", allow: allow)
            }
        }
    }

    private func discard(_ connection: AdminConnection) -> ReadResult {
        var scratch = [UInt8](repeating: 0, count: 4096)
        var room = scratch.mutableSpan
        return Sockets.receive(connection.descriptor, into: &room)
    }

    private func peerFinished(_ connection: AdminConnection) {
        guard connection.phase == .sending || connection.phase == .waiting else {
            return end(connection, reset: false)
        }
        // A half-closed peer still wants its answer; the end of file would be reported for ever.
        connection.peerFinished = true
        connection.watch.setReading(false)
    }

    // MARK: Answers

    private func answer(_ connection: AdminConnection, _ page: AdminPage, isHead: Bool) {
        guard let pages else { return answer(connection, 503, "stopped\n", isHead: isHead) }
        switch page {
        case .health:
            let isDraining = pages.isDraining
            answer(connection, isDraining ? 503 : 200, isDraining ? "draining\n" : "ok\n", isHead: isHead)
        case .page: send(connection, PageAssets.html, page, isHead)
        case .script: send(connection, PageAssets.script, page, isHead)
        case .style: send(connection, PageAssets.style, page, isHead)
        case .metrics: show(.metrics, page, connection, isHead)
        case .status: show(.status, page, connection, isHead)
        case .leaks: show(.leaks, page, connection, isHead)
        case .overview: show(.overview, page, connection, isHead)
        case .history: show(.history, page, connection, isHead)
        }
    }

    private func show(
        _ figures: AdminFigures,
        _ page: AdminPage,
        _ connection: AdminConnection,
        _ isHead: Bool
    ) {
        connection.phase = .waiting
        pages?.show(figures) { [weak self, weak connection] content in
            guard let self, let connection, isWaiting(connection) else { return }
            if let content {
                send(connection, 200, page.contentType, content, isHead: isHead)
            } else {
                answer(connection, 503, "not all workers answer\n", isHead: isHead)
            }
        }
    }

    private func perform(_ order: AdminOrder, for connection: AdminConnection) {
        guard let pages else { return answer(connection, 503, "stopped\n") }
        connection.phase = .waiting
        pages.perform(order) { [weak self, weak connection] status, text in
            guard let self, let connection, isWaiting(connection) else { return }
            answer(connection, status, "\(text)\n")
        }
    }

    /// It may have ended meanwhile.
    private func isWaiting(_ connection: AdminConnection) -> Bool {
        connections[connection.slot] === connection && connection.phase == .waiting
    }

    private func answer(
        _ connection: AdminConnection,
        _ status: UInt16,
        _ text: String,
        allow: String? = nil,
        isHead: Bool = false
    ) {
        var content = ByteBuffer()
        content.append(text)
        send(connection, status, AdminPage.health.contentType, content, allow: allow, isHead: isHead)
    }

    private func send(_ connection: AdminConnection, _ bytes: [UInt8], _ page: AdminPage, _ isHead: Bool) {
        var content = ByteBuffer()
        content.append(bytes.span)
        send(connection, 200, page.contentType, content, isHead: isHead)
    }

    private func send(
        _ connection: AdminConnection,
        _ status: UInt16,
        _ contentType: String,
        _ content: ByteBuffer,
        allow: String? = nil,
        isHead: Bool
    ) {
        response.removeAll()
        AdminResponse.write(
            status,
            contentType: contentType,
            content,
            allow: allow,
            isHead: isHead,
            to: &response
        )
        connection.output.append(response, 0..<response.count)
        if response.capacity > Self.keptCapacity { response.release() }
        connection.phase = .sending
        flush(connection)
    }

    private func flush(_ connection: AdminConnection) {
        switch connection.output.write(to: connection.descriptor) {
        case .failed: end(connection, reset: true)
        case .pending:
            if !connection.watch.setWriting(true) { end(connection, reset: true) }
        case .flushed:
            connection.watch.setWriting(false)
            if connection.peerFinished { return end(connection, reset: false) }
            connection.phase = .lingering
            Sockets.shutdownWrite(connection.descriptor)
        }
    }

    private func end(_ connection: AdminConnection, reset: Bool) {
        connections[connection.slot] = nil
        connectionCount -= 1
        deadlines.disarm(UInt32(connection.slot))
        connection.close(reset: reset)
        // Not while out of descriptors: the timer resumes then.
        if connectionCount == Self.maxConnections - 1 { update() }
    }
}

extension AdminPage {
    /// What Content-Type says of it.
    fileprivate var contentType: String {
        switch self {
        case .page: "text/html; charset=utf-8"
        case .script: "text/javascript; charset=utf-8"
        case .style: "text/css; charset=utf-8"
        case .health: "text/plain; charset=utf-8"
        case .metrics: PrometheusText.contentType
        case .status: StatusJSON.contentType
        case .leaks: LeaksJSON.contentType
        case .overview: OverviewJSON.contentType
        case .history: History.contentType
        }
    }
}
