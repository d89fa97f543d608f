import Basics
import ClientPolicy
import Dialling
import HTTPWire
import ProxyCore
import Reactor
import UpstreamPool

/// Turns every readiness event into one engine call and hands what the engine decided to `perform`.
///
/// No re-entrancy: while actions are carried out the engine is not called. What an action finds out
/// (a failed write, the answer to a check) waits in `followUps` and is the next event.
final class DataPlane: ReadinessHandler {
    /// What an action found out, told to the engine when all actions of the event are done.
    enum FollowUp {
        case failed(ConnectionID)
        case checked(UpstreamID, isSilent: Bool)
        case inspected(UpstreamID, silence: Interval)
        case unreadInspected(SlotID, unread: Int?)
        case authenticated(SlotID, LogInVerdict)
        /// Reading was resumed: offer what was left.
        case offer(ConnectionID)
    }

    let loop: EventLoop
    let dialer: Dialer
    let identity = ClientIdentity()
    let authenticator: Authenticator
    var engine: ProxyEngine
    let block: ReceiveBlock
    var writer = GatherWriter()
    /// Empty ones are closed with each sample, so that an idle process holds none.
    let pipes = SplicePipePool()
    /// By slot of the engine's ids.
    var clients: [Connection?] = []
    var upstreams: [Connection?] = []
    var followUps: [FollowUp] = []
    /// Connections that took less than all of what the present event sent.
    var stalls: [ConnectionID] = []
    /// The memory of the list of actions, while the engine has its twin.
    var taken: [Action] = []
    let closer: DescriptorCloser
    /// What is to be done for all connections is left for so long, then the sockets have their turn.
    static let longestSlice = Interval.milliseconds(1)
    private var hadRoom = true
    private var clockReadAt = MonotonicTime.zero
    private(set) var clientTrend = PortTrend()
    private(set) var upstreamTrend = PortTrend()
    private var timer: LoopTimer?
    private var sampler: LoopTimer?
    /// From an event to the sample that shows it.
    static let samplePeriod = Interval.seconds(2)
    /// Called within `samplePeriod` of every event, once for all of that time; not at all while nothing happens,
    /// so that an idle process is not woken.
    var onSample: () -> Void = {}
    /// Dials that ended with a connection.
    private(set) var dialsSucceeded = 0
    /// How long these took in all, and their connect(2) alone.
    private(set) var dialDurations = DurationHistogram()
    private(set) var connectDurations = DurationHistogram()
    /// How late deadlines were met: for so long the loop was at something else.
    private(set) var loopDelays = DurationHistogram()
    /// Dials that did not, by `Cause.rawValue`.
    private(set) var dialFailures = [Int](repeating: 0, count: Cause.allCases.count)
    /// Access records go here, with the outbox in which their text lies, and the client's address.
    var onRecord: (AccessRecord, ByteBuffer, Peer) -> Void = { _, _, _ in }
    /// Verdicts that changed go here.
    var onVerdict: (VerdictNotice) -> Void = { _ in }
    /// An owner that seems to leak is to be inquired into; `inquired` takes the answer.
    var onSuspect: (SlotID) -> Void = { _ in }
    /// Called when it has changed whether another client can be accepted, and while draining after each
    /// event, when nothing may be left.
    var onSettled: () -> Void = {}
    /// Called after each event, for whoever shows live figures; nil where nobody does.
    var onActivity: (() -> Void)?

    init(loop: EventLoop, dialer: Dialer, configuration: EngineConfiguration, seed: UInt64) {
        self.loop = loop
        self.dialer = dialer
        authenticator = Authenticator(loop: loop)
        closer = DescriptorCloser(loop: loop)
        engine = ProxyEngine(configuration: configuration, seed: seed)
        block = ReceiveBlock(restorable: DataPlane.restorable(configuration))
        followUps.reserveCapacity(64)
        timer = LoopTimer(loop: loop) { [unowned self] in deadlinePassed() }
        authenticator.onVerdict = { [unowned self] id, verdict in
            engine.authenticated(id, verdict, now: loop.now)
            perform()
            settle()
        }
        sampler = LoopTimer(loop: loop) { [unowned self] in
            pipes.closeIdle()
            onSample()
        }
        dialer.onFinished = { [unowned self] token, result in dialFinished(token, result) }
        readClock()
    }

