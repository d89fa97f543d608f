import Basics
import ClientPolicy
import HTTPWire
import ProxyCore
import UpstreamPool

/// The shell's contract in memory, as in the simulator's `World+Shell` but without time on the way: what peers
/// do is told to the engine, and what it decides is carried out and given to witnesses.
final class EngineModel {
    var engine: ProxyEngine
    var now = MonotonicTime(nanoseconds: 1_000_000_000)
    let mistake: PlantedMistake?
    /// How many bytes are read at once.
    let readBlock: Int
    /// Dials succeed at once.
    let dialsAtOnce: Bool

    /// Open connections in the order in which they came.
    var clients: [EngineConnection] = []
    var upstreams: [EngineConnection] = []
    /// All there ever were.
    var all: [EngineConnection] = []
    var dials: [UpstreamID] = []
    /// Ids of connections that are gone.
    var graveyard: [ConnectionID] = []

    private(set) var violation: String?
    private(set) var events = 0
    private var followUps: [FollowUp] = []
    private var ready: [EngineConnection] = []
    private var isFollowingUp = false
    private var areBoundsLowered = false
    private var mostHeld: Int
    private var records = 0
    var hasErred = false

    private static let mostEvents = 600

    /// What an action found out; it is told when all actions of the event are done.
    private enum FollowUp {
        case stalled(EngineConnection)
        case check(UpstreamID)
        case inspect(UpstreamID)
        case inspectUnread(SlotID)
        case inquire(SlotID)
        case authenticate(SlotID, Int)
        case connected(UpstreamID)
    }

    init(_ configuration: EngineConfiguration, readBlock: Int, dialsAtOnce: Bool, mistake: PlantedMistake?) {
        engine = ProxyEngine(configuration: configuration, seed: 1)
        self.readBlock = readBlock
        self.dialsAtOnce = dialsAtOnce
        self.mistake = mistake
        mostHeld = configuration.heads.headSize + readBlock
    }

    func violate(_ text: String) {
        if violation == nil { violation = text }
    }

    /// Whether the script may go on.
    var isGoingOn: Bool { violation == nil && events < EngineModel.mostEvents }

    /// True once, for the mistake that is to be made.
    func errs(_ candidate: PlantedMistake) -> Bool {
        if mistake != candidate || hasErred { return false }
        hasErred = true
        return true
    }

    // MARK: Events

    func call(_ bytes: [UInt8] = [], _ event: (inout ProxyEngine) -> Void) {
        if violation != nil { return }
        for client in clients { client.readRequests() }
        event(&engine)
        events += 1
        for action in engine.actions where violation == nil { perform(action, bytes) }
        checkEngine()
        if isFollowingUp { return }
        isFollowingUp = true
        while !followUps.isEmpty && violation == nil { answer(followUps.removeFirst()) }
        isFollowingUp = false
    }

    private func answer(_ question: FollowUp) {
        let now = now
        switch question {
        case .stalled(let connection):
            guard connection.isOpen, connection.pending > 0 else {
                connection.isStallReported = false
                return
            }
            call { $0.stalled(connection.id, now: now) }
        case .check(let id):
            guard let connection = find(.upstream(id)) else { return }
            let isSilent =
                connection.wire.isEmpty && connection.held.isEmpty && !connection.hasPeerFinished
            call { $0.checked(id, isSilent: isSilent, now: now) }
        case .inspect(let id):
            guard let connection = find(.upstream(id)) else { return }
            let silence = connection.isDead ? now.since(.zero) : .zero
            call { $0.inspected(id, silentFor: silence, now: now) }
        case .inspectUnread(let id):
            // Some are on another host, some have read everything, some never read.
            let unread = [nil, 0, 5][Int(id.slot % 3)]
            call { $0.unreadInspected(id, unread: unread, now: now) }
        case .inquire(let owner):
            let unread = engine.suspects(of: owner, limit: 128).filter { $0.slot % 3 == 2 }
            let clients = [nil, 1, 40][Int(owner.slot % 3)]
            call { $0.inquired(into: owner, clients: clients, unread: unread, now: now) }
        case .authenticate(let id, let count):
            let verdict: LogInVerdict = [.granted, .refused, .busy][count % 3]
            call { $0.authenticated(id, verdict, now: now) }
        case .connected(let id): dialSucceeded(id)
        }
    }

    func reconfigure(_ configuration: EngineConfiguration) {
        areBoundsLowered = true
        mostHeld = max(mostHeld, configuration.heads.headSize + readBlock)
        call { [now] in $0.reconfigure(configuration, now: now) }
    }

