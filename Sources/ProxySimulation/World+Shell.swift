import Basics
import ClientPolicy
import HTTPWire
import ProxyCore

// The shell's contract, without sockets: reading, writing and what the engine is told of them.
extension World {
    /// A connection stands; the shell watches it.
    func adopt(_ connection: ShellConnection) {
        connections[connection.id] = connection
        connection.link.toProxy.onReadable = { [unowned self, unowned connection] in readSoon(connection) }
        connection.link.toPeer.onWritable = { [unowned self, unowned connection] in flush(connection) }
    }

    // MARK: Reading

    func readSoon(_ connection: ShellConnection) {
        if connection.isReadScheduled || !connection.isOpen { return }
        connection.isReadScheduled = true
        schedule(after: .zero) { [self] in
            connection.isReadScheduled = false
            read(connection)
        }
    }

    private func read(_ connection: ShellConnection) {
        let pipe = connection.link.toProxy
        guard connection.isOpen else { return }
        if pipe.isResetArrived && (connection.isPaused || pipe.readable == 0 || random.oneIn(2)) {
            return fail(connection)
        }
        if connection.isPaused { return }
        if !relay(connection) {
            let bytes = pipe.read(min(plan.readBlock, 1 + random.below(plan.readBlock)))
            connection.held.append(bytes[...])
            checkHeld(connection)
            // The shell offers what is held before it reads on, and so before it sees the end.
            offer(connection, isNew: !bytes.isEmpty || connection.isOfferDue)
        }
        guard connection.isOpen, !connection.isPaused else { return }
        if pipe.readable > 0 || pipe.isResetArrived {
            readSoon(connection)
        } else if pipe.isAtEnd && !connection.isEndReported {
            connection.isEndReported = true
            if connection.id.side == .client && shouldPlant(.failOnEnd) { return fail(connection) }
            call("ended \(connection.id)") { [now] in $0.ended(connection.id, now: now) }
        }
    }

    /// Offers unconsumed bytes; again at once as long as something is consumed and reading goes on.
    private func offer(_ connection: ShellConnection, isNew: Bool) {
        var isWorth = isNew
        connection.isOfferDue = false
        while isWorth && connection.isOpen && !connection.isPaused && !connection.held.isEmpty
            && violations.isEmpty
        {
            let bytes = Array(connection.held.slice)
            var consumed = 0
            call("received \(connection.id) \(bytes.count)", bytes) { [now] in
                consumed = $0.received(connection.id, bytes.span, now: now)
            }
            if consumed > bytes.count { return violate(.obedience, "consumed more than was offered") }
            connection.held.drop(consumed)
            isWorth = consumed > 0
        }
    }

    /// What is read and cannot be passed on is a head at most, and one block behind it.
    private var mostHeld: Int {
        max(plan.configuration.heads.headSize, plan.reloaded.heads.headSize) + plan.readBlock
    }

    private func checkHeld(_ connection: ShellConnection) {
        if connection.held.count > mostHeld {
            violate(.buffering, "\(connection.held.count) bytes held back")
        }
    }

    func resume(_ connection: ShellConnection) {
        connection.isPaused = false
        connection.isOfferDue = true
        followUps.append { world in
            guard connection.isOpen, !connection.isPaused else { return }
            // Offered outside of the actions' loop, as a new event.
            world.schedule(after: .zero) {
                world.offer(connection, isNew: true)
                world.readSoon(connection)
            }
        }
    }

    // MARK: Writing

    func send(_ connection: ShellConnection, _ bytes: ArraySlice<UInt8>) {
        if connection.link.toProxy.isResetArrived {
            // What an action finds out is the next event.
            followUps.append { world in world.fail(connection) }
            return
        }
        if connection.wantsFinish { return violate(.obedience, "bytes behind a FIN") }
        var taken = 0
        if connection.pending.isEmpty { taken = connection.link.toPeer.write(bytes) }
        if connection.link.toPeer.isDead && connection.silentSince == nil { connection.silentSince = now }
        if taken == bytes.count { return }
        connection.pending.append(bytes.dropFirst(taken))
        // One event's bytes, with the frames and the few heads that the engine adds.
        if connection.pending.count > 2 * mostHeld + 20_000 {
            violate(.buffering, "\(connection.pending.count) bytes pending")
        }
        if connection.isStallReported { return }
        connection.isStallReported = true
        followUps.append { world in
            guard connection.isOpen, !connection.pending.isEmpty else {
                connection.isStallReported = false
                return
            }
            world.call("stalled \(connection.id)") { $0.stalled(connection.id, now: world.now) }
        }
    }

