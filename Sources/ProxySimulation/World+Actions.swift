import Basics
import ClientPolicy
import ProxyCore
import UpstreamPool

// Carries out what the engine decided, in order, as the shell does; and makes the planted mistakes.
extension World {
    func perform(_ actions: [Action], _ bytes: [UInt8]) {
        for action in actions where violations.isEmpty {
            switch action {
            case .dial(let id): dial(id)
            case .cancelDial(let id): release(dial: .upstream(id))
            case .check(let id): answerCheck(id)
            case .inspect(let id): answerInspection(id)
            case .send(let id, let offset, let count):
                passOn(id, ownBytes(offset, count)[...], isContent: false)
            case .forward(let id, let offset, let count):
                passOn(id, bytes[offset..<offset + count], isContent: true)
            case .pauseReading(let id): onConnection(id, "pause") { $0.isPaused = bug != .ignorePause }
            case .resumeReading(let id): onConnection(id, "resume") { resume($0) }
            case .finish(let id): onConnection(id, "finish") { finish($0) }
            case .close(let id, let manner): onConnection(id, "close") { close($0, manner) }
            case .record(let index): note(engine.records[index])
            case .inspectUnread(let id): answerUnread(.client(id))
            case .inquire(let owner): answerInquiry(owner)
            case .authenticate(let id, let offset, let count): answerLogIn(id, ownBytes(offset, count))
            case .verdict, .acknowledge: break
            }
        }
    }

    /// What the engine wrote itself.
    private func ownBytes(_ offset: Int, _ count: Int) -> [UInt8] {
        var copy: [UInt8] = []
        copy.reserveCapacity(count)
        for index in offset..<offset + count { copy.append(engine.outbox.span[index]) }
        return copy
    }

    private func onConnection(_ id: ConnectionID, _ what: String, _ act: (ShellConnection) -> Void) {
        guard let connection = connections[id] else {
            return violate(.obedience, "\(what) for \(id), which does not exist")
        }
        act(connection)
        if connection.isOpen && shouldPlant(.closeSilently) { close(connection, isReset: true) }
    }

    private func passOn(_ id: ConnectionID, _ bytes: ArraySlice<UInt8>, isContent: Bool) {
        onConnection(id, "send") { connection in
            var bytes = bytes
            var receiver = connection
            if id.side == .client && isContent && shouldPlant(.dropByte) { bytes = bytes.dropLast() }
            if id.side == .client && bug == .swapClients && !hasPlantedBug,
                let other = connections.values.filter({ $0.id.side == .client && $0 !== connection })
                    .min(by: { $0.id.id.slot < $1.id.id.slot })
            {
                hasPlantedBug = true
                receiver = other
            }
            send(receiver, bytes)
            if id.side == .upstream && bytes.starts(with: "POST".utf8) && shouldPlant(.repeatRequest) {
                send(receiver, bytes)
            }
        }
    }

    private func close(_ connection: ShellConnection, _ manner: CloseManner) {
        var isReset = manner == .reset
        if connection.id.side == .upstream && bug == .forgetClose {
            hasPlantedBug = true
            connection.isOpen = false
            return
        }
        if connection.id.side == .client && shouldPlant(.forgetClient) {
            connection.isOpen = false
            return
        }
        if connection.id.side == .client && isReset && bug == .cleanTruncation {
            hasPlantedBug = true
            isReset = false
        }
        close(connection, isReset: isReset)
    }

    private func note(_ record: AccessRecord) {
        if shouldPlant(.loseRecord) { return }
        let text = String(decoding: ownBytes(record.textOffset, record.textCount), as: UTF8.self)
        let digits = text.reversed().prefix { $0.isNumber }
        guard var id = Int(String(digits.reversed())) else { return }
        if record.isTunnel && !text.hasPrefix("GET") { id -= 10_000 }
        guard ledger.records.indices.contains(id) else { return }
        ledger.records[id] += 1
        if ledger.records[id] > 1 { violate(.outcome, "two records of exchange \(id)") }
    }

    // MARK: Questions of the engine; answered by the next event

    private func answerCheck(_ id: UpstreamID) {
        onConnection(.upstream(id), "check") { connection in
            followUps.append { world in
                let pipe = connection.link.toProxy
                let isSilent =
                    pipe.readable == 0 && !pipe.isAtEnd && !pipe.isResetArrived && connection.held.isEmpty
                world.call("checked \(id) \(isSilent)") { $0.checked(id, isSilent: isSilent, now: world.now) }
            }
        }
    }

    private func answerUnread(_ id: ConnectionID) {
        onConnection(id, "inspectUnread") { connection in
            followUps.append { world in
                // Some clients are on another host, of which the kernel here knows nothing.
                let unread = id.id.slot % 4 == 3 ? nil : connection.link.toPeer.unread
                world.call("unreadInspected \(id) \(unread ?? -1)") {
                    $0.unreadInspected(id.id, unread: unread, now: world.now)
                }
            }
        }
    }

