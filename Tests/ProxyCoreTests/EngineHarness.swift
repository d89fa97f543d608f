import Basics
import ClientPolicy
import HTTPWire
import Testing
import UpstreamPool

@testable import ProxyCore

/// Plays the shell for one engine: keeps unconsumed bytes and offers them again, carries out the actions,
/// and lets the test decide about dials, time and what the kernel takes. After every event it checks the
/// engine's invariants and that the actions make sense.
final class EngineHarness {
    /// One access record with its text.
    struct Note {
        var record: AccessRecord
        var text: String
    }

    /// Tests reach it for events that a shell would not cause.
    var engine: ProxyEngine
    private(set) var now = MonotonicTime(nanoseconds: 1_000_000_000)
    /// Dials under way, oldest first.
    private(set) var dials: [UpstreamID] = []
    /// "host:port kind" of every dial ever ordered.
    private(set) var destinations: [String] = []
    private(set) var cancelledDials = 0
    private(set) var checks: [UpstreamID] = []
    private(set) var inspections: [UpstreamID] = []
    private(set) var notes: [Note] = []
    private(set) var verdicts: [VerdictNotice] = []
    private(set) var unreadInspections = 0
    /// What an inquiry into a suspect finds its processes to be, and how many there were.
    var processes: Int? = 1
    private(set) var inquiries = 0
    /// Users and passwords that were to be looked at.
    private(set) var logIns: [(client: SlotID, credentials: String)] = []
    /// What the kernel says of every client's receive queue; nil: that it does not know it.
    var unread: Int?
    /// Upstream connections whose bytes were to be acknowledged at once.
    var acknowledged: [UpstreamID] = []
    /// Of the suspects in an inquiry, how many are unread where any are.
    var unreadSuspects = Int.max
    /// What `check` is answered; nil leaves it to the test.
    var answerToChecks: Bool? = true
    /// For how long, in the kernel's eyes, nothing was acknowledged; the answer to `inspect`.
    var silence = Interval.zero
    /// The origin to which bytes were sent last.
    private(set) var lastReceiver: HarnessPeer?
    /// Off from a reload on: a bound may be lower than what is in use.
    private var checksBounds = true
    private var peers: [ConnectionID: HarnessPeer] = [:]
    private var everyPeer: [HarnessPeer] = []
    private var followUps: [(EngineHarness) -> Void] = []
    private var isFollowingUp = false

    init(_ configuration: EngineConfiguration) {
        engine = ProxyEngine(configuration: configuration, seed: 7)
    }

    var statistics: EngineStatistics { engine.statistics }
    var lastNote: Note? { notes.last }
    // The engine cannot be copied, so it cannot stand in `#expect` itself.
    var idleUpstreams: Int { engine.pool.idleCount }
    var parkedClients: Int { engine.policy.parked }
    var heldClients: Int { engine.policy.held }
    var openTunnels: Int { engine.tunnels }
    var canAccept: Bool { engine.canAccept }
    var nextDeadline: MonotonicTime { engine.nextDeadline }
    var clientReport: ProxyEngine.ClientReport { engine.clientReport() }
    func outcomes(_ cause: Cause) -> Int { engine.statistics.outcomes[Int(cause.rawValue)] }
    func clientEnds(_ end: ClientEnd) -> Int { engine.policy.ends[Int(end.rawValue)] }

    // MARK: Peers

    /// A client connects; nil where the engine has no room.
    func tryConnect(owner: UInt64 = 1) -> HarnessPeer? {
        var peer: HarnessPeer?
        event { shell in
            if let id = shell.engine.accepted(
                owner: OwnerKey.local(uid: UInt32(owner), cgroup: 7),
                now: shell.now
            ) {
                peer = shell.adopt(id)
            }
        }
        return peer
    }

    /// A client connects and sends.
    func client(_ text: String = "", owner: UInt64 = 1) throws -> HarnessPeer {
        let peer = try #require(tryConnect(owner: owner))
        if !text.isEmpty { send(peer, text) }
        return peer
    }

