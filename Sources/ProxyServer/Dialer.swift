public import Basics
public import Dialling
internal import Glibc
public import Reactor

/// A connection that a dial has made; whoever is told of it owns the descriptor.
public struct DialedSocket: Hashable, Sendable {
    /// Non-blocking, with keepalive set, watched by nobody.
    public var descriptor: Int32
    /// Where it leads.
    public var endpoint: Endpoint
    /// From the SYN of this connection to its establishment, without the name look-up and lost attempts.
    public var connectDuration: Interval
    /// From the call of ``Dialer/dial(token:host:port:timeout:)`` on, everything included.
    public var dialDuration: Interval
}

/// Makes connections to hosts by name or address: look-up, connect race, source addresses, time limit.
///
/// A dial ends in exactly one call of ``onFinished``, or in ``cancel(token:)``. It is bounded by its timeout;
/// how many run at a time is the caller's business.
public final class Dialer {
    /// How names are kept and sockets set up.
    public struct Options: Hashable, Sendable {
        /// Bounds and times of the name cache.
        public var names = NameCache.Limits()
        /// How vanished peers are found.
        public var deadPeers = DeadPeerDetection()
        /// Addresses of this host to dial from, in turn; for a family without any the kernel chooses.
        public var sources: [Endpoint.Address] = []
        /// Ports to dial from; nil leaves them to the kernel.
        public var sourcePorts: ClosedRange<UInt16>?
        /// SO_MARK of the sockets, where this process may set it; 0 for none.
        public var mark: UInt32 = 0

        /// The defaults.
        public init() {}
    }

    private struct Attempt {
        var descriptor: Int32
        /// Nil where it stood at once.
        var watch: DescriptorWatch?
        var began: MonotonicTime
        /// How often it came back to this process.
        var returns = 0
    }

    private enum Beginning {
        case connecting
        case connected
        case failed(DialFailure)
    }

    /// How often one attempt may come back.
    private static let mostReturns = 8

    private struct Dial {
        var token: UInt64
        var port: UInt16
        var began: MonotonicTime
        /// Which addresses may be dialled; nil for all.
        var permits: ((Endpoint.Address) -> Bool)?
        /// Nil while the name is being looked up.
        var race: ConnectRace?
        /// By number of the attempt in the race; only those that are connecting.
        var attempts: [Int: Attempt] = [:]
    }

    private let loop: EventLoop
    private let resolver: Resolver
    private var options: Options
    private var sources: DialerSources
    private var names: NameCache
    private var dials = SlotMap<Dial>()
    private var byToken: [UInt64: SlotID] = [:]
    /// When a dial's time is up.
    private var limits = DeadlineQueues(lanes: 1)
    /// When a race begins its next attempt.
    private var staggers = DeadlineQueues(lanes: 1)
    private var finished: [(token: UInt64, result: Result<DialedSocket, DialFailure>)] = []
    private var isDeliveryPlanned = false
    private var timer: LoopTimer?

    /// Told how each dial ended. Never called from inside a call of the dialer's: always at the end of a turn
    /// of the loop.
    public var onFinished: (_ token: UInt64, Result<DialedSocket, DialFailure>) -> Void = { _, _ in }

    /// Told of each socket as soon as it is connecting; nil where nobody wants to know.
    var onOpened: ((Int32) -> Void)?
    /// Asked of each connection that stands whether it leads back to this process; nil where none can.
    var comesBack: ((Int32) -> Bool)?

    /// A dialer that asks `resolver`, whose answers it alone is told from now on.
    public init(loop: EventLoop, resolver: Resolver, options: Options = Options()) {
        self.loop = loop
        self.resolver = resolver
        self.options = options
        sources = DialerSources(options)
        names = NameCache(limits: options.names)
        timer = LoopTimer(loop: loop) { [unowned self] in deadlinePassed() }
        resolver.onFinished = { [weak self] query, result in
            self?.lookUpFinished(NameCache.QueryID(rawValue: query), result)
        }
    }

    deinit { close() }

    /// Dials that are under way.
    public var pendingCount: Int { dials.count }

    /// Names known, look-ups under way, names that wait for one.
    public var nameCounts: (answered: Int, inFlight: Int, queued: Int) { names.counts }

    /// What became of the names that were asked for.
    public var nameLookUps: NameCache.LookUps { names.lookUps }

    /// Takes over other options; dials under way keep their sockets. Every known name is forgotten, as the
    /// name servers may be others: reconfigure the resolver first.
    public func reconfigure(_ options: Options) {
        self.options = options
        sources = DialerSources(options)
        names.reconfigure(options.names)
    }