    /// An unfinished head may be kept beside one read's worth of bytes that the engine would not take.
    private static func restorable(_ configuration: EngineConfiguration) -> Int {
        configuration.heads.headSize + 2 * ReceiveBlock.size
    }

    /// Puts other settings in force.
    func reconfigure(_ configuration: EngineConfiguration) {
        // It never shrinks: what is kept for a connection was read under the former limit, and has to fit
        // when it is offered again, if only to be refused.
        block.grow(restorable: DataPlane.restorable(configuration))
        let former = engine.configuration.access
        engine.reconfigure(configuration, now: loop.now)
        perform()
        if configuration.access != former { judgeAnew() }
        settle()
    }

    // MARK: Events

    /// Takes over an accepted socket; closes it where the engine has no room.
    func accepted(_ descriptor: Int32, _ peer: Peer) {
        let owner = identity.owner(of: peer, at: descriptor, now: loop.now)
        let localOwner = peer.endpoint == nil ? owner : nil
        let id = engine.accepted(owner: owner, isDenied: isDenied(peer), now: loop.now)
        adopt(descriptor, peer, id, localOwner: localOwner)
    }

    /// Registers what the engine has accepted, and closes what it has not.
    func adopt(
        _ descriptor: Int32,
        _ peer: Peer,
        _ id: ConnectionID?,
        localOwner: OwnerKey? = nil,
        original: Endpoint? = nil
    ) {
        guard let id else {
            Sockets.closeWithReset(descriptor)
            perform()
            settle()
            return
        }
        // A connection that had to go for this one has left its slot to it: it is closed first.
        perform()
        if let localOwner { identity.local.opened(localOwner) }
        let connection = Connection(
            id: id,
            loop: loop,
            descriptor: descriptor,
            peer: peer,
            localOwner: localOwner,
            original: original
        )
        register(connection)
        settle()
    }

    func socketReady(_ token: UInt64, readable: Bool, writable: Bool) {
        guard let connection = find(ConnectionID(token: token)) else { return }
        if writable { flushPending(connection) }
        if readable && !connection.isClosed { read(connection) }
        settle()
    }

    private func read(_ connection: Connection) {
        if connection.pours && relay(connection) { return }
        let result: ReadResult
        if connection.unconsumed.isEmpty {
            let limit = connection.pours ? ReceiveBlock.size : DataPlane.firstRead
            result = block.receive(from: connection.descriptor, atMost: limit)
        } else {
            block.restore(connection.unconsumed)
            result = block.receiveMore(from: connection.descriptor)
        }
        if case .bytes(let count) = result {
            let isFirst = !connection.pours
            connection.pours = count >= DataPlane.firstRead
            offer(connection)
            // The rest has come as well, and need not wait for the loop's next turn.
            if isFirst && connection.pours && !connection.isClosed && !connection.isPaused {
                _ = relay(connection)
            }
        } else {
            receptionEnded(connection, result)
        }
    }

    /// Offers what is in the block, until all is consumed or the engine wants more bytes or a pause.
    private func offer(_ connection: Connection) {
        let now = loop.now
        var start = 0
        while start < block.count {
            let consumed = block.withSpan(start..<block.count) {
                engine.received(connection.id, $0, now: now)
            }
            perform(spanOffset: start)
            if connection.isClosed { return }
            start += consumed
            if consumed == 0 || connection.isPaused { break }
        }
        if start < block.count {
            connection.unconsumed = block.suffix(from: start)
        } else if !connection.unconsumed.isEmpty {
            connection.unconsumed = []
        }
    }

    private func dialFinished(_ token: UInt64, _ result: Result<DialedSocket, DialFailure>) {
        let id = ConnectionID(token: token)
        switch result {
        case .success(let socket):
            guard engine.isAlive(id), find(id) == nil else {
                Sockets.closeWithReset(socket.descriptor)
                return
            }
            // The settings may have changed since it was dialled.
            if isProhibited(UpstreamID(id.id), socket.endpoint.address) {
                Sockets.closeWithReset(socket.descriptor)
                dialFailed(id, .prohibited)
                return settle()
            }
            dialsSucceeded += 1
            dialDurations.note(socket.dialDuration)
            connectDurations.note(socket.connectDuration)
            let connection = Connection(
                id: id,
                loop: loop,
                descriptor: socket.descriptor,
                peer: .network(socket.endpoint)
            )
            register(connection)
            let address = socket.endpoint.address.description
            engine.dialSucceeded(UpstreamID(id.id), at: address, now: loop.now)
            perform()
        case .failure(let failure): dialFailed(id, failure)
        }
        settle()
    }