    /// A client connects to an origin, and the kernel sends it here.
    func interceptedClient(
        _ text: String = "",
        to destination: OriginalDestination = OriginalDestination(host: "192.0.2.7", port: 8080),
        owner: UInt64 = 1
    ) throws -> HarnessPeer {
        var peer: HarnessPeer?
        event { shell in
            let owner = OwnerKey.local(uid: UInt32(owner), cgroup: 7)
            if let id = shell.engine.intercepted(owner: owner, destination: destination, now: shell.now) {
                peer = shell.adopt(id)
            }
        }
        let client = try #require(peer)
        if !text.isEmpty { send(client, text) }
        return client
    }

    /// A dial succeeds, the oldest unless told otherwise.
    @discardableResult
    func dialled(at index: Int = 0) throws -> HarnessPeer {
        try #require(dials.indices.contains(index), "nothing is being dialled")
        let id = dials.remove(at: index)
        let peer = adopt(.upstream(id))
        event { $0.engine.dialSucceeded(id, now: $0.now) }
        return peer
    }

    /// The oldest dial fails.
    func dialFails(_ cause: Cause) throws {
        let id = try #require(dials.first, "nothing is being dialled")
        dials.removeFirst()
        event { $0.engine.dialFailed(id, cause, now: $0.now) }
    }

    /// A client with its request, and the origin that was dialled for it.
    func exchange(
        _ text: String = get(),
        owner: UInt64 = 1
    ) throws -> (client: HarnessPeer, origin: HarnessPeer) {
        let peer = try client(text, owner: owner)
        return (peer, try dialled(at: dials.count - 1))
    }

    /// A parked client and the idle origin connection that served it once.
    func parkedPair() throws -> (client: HarnessPeer, origin: HarnessPeer) {
        let (client, origin) = try exchange()
        send(origin, ok())
        _ = client.take()
        _ = origin.take()
        return (client, origin)
    }

    /// An open tunnel.
    func tunnel(owner: UInt64 = 1) throws -> (client: HarnessPeer, origin: HarnessPeer) {
        let (client, origin) = try exchange(connectRequest(), owner: owner)
        #expect(client.take() == "HTTP/1.1 200 Connection established\r\n\r\n")
        return (client, origin)
    }