    /// Begins to dial.
    ///
    /// - Parameters:
    ///   - token: what ``onFinished`` is told; not that of a dial whose end has not been told yet.
    ///   - host: a name or an address literal, with or without brackets.
    ///   - timeout: for everything, the name look-up included.
    ///   - permits: which addresses may be dialled; nil for all.
    public func dial(
        token: UInt64,
        host: String,
        port: UInt16,
        timeout: Interval,
        permits: ((Endpoint.Address) -> Bool)? = nil
    ) {
        loop.assertOnThread()
        precondition(byToken[token] == nil, "dialled twice under one token")
        let now = loop.now
        let id = dials.insert(Dial(token: token, port: port, began: now, permits: permits))
        byToken[token] = id
        limits.arm(id.slot, lane: 0, at: now + timeout)
        // Here and not in the cache, which cannot know the interfaces that a zone may name.
        if let address = Endpoint.Address(literal: host, zoneIndex: interfaceIndex) {
            race(id, [address], now)
        } else {
            switch names.lookUp(host: host, token: id.cookie, now: now) {
            case .addresses(let addresses): race(id, addresses, now)
            case .failed(let cause): finish(id, .failure(cause))
            case .refused: finish(id, .failure(.dnsRefused))
            case .waiting: break
            case .startQuery(let query): resolver.lookUp(names.name(of: query), token: query.rawValue)
            }
        }
        rearm()
    }

    /// Takes a dial back: its sockets are closed, and its end is not told. A dial that is over is no error.
    public func cancel(token: UInt64) {
        if let id = byToken[token] {
            forget(id)
            rearm()
        }
        // It may have succeeded already in this turn, untold.
        finished.removeAll { entry in
            guard entry.token == token else { return false }
            if case .success(let socket) = entry.result { Sockets.closeWithReset(socket.descriptor) }
            return true
        }
    }

    /// Takes every dial back and hears no more of the resolver, which is not closed.
    public func close() {
        for token in Array(byToken.keys) + finished.map(\.token) { cancel(token: token) }
        resolver.onFinished = { _, _ in }
        timer = nil
    }

    private func interfaceIndex(_ name: String) -> UInt32? {
        let index = if_nametoindex(name)
        return index == 0 ? nil : index
    }

    private func lookUpFinished(_ query: NameCache.QueryID, _ result: Result<NameCache.Answer, DialFailure>) {
        let now = loop.now
        let completion = names.finished(query, result, now: now)
        for next in completion.next { resolver.lookUp(names.name(of: next), token: next.rawValue) }
        for waiter in completion.waiters {
            let id = SlotID(cookie: waiter)
            switch result {
            case .success(let answer): race(id, answer.addresses, now)
            case .failure(let cause): finish(id, .failure(cause))
            }
        }
        rearm()
    }

    private func race(_ id: SlotID, _ addresses: [Endpoint.Address], _ now: MonotonicTime) {
        let permitted = dials[id].permits.map { addresses.filter($0) } ?? addresses
        if permitted.isEmpty && !addresses.isEmpty { return finish(id, .failure(.prohibited)) }
        var race = ConnectRace(permitted)
        let action = race.start(now: now)
        dials[id].race = race
        carryOut(action, for: id)
    }

    private func carryOut(_ action: ConnectRace.Action?, for id: SlotID) {
        var pending = action
        while let action = pending {
            pending = nil
            switch action {
            case .begin(let attempt, let address):
                let endpoint = Endpoint(address: address, port: dials[id].port)
                switch begin(attempt, endpoint, for: id) {
                case .connecting: break
                case .connected: pending = dials[id].race?.attemptConnected(attempt)
                case .failed(let cause):
                    pending = dials[id].race?.attemptFailed(attempt, cause, now: loop.now)
                }
            case .win(let attempt, _):
                return win(attempt, for: id)
            case .fail(let cause):
                return finish(id, .failure(cause))
            }
        }
        staggers.arm(id.slot, lane: 0, at: dials[id].race?.nextDeadline ?? .never)
    }

    private func begin(_ attempt: Int, _ endpoint: Endpoint, for id: SlotID) -> Beginning {
        let began = loop.now
        switch sources.open(to: endpoint) {
        case .failure(let cause): return .failed(cause)
        case .success(let descriptor):
            onOpened?(descriptor)
            // Within the host the handshake is over when connect(2) returns, so that no event need tell of it.
            if endpoint.address.unmapped.isLoopback && comesBack == nil {
                let code = Sockets.connectResult(descriptor)
                if code == 0 {
                    dials[id].attempts[attempt] = Attempt(descriptor: descriptor, began: began)
                    return .connected
                }
                if code != ENOTCONN {
                    Sockets.close(descriptor)
                    return .failed(DialFailure(errno: code))
                }
            }
            let watch = DescriptorWatch(loop: loop, descriptor: descriptor) { [unowned self] _, _ in
                attemptReady(attempt, for: id)
            }
            guard watch.setWriting(true) else {
                watch.invalidate()
                Sockets.close(descriptor)
                return .failed(.descriptorsExhausted)
            }
            dials[id].attempts[attempt] = Attempt(descriptor: descriptor, watch: watch, began: began)
            return .connecting
        }
    }