    private func flush(_ connection: ShellConnection) {
        guard connection.isOpen, !connection.pending.isEmpty else { return }
        connection.pending.drop(connection.link.toPeer.write(connection.pending.slice))
        guard connection.pending.isEmpty else {
            call("progressed \(connection.id)") { [now] in $0.progressed(connection.id, now: now) }
            return
        }
        if connection.wantsFinish { connection.link.toPeer.finish() }
        guard connection.isStallReported else { return }
        connection.isStallReported = false
        call("drained \(connection.id)") { [now] in $0.drained(connection.id, now: now) }
    }

    func finish(_ connection: ShellConnection) {
        if connection.wantsFinish { return }
        connection.wantsFinish = true
        if connection.pending.isEmpty { connection.link.toPeer.finish() }
    }

    private func fail(_ connection: ShellConnection) {
        guard connection.isOpen, !connection.hasFailed else { return }
        connection.hasFailed = true
        call("failed \(connection.id)") { [now] in $0.failed(connection.id, now: now) }
        if connection.isOpen { violate(.rest, "\(connection.id) failed and was not closed") }
    }

    /// close(2): whatever is pending is dropped. With unread bytes the kernel makes a reset of it.
    func close(_ connection: ShellConnection, isReset: Bool) {
        connection.isOpen = false
        connections[connection.id] = nil
        if let key = connection.key { upstreamCounts[key, default: 0] -= 1 }
        let hadUnread = connection.link.toProxy.closeReader()
        if isReset || hadUnread || !connection.held.isEmpty {
            connection.link.toPeer.reset(isLosingUnread: random.oneIn(2))
        } else {
            connection.link.toPeer.finish()
        }
        connection.cut()
    }

    // MARK: Accepting

    func connect(_ client: ClientPeer) {
        backlog.append(client)
        client.begin()
        admitBacklog()
    }

    /// Accepts as long as the engine has room; the rest waits in the backlog.
    func admitBacklog() {
        while violations.isEmpty, let client = backlog.first, engine.canAccept {
            backlog.removeFirst()
            var owner = client.plan.owner
            if bug == .mistakeOwner, let leaky = plan.leakyOwners.min(), plan.healthyOwners.contains(owner) {
                hasPlantedBug = true
                owner = leaky
            }
            var accepted: ConnectionID?
            // Some owners are known by an address only.
            let key =
                owner % 3 == 2
                ? OwnerKey(high: 0, low: UInt64(owner)) : OwnerKey.local(uid: UInt32(owner), cgroup: 7)
            call("accepted") { [now] in
                if let destination = client.originalDestination {
                    accepted = $0.intercepted(owner: key, destination: destination, now: now)
                } else {
                    accepted = $0.accepted(owner: key, now: now)
                }
            }
            guard let id = accepted else {
                client.socket.link.toPeer.reset(isLosingUnread: true)
                _ = client.socket.link.toProxy.closeReader()
                continue
            }
            trace("client \(client.number) is \(id)")
            let connection = ShellConnection(id: id, link: client.socket.link, key: nil)
            adopt(connection)
            readSoon(connection)
            if connections.count - upstreams > plan.configuration.clients.maxConnections && !boundsAreLowered
            {
                violate(.bounds, "too many client connections")
            }
        }
        // While the process stops nobody is accepted any more: the listener is closed.
        if engine.isDraining {
            for client in backlog { client.socket.link.toPeer.reset(isLosingUnread: true) }
            backlog.removeAll()
        }
    }

    var upstreams: Int { connections.keys.reduce(0) { $0 + ($1.side == .upstream ? 1 : 0) } }

    /// A NAT or firewall forgets the flows to the origins. The kernel's keepalive finds out at last.
    func killFlows() {
        for victim in connections.values.sorted(by: { $0.id.id.slot < $1.id.id.slot })
        where victim.id.side == .upstream && !victim.link.toPeer.isDead {
            trace("flow of \(victim.id) dies")
            victim.link.die()
            schedule(after: .seconds(75)) { [self] in fail(victim) }
        }
    }
}