    private func checkEngine() {
        engine.checkInvariants()
        if !areBoundsLowered { engine.checkBounds() }
        if violation != nil { return }
        let ended = engine.statistics.outcomes.reduce(0, +)
        if ended + engine.openExchanges != engine.statistics.requests {
            violate(
                "\(engine.statistics.requests) exchanges, \(ended) outcomes, \(engine.openExchanges) open"
            )
        }
        if records != ended { violate("\(records) records of \(ended) outcomes") }
        if engine.clientCount != clients.count {
            violate("\(engine.clientCount) clients, and \(clients.count) in the shell")
        }
        if engine.pool.connectionCount != upstreams.count + dials.count {
            violate("\(engine.pool.connectionCount) upstream connections, \(upstreams.count) in the shell")
        }
    }

    // MARK: Actions

    func find(_ id: ConnectionID) -> EngineConnection? {
        (id.side == .client ? clients : upstreams).first { $0.id == id }
    }

    private func perform(_ action: Action, _ bytes: [UInt8]) {
        switch action {
        case .dial(let id): dial(id)
        case .cancelDial(let id): cancelDial(id)
        case .check(let id): on(.upstream(id), "check") { _ in followUps.append(.check(id)) }
        case .inspect(let id): on(.upstream(id), "inspect") { _ in followUps.append(.inspect(id)) }
        case .acknowledge(let id): on(.upstream(id), "acknowledge") { _ in }
        case .inspectUnread(let id):
            on(.client(id), "inspectUnread") { _ in followUps.append(.inspectUnread(id)) }
        case .inquire(let owner): followUps.append(.inquire(owner))
        case .authenticate(let id, _, let count): followUps.append(.authenticate(id, count))
        case .verdict(let index):
            if !engine.verdicts.indices.contains(index) { violate("a verdict that nobody gave") }
        case .send(let id, let offset, let count):
            on(id, "send") { send($0, ownBytes(offset, count)[...], isContent: false) }
        case .forward(let id, let offset, let count):
            guard offset >= 0, count > 0, offset + count <= bytes.count else {
                return violate("\(count) bytes from \(offset) of \(bytes.count) to be forwarded")
            }
            on(id, "forward") { send($0, bytes[offset..<offset + count], isContent: true) }
        case .pauseReading(let id): on(id, "pause") { $0.isPaused = true }
        case .resumeReading(let id):
            on(id, "resume") { connection in
                connection.isPaused = false
                connection.mustOffer = true
                ready.append(connection)
            }
        case .finish(let id): on(id, "finish") { finish($0) }
        case .close(let id, let manner): on(id, "close") { close($0, manner) }
        case .record(let index): note(engine.records[index])
        }
    }

    private func on(_ id: ConnectionID, _ what: String, _ act: (EngineConnection) -> Void) {
        guard let connection = find(id) else { return violate("\(what) for a connection that is gone") }
        act(connection)
    }

    private func ownBytes(_ offset: Int, _ count: Int) -> [UInt8] {
        var copy: [UInt8] = []
        copy.reserveCapacity(count)
        for index in offset..<offset + count { copy.append(engine.outbox.span[index]) }
        return copy
    }

    private func send(_ connection: EngineConnection, _ bytes: ArraySlice<UInt8>, isContent: Bool) {
        if connection.wantsFinish { return violate("bytes behind a FIN") }
        let isClient = connection.id.side == .client
        var bytes = bytes
        if isContent && errs(isClient ? .loseContentByte : .loseUploadByte) { bytes = bytes.dropLast() }
        connection.got.feed(bytes)
        judge(connection)
        if !isClient && !isContent && connection.judgedHeads > 0 && errs(.repeatRequest) {
            connection.got.feed(bytes)
            judge(connection)
        }
        if isClient && connection.got.state == .idle && errs(.addByte) {
            connection.got.feed([32])
            judge(connection)
        }
        guard let window = connection.window else { return }
        let taken = connection.pending > 0 ? 0 : min(window, bytes.count)
        connection.window = window - taken
        if taken == bytes.count { return }
        connection.pending += bytes.count - taken
        if connection.isStallReported { return }
        connection.isStallReported = true
        followUps.append(.stalled(connection))
    }

    private func finish(_ connection: EngineConnection) {
        if connection.wantsFinish { return }
        connection.wantsFinish = true
        if connection.id.side == .client {
            connection.got.end()
            judge(connection)
        }
    }

    /// close(2). With bytes unread or unsent the peer sees no good order.
    private func close(_ connection: EngineConnection, _ manner: CloseManner) {
        if connection.id.side == .client {
            let isWhole = connection.pending == 0 && connection.wire.isEmpty && connection.held.isEmpty
            if (manner == .normal && isWhole && !connection.wantsFinish) || errs(.completeTruncated) {
                connection.got.end()
            }
        }
        judge(connection)
        judgeEnd(connection)
        if connection.id.side == .upstream && errs(.forgetClose) { return }
        connection.isOpen = false
        graveyard.append(connection.id)
        if connection.id.side == .client {
            clients.removeAll { $0 === connection }
        } else {
            upstreams.removeAll { $0 === connection }
        }
    }