    private func attemptReady(_ attempt: Int, for id: SlotID) {
        guard dials.isAlive(id), let socket = dials[id].attempts[attempt] else { return }
        var code = Sockets.connectResult(socket.descriptor)
        if code == 0, comesBack?(socket.descriptor) == true {
            code = tryAgain(attempt, socket, for: id)
            if code == 0 { return }
        }
        if code == 0 {
            carryOut(dials[id].race?.attemptConnected(attempt), for: id)
        } else {
            dials[id].attempts[attempt] = nil
            socket.watch?.invalidate()
            Sockets.close(socket.descriptor)
            let cause = DialFailure(errno: code)
            carryOut(dials[id].race?.attemptFailed(attempt, cause, now: loop.now), for: id)
        }
        rearm()
    }

    /// The connection was redirected here, although rules let weir's own pass. They do where they are asked; but
    /// the connection tracking remembers an app's connection that was reset for ten seconds, and treats the next
    /// one between the same ports as it treated that. The reset of this one makes it forget.
    private func tryAgain(_ attempt: Int, _ socket: Attempt, for id: SlotID) -> Int32 {
        guard socket.returns < Dialer.mostReturns, let race = dials[id].race else { return ELOOP }
        dials[id].attempts[attempt]?.returns += 1
        let endpoint = Endpoint(address: race.addresses[attempt], port: dials[id].port)
        let code = Sockets.connectAgain(socket.descriptor, to: endpoint)
        if code == 0 { onOpened?(socket.descriptor) }
        return code
    }

    private func win(_ attempt: Int, for id: SlotID) {
        guard let winner = dials[id].attempts.removeValue(forKey: attempt), let race = dials[id].race
        else { preconditionFailure("an attempt without a socket has won") }
        winner.watch?.invalidate()
        let endpoint = Endpoint(address: race.addresses[attempt], port: dials[id].port)
        options.deadPeers.apply(to: winner.descriptor, isWithinHost: endpoint.address.unmapped.isLoopback)
        let socket = DialedSocket(
            descriptor: winner.descriptor,
            endpoint: endpoint,
            connectDuration: loop.now.since(winner.began),
            dialDuration: loop.now.since(dials[id].began)
        )
        finish(id, .success(socket))
    }

    private func finish(_ id: SlotID, _ result: Result<DialedSocket, DialFailure>) {
        let token = dials[id].token
        forget(id)
        finished.append((token, result))
        deliverLater()
    }

    /// Ends a dial without a word: drops its wait for a name and closes what is connecting.
    private func forget(_ id: SlotID) {
        names.cancel(id.cookie)
        for attempt in dials[id].attempts.values {
            attempt.watch?.invalidate()
            // The handshake may just have been completed: no TIME_WAIT for a connection nobody uses.
            Sockets.closeWithReset(attempt.descriptor)
        }
        limits.disarm(id.slot)
        staggers.disarm(id.slot)
        byToken[dials[id].token] = nil
        // The slot map keeps a freed slot's value in place: let go of what it holds.
        dials[id].attempts = [:]
        dials[id].race = nil
        dials[id].permits = nil
        dials.remove(id)
    }

    private func deadlinePassed() {
        let now = loop.now
        while let slot = limits.popExpired(at: now)?.slot {
            guard let id = dials.occupant(of: Int(slot)) else { continue }
            let cause = dials[id].race?.expire() ?? .dnsTimeout
            finish(id, .failure(cause))
        }
        while let slot = staggers.popExpired(at: now)?.slot {
            guard let id = dials.occupant(of: Int(slot)) else { continue }
            carryOut(dials[id].race?.deadlinePassed(now: now), for: id)
        }
        rearm()
    }

    private func rearm() {
        timer?.arm(at: min(limits.next, staggers.next))
    }

    private func deliverLater() {
        if isDeliveryPlanned { return }
        isDeliveryPlanned = true
        loop.afterTurn { [weak self] in self?.deliver() }
    }

    /// Tells what has ended so far. What ends because of the telling (a new dial that is refused at once)
    /// waits for the next turn, or a stubborn caller would keep the loop from turning.
    private func deliver() {
        isDeliveryPlanned = false
        var count = finished.count
        while count > 0 && !finished.isEmpty {
            count -= 1
            let (token, result) = finished.removeFirst()
            onFinished(token, result)
        }
        if !finished.isEmpty { deliverLater() }
    }
}

extension SlotID {
    /// The id as the one number that the name cache knows a waiter by.
    fileprivate var cookie: UInt64 { UInt64(generation) << 32 | UInt64(slot) }

    fileprivate init(cookie: UInt64) {
        self.init(slot: UInt32(truncatingIfNeeded: cookie), generation: UInt32(cookie >> 32))
    }
}