    /// The far end sends bytes.
    func send(_ peer: HarnessPeer, _ text: String, in pieces: Int = .max) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            peer.unconsumed.append(contentsOf: rest.prefix(pieces))
            rest = rest.dropFirst(pieces)
            act { $0.offer(peer) }
        }
    }

    /// The far end sends its FIN.
    func finish(_ peer: HarnessPeer) {
        peer.hasFinished = true
        act { $0.reportEnd(peer) }
    }

    /// The connection breaks.
    func fail(_ peer: HarnessPeer) {
        if !peer.isOpen { return }
        peer.isEndReported = true
        event { $0.engine.failed(peer.id, now: $0.now) }
        #expect(!peer.isOpen, "a failed connection must be closed")
    }

    /// From now on the far end reads nothing, and the kernel's buffer is full.
    func stall(_ peer: HarnessPeer) { peer.takesNothing = true }

    /// The far end reads again, everything that is pending.
    func drainPending(_ peer: HarnessPeer) {
        peer.takesNothing = false
        peer.flushPending()
        guard peer.isStallReported, peer.isOpen else { return }
        peer.isStallReported = false
        event { $0.engine.drained(peer.id, now: $0.now) }
    }

    /// The shell moves so many bytes of the far end past the engine, which allows that.
    func relay(_ peer: HarnessPeer, _ text: String, isFollowed: Bool = false) throws {
        let found = engine.directRelay(from: peer.id)
        let way = try #require(found, "the engine wants to see what comes")
        #expect(UInt64(text.utf8.count) <= way.limit)
        act {
            $0.deliver(way.receiver, Array(text.utf8))
            $0.engine.relayed(peer.id, text.utf8.count, isFollowed: isFollowed, now: $0.now)
            $0.perform([])
        }
    }

    // MARK: Time and orders from outside

    func advance(_ interval: Interval) {
        let target = now + interval
        var steps = 0
        while engine.nextDeadline <= target {
            now = max(now, engine.nextDeadline)
            event { $0.engine.timePassed(now: $0.now) }
            steps += 1
            if steps > 10_000 {
                Issue.record("the engine's deadline does not move")
                break
            }
        }
        now = target
    }

    /// Civil time is read, and is so many seconds after 1970.
    func readClock(seconds: Int64) {
        engine.clockRead(WallTime(seconds: seconds, nanoseconds: 0), now: now)
    }

    func reconfigure(_ change: (inout EngineConfiguration) -> Void) {
        checksBounds = false
        var configuration = engine.configuration
        change(&configuration)
        event { $0.engine.reconfigure(configuration, now: $0.now) }
    }

    func drain(lastCall: Interval = .zero, stillAccepts: Bool = false) {
        event { $0.engine.drain(lastCall: lastCall, stillAccepts: stillAccepts, now: $0.now) }
    }
    func stop() { event { $0.engine.stop(now: $0.now) } }
    func exhaustDescriptors() { event { $0.engine.descriptorsExhausted(now: $0.now) } }

    /// The oldest password was looked at.
    func logIn(_ verdict: LogInVerdict) throws {
        let id = try #require(logIns.first, "nobody asks").client
        logIns.removeFirst()
        event { $0.engine.authenticated(id, verdict, now: $0.now) }
    }

    /// Any other event, for instance one that comes too late.
    func event(_ body: (EngineHarness) -> Void) {
        act {
            body($0)
            $0.perform([])
        }
    }

    // MARK: The end of a test

    /// Ends whatever is left, and expects that nothing remains of it.
    func comeToRest(_ location: SourceLocation) {
        for peer in everyPeer where peer.isOpen && peer.id.side == .client { fail(peer) }
        while let id = dials.first {
            dials.removeFirst()
            event { $0.engine.dialFailed(id, .connectFailed, now: $0.now) }
        }
        drain()
        for peer in everyPeer where peer.isOpen { fail(peer) }
        advance(.seconds(3600))
        let isAtRest = engine.isAtRest
        let openExchanges = engine.openExchanges
        let heldHeads = engine.heads.inUse
        let origins = engine.pool.originCount
        #expect(isAtRest, sourceLocation: location)
        #expect(openExchanges == 0, sourceLocation: location)
        #expect(openTunnels == 0, sourceLocation: location)
        #expect(heldHeads == 0, sourceLocation: location)
        #expect(origins == 0, sourceLocation: location)
        #expect(nextDeadline == .never, sourceLocation: location)
        #expect(everyPeer.allSatisfy { !$0.isOpen }, sourceLocation: location)
        #expect(statistics.outcomes.reduce(0, +) == statistics.requests, sourceLocation: location)
        #expect(notes.count == statistics.requests, "one record per exchange", sourceLocation: location)
        engine.checkInvariants()
    }

    // MARK: The shell's work

    private func adopt(_ id: ConnectionID) -> HarnessPeer {
        let peer = HarnessPeer(id)
        peers[id] = peer
        everyPeer.append(peer)
        return peer
    }

    /// Something happens; what the actions found out is told to the engine afterwards.
    private func act(_ body: (EngineHarness) -> Void) {
        body(self)
        if isFollowingUp { return }
        isFollowingUp = true
        while !followUps.isEmpty { followUps.removeFirst()(self) }
        isFollowingUp = false
    }

    private func offer(_ peer: HarnessPeer) {
        while peer.isOpen, !peer.isPaused, !peer.unconsumed.isEmpty {
            let bytes = peer.unconsumed
            let consumed = engine.received(peer.id, bytes.span, now: now)
            #expect((0...bytes.count).contains(consumed))
            peer.unconsumed.removeFirst(consumed)
            perform(bytes)
            if consumed == 0 { break }
        }
    }

    /// A FIN is read only behind the bytes before it, and not while reading is paused.
    private func reportEnd(_ peer: HarnessPeer) {
        guard peer.isOpen, peer.hasFinished, !peer.isEndReported, !peer.isPaused else { return }
        peer.isEndReported = true
        engine.ended(peer.id, now: now)
        perform([])
    }

    private func perform(_ bytes: [UInt8]) {
        for action in engine.actions { carryOut(action, bytes) }
        engine.checkInvariants()
        if checksBounds { engine.checkBounds() }
    }

    private func carryOut(_ action: Action, _ bytes: [UInt8]) {
        switch action {
        case .dial(let id):
            let (host, port, kind) = engine.destination(of: id)
            destinations.append("\(host):\(port) \(kind)")
            dials.append(id)
        case .cancelDial(let id):
            #expect(dials.contains(id))
            dials.removeAll { $0 == id }
            cancelledDials += 1
        case .check(let id): check(id)
        case .inspect(let id):
            inspections.append(id)
            followUps.append { shell in
                shell.event { $0.engine.inspected(id, silentFor: $0.silence, now: $0.now) }
            }
        case .send(let id, let offset, let count):
            deliver(id, ownBytes(offset, count))
        case .forward(let id, let offset, let count): deliver(id, Array(bytes[offset..<offset + count]))
        case .pauseReading(let id): onPeer(id) { $0.isPaused = true }
        case .resumeReading(let id):
            onPeer(id) { peer in
                peer.isPaused = false
                followUps.append {
                    $0.offer(peer)
                    $0.reportEnd(peer)
                }
            }
        case .finish(let id): onPeer(id) { $0.orderFinish() }
        case .close(let id, let manner):
            onPeer(id) { $0.close(manner) }
            peers[id] = nil
        case .acknowledge(let id): acknowledged.append(id)
        case .inspectUnread(let id):
            unreadInspections += 1
            followUps.append { shell in
                shell.event { $0.engine.unreadInspected(id, unread: $0.unread, now: $0.now) }
            }
        case .inquire(let owner):
            inquiries += 1
            followUps.append { shell in
                let suspects = shell.engine.suspects(of: owner, limit: 128)
                let count = shell.unread ?? 0 > 0 ? shell.unreadSuspects : 0
                let unread = Array(suspects.prefix(count))
                shell.event {
                    $0.engine.inquired(into: owner, clients: $0.processes, unread: unread, now: $0.now)
                }
            }
        case .authenticate(let id, let offset, let count):
            logIns.append((id, String(decoding: ownBytes(offset, count), as: UTF8.self)))
        case .verdict(let index): verdicts.append(engine.verdicts[index])
        case .record(let index):
            let record = engine.records[index]
            let text = ownBytes(record.textOffset, record.textCount)
            notes.append(Note(record: record, text: String(decoding: text, as: UTF8.self)))
        }
    }

    /// What the engine wrote itself.
    private func ownBytes(_ offset: Int, _ count: Int) -> [UInt8] {
        var copy: [UInt8] = []
        for index in offset..<offset + count { copy.append(engine.outbox.span[index]) }
        return copy
    }

    private func check(_ id: UpstreamID) {
        checks.append(id)
        guard let isSilent = answerToChecks else { return }
        followUps.append { shell in
            shell.event { $0.engine.checked(id, isSilent: isSilent, now: $0.now) }
        }
    }

    private func onPeer(_ id: ConnectionID, _ act: (HarnessPeer) -> Void) {
        guard let peer = peers[id] else {
            Issue.record("an action for \(id), which does not exist")
            return
        }
        act(peer)
    }

    private func deliver(_ id: ConnectionID, _ bytes: [UInt8]) {
        onPeer(id) { peer in
            #expect(!peer.isFinishOrdered, "bytes behind our FIN")
            #expect(!bytes.isEmpty, "an action without effect")
            peer.deliver(bytes)
            if id.side == .upstream { lastReceiver = peer }
            guard peer.takesNothing, !peer.isStallReported else { return }
            peer.isStallReported = true
            followUps.append { shell in
                guard peer.isOpen, peer.hasPending else { return }
                shell.event { $0.engine.stalled(peer.id, now: $0.now) }
            }
        }
    }
}

/// Runs a test against an engine, and brings the engine to rest behind it.
func withProxy(
    _ change: (inout EngineConfiguration) -> Void = { _ in },
    at location: SourceLocation = #_sourceLocation,
    _ body: (EngineHarness) throws -> Void
) throws {
    var configuration = EngineConfiguration()
    configuration.accessLog = true
    change(&configuration)
    let shell = EngineHarness(configuration)
    try body(shell)
    shell.comeToRest(location)
}