    private func note(_ record: AccessRecord) {
        if errs(.loseOutcome) { return }
        records += 1
        let text = record.textOffset + record.textCount
        if text > engine.outbox.count { return violate("a record's text lies outside") }
        guard record.cause == .completed, let client = find(.client(record.client)) else { return }
        judgeCompleted(client)
    }

    // MARK: Dialling

    private func dial(_ id: UpstreamID) {
        guard engine.isAlive(.upstream(id)) else { return violate("dial of a connection that is gone") }
        dials.append(id)
        if dialsAtOnce { followUps.append(.connected(id)) }
    }

    private func cancelDial(_ id: UpstreamID) {
        guard let index = dials.firstIndex(of: id) else { return violate("no such dial to cancel") }
        dials.remove(at: index)
        graveyard.append(.upstream(id))
    }

    func dialSucceeded(_ id: UpstreamID) {
        guard let index = dials.firstIndex(of: id) else { return }
        dials.remove(at: index)
        let destination = engine.destination(of: id)
        let connection = EngineConnection(
            .upstream(id),
            destination: Array("\(destination.host):\(destination.port)".utf8),
            isTunnel: destination.kind == .tunnel
        )
        if connection.isTunnel {
            connection.sent.becomeTunnel()
            connection.got.becomeTunnel()
        }
        upstreams.append(connection)
        all.append(connection)
        call { [now] in $0.dialSucceeded(id, now: now) }
    }

    func dialFailed(_ id: UpstreamID, _ cause: Cause) {
        guard let index = dials.firstIndex(of: id) else { return }
        dials.remove(at: index)
        graveyard.append(.upstream(id))
        call { [now] in $0.dialFailed(id, cause, now: now) }
    }

    // MARK: Reading

    /// A client's connection was accepted.
    func adopt(_ id: ConnectionID) {
        let connection = EngineConnection(id)
        clients.append(connection)
        all.append(connection)
    }

    func watch(_ connection: EngineConnection) { ready.append(connection) }

    /// Reads where there is something to read and weir lets it.
    func readAll() {
        while isGoingOn && !ready.isEmpty {
            let connection = ready.removeFirst()
            if connection.mustOffer {
                connection.mustOffer = false
                offer(connection)
            }
            read(connection)
        }
    }

    private func read(_ connection: EngineConnection) {
        while connection.isOpen && !connection.isPaused && isGoingOn {
            if connection.wire.isEmpty {
                guard connection.hasPeerFinished, !connection.isEndReported else { return }
                connection.isEndReported = true
                connection.sent.end()
                return call { [now] in $0.ended(connection.id, now: now) }
            }
            let piece = connection.wire.prefix(readBlock)
            connection.wire = Array(connection.wire.dropFirst(piece.count))
            connection.sent.feed(piece)
            if connection.id.side == .upstream { connection.readResponses() }
            if relay(connection, piece) { continue }
            connection.held += piece
            if connection.held.count > mostHeld { violate("\(connection.held.count) bytes are held back") }
            offer(connection)
        }
    }

    /// Every other piece that need not be looked at is not.
    private func relay(_ connection: EngineConnection, _ piece: ArraySlice<UInt8>) -> Bool {
        guard events & 1 == 0, connection.held.isEmpty, let way = engine.directRelay(from: connection.id),
            way.limit >= piece.count, let receiver = find(way.receiver), receiver.pending == 0
        else { return false }
        // The witnesses compare what comes out with what went in, which they have to have seen.
        if connection.id.side == .client { connection.readRequests() }
        send(receiver, piece, isContent: true)
        let isEnd = way.limit == piece.count && connection.id.side == .upstream
        let isFollowed = isEnd && !connection.wire.isEmpty
        call { [now] in $0.relayed(connection.id, piece.count, isFollowed: isFollowed, now: now) }
        return true
    }

    /// Offers what is not consumed; again at once as long as something is consumed and reading goes on.
    private func offer(_ connection: EngineConnection) {
        while connection.isOpen && !connection.isPaused && !connection.held.isEmpty && violation == nil {
            let bytes = connection.held
            var consumed = 0
            call(bytes) { [now] in consumed = $0.received(connection.id, bytes.span, now: now) }
            if consumed < 0 || consumed > bytes.count { return violate("more consumed than offered") }
            connection.held.removeFirst(consumed)
            if consumed == 0 { return }
        }
    }
}