    /// Owners on another host nobody can tell anything of; some of the others consist of several processes.
    private func answerInquiry(_ owner: SlotID) {
        followUps.append { world in
            let key = world.engine.policy.ownerReport(owner)?.key
            let clients = key.flatMap { $0.kind == .local ? 1 + Int($0.high % 2) * 3 : nil }
            let suspects = world.engine.suspects(of: owner, limit: 128)
            let unread = suspects.filter { world.connections[.client($0)]?.link.toPeer.unread ?? 0 > 0 }
            world.call("inquired \(owner) \(clients ?? -1) \(unread.count)") {
                $0.inquired(into: owner, clients: clients, unread: unread, now: world.now)
            }
        }
    }

    /// Passwords are looked at elsewhere, which takes its time.
    private func answerLogIn(_ id: SlotID, _ credentials: [UInt8]) {
        let verdict: LogInVerdict = random.oneIn(8) ? .busy : credentials.last == 0x78 ? .granted : .refused
        schedule(after: .milliseconds(random.below(100))) { [self] in
            call("authenticated \(id) \(verdict)") { [now] in $0.authenticated(id, verdict, now: now) }
        }
    }

    private func answerInspection(_ id: UpstreamID) {
        onConnection(.upstream(id), "inspect") { connection in
            followUps.append { world in
                let isSilent = connection.link.toPeer.unacknowledged > 0
                let silence = isSilent ? world.now.since(connection.silentSince ?? world.now) : .zero
                world.call("inspected \(id) \(silence)") {
                    $0.inspected(id, silentFor: silence, now: world.now)
                }
            }
        }
    }

    // MARK: Dialling

    private func dial(_ id: UpstreamID) {
        guard engine.isAlive(.upstream(id)) else { return violate(.obedience, "dial of a dead connection") }
        let destination = engine.pool.destination(of: id)
        let opens = engine.leadsToParent(id) ? "\(destination.host):\(destination.port)" : nil
        if let opens, engine.destination(of: id).host != "parent.test" {
            return violate(.obedience, "a dial past the parent: \(opens)")
        }
        let key = OriginKey(
            host: destination.host,
            port: destination.port,
            isTunnel: destination.kind == .tunnel,
            isIntercepted: destination.kind == .intercepted
        )
        dials[.upstream(id)] = key
        upstreamCounts[key, default: 0] += 1
        let limits = plan.configuration.pool
        if !boundsAreLowered {
            let total = upstreamCounts.values.reduce(0, +)
            if total > limits.maxConnections { violate(.bounds, "\(total) upstream connections") }
            if upstreamCounts[key, default: 0] > limits.maxPerDestination {
                violate(.bounds, "\(upstreamCounts[key, default: 0]) connections to \(key)")
            }
        }
        guard let number = Int(destination.host.dropFirst().prefix { $0 != "." }),
            plan.origins.indices.contains(number)
        else { return schedule(after: .milliseconds(1)) { [self] in endDial(id, failure: .nameNotFound) } }
        let origin = plan.origins[number]
        if origin.dialSilenceOdds > 0 && random.oneIn(origin.dialSilenceOdds) { return }
        let fails = origin.dialFailureOdds > 0 && random.oneIn(origin.dialFailureOdds)
        let pause = Interval(nanoseconds: Int64(random.below(Int(origin.dialDelay.nanoseconds) + 1)))
        let causes: [Cause] = [
            .nameNotFound, .nameTimeout, .nameError, .connectRefused, .connectUnreachable, .portsExhausted,
            .descriptorsExhausted, .connectFailed,
        ]
        let failure = fails ? causes[random.below(causes.count)] : nil
        schedule(after: pause) { [self] in endDial(id, failure: failure, origin: number, opens: opens) }
    }

    private func release(dial id: ConnectionID) {
        guard let key = dials.removeValue(forKey: id) else {
            return violate(.obedience, "\(id) is not being dialled")
        }
        upstreamCounts[key, default: 0] -= 1
    }

    private func endDial(_ id: UpstreamID, failure: Cause?, origin number: Int = 0, opens: String? = nil) {
        guard let key = dials[.upstream(id)] else { return }
        if let failure {
            release(dial: .upstream(id))
            call("dialFailed \(id) \(failure)") { [now] in $0.dialFailed(id, failure, now: now) }
            return
        }
        dials[.upstream(id)] = nil
        let link = Link(world: self, capacity: plan.origins[number].capacity)
        origins.append(OriginPeer(world: self, number: number, key: key, link: link, opens: opens))
        adopt(ShellConnection(id: .upstream(id), link: link, key: key))
        // Two origins each share an address, and one knows two.
        let address =
            opens != nil
            ? "198.51.100.1" : "192.0.2.\(number / 2 + (number % 5 == 4 && random.oneIn(2) ? 7 : 0))"
        call("dialSucceeded \(id) \(key) \(address)") { [now] in $0.dialSucceeded(id, at: address, now: now) }
    }
}