    private func dialFailed(_ id: ConnectionID, _ failure: DialFailure) {
        dialFailures[Int(failure.cause.rawValue)] += 1
        engine.dialFailed(UpstreamID(id.id), failure.cause, now: loop.now)
        perform()
    }

    /// Deadlines are handled a few at a time, so that thousands at once do not hold up the sockets.
    private func deadlinePassed() {
        let began = loop.now
        loopDelays.note(began.since(engine.nextDeadline))
        var now = began
        repeat {
            engine.timePassed(now: now)
            perform()
            runFollowUps()
            now = loop.now
        } while engine.nextDeadline <= now && now.since(began) < DataPlane.longestSlice
        settle()
    }

    /// accept(2) met the limit of descriptors.
    func descriptorsExhausted() {
        pipes.closeIdle()
        engine.descriptorsExhausted(now: loop.now)
        perform()
        settle()
    }

    /// The time for draining is up.
    func stop() {
        engine.stop(now: loop.now)
        perform()
        settle()
    }

    /// Closes what is left, when the loop turns no more.
    func close() {
        for case let connection? in clients + upstreams {
            connection.invalidate()
            // Clients may still be reading their last answer.
            if connection.id.side == .client {
                Sockets.close(connection.descriptor)
            } else {
                Sockets.closeWithReset(connection.descriptor)
            }
        }
        clients = []
        upstreams = []
        closer.closeAll()
        dialer.close()
        authenticator.close()
    }

    // MARK: After each event

    /// The event's actions are done: tells the engine what they found out, until nothing is left, and sets
    /// the timer.
    func settle() {
        if !followUps.isEmpty { runFollowUps() }
        timer?.arm(at: engine.nextDeadline)
        onActivity?()
        if loop.now.since(clockReadAt) >= .seconds(1) {
            readClock()
            noteTrends()
        }
        if let sampler, sampler.armedFor == .never { sampler.arm(at: loop.now + DataPlane.samplePeriod) }
        let hasRoom = engine.canAccept
        if hasRoom == hadRoom && !engine.isDraining { return }
        hadRoom = hasRoom
        onSettled()
    }

    /// Ports that apps hold towards weir: one for each connection but those over Unix sockets.
    var clientPortsInUse: Int { max(0, engine.clientCount - identity.local.count) }

    /// Once a second at most; when nothing happens, nothing grows.
    func noteTrends() {
        clientTrend.note(clientPortsInUse, at: loop.now)
        upstreamTrend.note(engine.pool.mostPortsInUse(), at: loop.now)
    }

    /// The engine's Date fields follow a clock that is set, within a second.
    private func readClock() {
        clockReadAt = loop.now
        engine.clockRead(WallClock.now, now: loop.now)
    }

    private func runFollowUps() {
        var index = 0
        while index < followUps.count {
            let followUp = followUps[index]
            index += 1
            switch followUp {
            case .failed(let id): engine.failed(id, now: loop.now)
            case .checked(let id, let isSilent): engine.checked(id, isSilent: isSilent, now: loop.now)
            case .unreadInspected(let id, let unread):
                engine.unreadInspected(id, unread: unread, now: loop.now)
            case .authenticated(let id, let verdict):
                engine.authenticated(id, verdict, now: loop.now)
            case .inspected(let id, let silence): engine.inspected(id, silentFor: silence, now: loop.now)
            case .offer(let id):
                guard let connection = find(id), !connection.isPaused, !connection.unconsumed.isEmpty else {
                    continue
                }
                block.restore(connection.unconsumed)
                offer(connection)
                continue
            }
            perform()
        }
        followUps.removeAll(keepingCapacity: true)
    }

    // MARK: Connections by id

    func find(_ id: ConnectionID) -> Connection? {
        let table = id.side == .client ? clients : upstreams
        guard id.id.index < table.count, let connection = table[id.id.index], connection.id == id else {
            return nil
        }
        return connection
    }

    private func register(_ connection: Connection) {
        let slot = connection.id.id.index
        switch connection.id.side {
        case .client:
            while clients.count <= slot { clients.append(nil) }
            clients[slot] = connection
        case .upstream:
            while upstreams.count <= slot { upstreams.append(nil) }
            upstreams[slot] = connection
        }
        if !connection.setReading(true) {
            connection.isBroken = true
            followUps.append(.failed(connection.id))
        }
    }
}
