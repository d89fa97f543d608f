public import Basics
import ClientPolicy

// Client connections between exchanges and at their end: how long they may lie, and what the kernel says of
// them. Acknowledged is not read: an answer can sit in the app's own receive queue, and a reset destroys it.
extension ProxyEngine {
    /// How often a connection whose app does not read is looked at again.
    static let unreadInterval = Interval.seconds(5)

    /// Sets the deadline of a parked connection by what its owner is known for.
    mutating func armParked(_ id: SlotID) {
        if (isDraining || isWindingDown) && !lastCall.isUnlimited { return arm(id, .lastCall) }
        let requests = Int(clients[id].requests)
        let idle = configuration.clientIdleTimeout
        let lane: ClientLane =
            switch policy.patience(with: id, requests: requests, idleTimeout: idle) {
            case .leaked: .leaked
            case .long: .parkedLong
            case .ordinary where requests > 1: .parked
            case .ordinary where idle <= ClientPolicy.idleEvidence: .parkedOnce
            case .ordinary: .evidence
            }
        arm(id, lane, since: policy.parkedAt(id))
    }

    mutating func parkedDeadlinePassed(_ id: SlotID, _ lane: ClientLane) {
        switch lane {
        case .evidence:
            // Only what was read lies idle.
            arm(id, .parkedOnce, since: policy.parkedAt(id))
            actions.append(.inspectUnread(id))
        case .leaked where !clients[id].isReaping:
            // What lies unread is not parked, and must not be ended as such.
            clients[id].isReaping = true
            inspectUnread(id, again: .leaked)
        case .leaked: endParked(id, .abandoned)
        default: endParked(id, .idleTooLong)
        }
    }

    /// Asks the kernel, and again later where the answer leaves it open.
    mutating func inspectUnread(_ id: SlotID, again lane: ClientLane) {
        arm(id, lane)
        actions.append(.inspectUnread(id))
    }

    /// Answer to `inspectUnread`: bytes in the receive queue of the client's socket; nil where the kernel does
    /// not tell (the client is on another host).
    public mutating func unreadInspected(_ id: SlotID, unread: Int?, now: MonotonicTime) {
        begin(now)
        guard clients.isAlive(id) else {
            statistics.staleEvents += 1
            return
        }
        let owner = policy.owner(of: id)
        let isOfBudget = clients[id].isReaping && destinations.isStalled(id)
        switch clients[id].phase {
        case .parked: parkedInspected(id, unread)
        case .unread: unreadAgain(id, unread)
        case .ending: endingInspected(id, unread)
        case .tunnel: tunnelInspected(id, unread)
        case .exchange: exchangeInspected(id, unread)
        case .fresh, .head: break
        }
        if isOfBudget { limitStalls(of: owner) }
        applyVerdicts()
    }

    private mutating func parkedInspected(_ id: SlotID, _ unread: Int?) {
        if let unread, unread > 0 {
            becomeStalled(id)
        } else if clients[id].isReaping {
            policy.countReaped(id)
            endParked(id, .abandoned)
        } else {
            policy.lieIdle(id, now: now)
        }
    }

    /// A parked connection is found to be unread.
    mutating func becomeStalled(_ id: SlotID) {
        policy.unpark(id)
        clients[id].phase = .unread
        clients[id].isReaping = false
        clients[id].waitsSince = now
        noteStall(id)
        if clients.isAlive(id) { armStall(id, otherwise: .unread) }
    }

    private mutating func unreadAgain(_ id: SlotID, _ unread: Int?) {
        if unread == 0 {
            destinations.resumed(id, now: now)
            destinations.leave(id)
            park(id)
        } else if clients[id].isReaping || isLeakedStall(id, unread) {
            cutStalled(id)
        } else if now.since(clients[id].waitsSince) >= configuration.writeTimeout {
            statistics.limits[Int(Limit.writeTimeout.rawValue)] += 1
            closeClient(id, .reset)
        }
    }

    /// Our FIN was not answered. Where the app has read everything, the reset takes nothing from it and frees
    /// its port; without knowing, one that was idle is reset and one that may be reading its last answer waits.
    private mutating func endingInspected(_ id: SlotID, _ unread: Int?) {
        let hasWaited = now.since(clients[id].waitsSince) >= configuration.writeTimeout
        // Our FIN counts as a byte that was not read.
        let isTaken = unread.map { $0 <= 1 } ?? false || (unread == nil && clients[id].endingKind == .idle)
        if (isTaken && !clients[id].isStalled) || hasWaited {
            statistics.resetAfterGrace += 1
            closeClient(id, .reset)
        } else if unread == nil {
            arm(id, .linger, since: clients[id].waitsSince)
        } else if clients[id].isReaping || isLeakedStall(id, unread) {
            cutStalled(id)
        } else {
            noteStall(id)
            if clients.isAlive(id) { armStall(id, otherwise: .graceAgain) }
        }
    }

    // MARK: Stalls

    /// Sets the deadline of a stalled connection by what is known of its owner at the destination.
    mutating func armStall(_ id: SlotID, otherwise lane: ClientLane) {
        arm(id, isCuredThere(id) ? .stallOfLeak : lane)
    }

    /// Whether the connection has been stalled for as long as a leaking owner may leave it, and its app has
    /// taken nothing since it was last looked at: who reads slowly is no leaker, whatever its owner is.
    mutating func isLeakedStall(_ id: SlotID, _ unread: Int?) -> Bool {
        guard isCuredThere(id), destinations.isStalled(id) else { return false }
        let seen = UInt32(clamping: unread ?? 0)
        let hasTaken = unread != nil && seen != clients[id].unreadSeen
        clients[id].unreadSeen = seen
        return !hasTaken && now.since(destinations.stalledSince(id)) >= configuration.leakIdleTimeout
    }

    /// The kernel's word on an exchange whose client takes nothing more.
    private mutating func exchangeInspected(_ id: SlotID, _ unread: Int?) {
        guard clients[id].isStalled, isLeakedStall(id, unread) else { return }
        cutStalled(id)
        applyPoolEffects()
    }

    /// A verdict on their destination changed: the deadlines of what is stalled there follow.
    mutating func rearmStalled(_ id: SlotID) {
        switch clients[id].phase {
        case .unread: armStall(id, otherwise: .unread)
        case .ending: armStall(id, otherwise: .graceAgain)
        case .tunnel where !clients[id].isStalled: armStall(id, otherwise: .unread)
        case .fresh, .head, .parked, .exchange, .tunnel: armClient(id)
        }
    }

    /// The client does not take, or does not read, what it was sent. Beyond its owner's budget the longest
    /// stalled goes (POLICY §3.6).
    mutating func noteStall(_ id: SlotID) {
        guard clients.isAlive(id) else { return }
        joinDestination(id, isTunnel: false)
        if !destinations.isStalled(id) { clients[id].unreadSeen = 0 }
        destinations.stall(id, now: now)
        limitStalls(of: policy.owner(of: id), latest: id)
    }

    /// Cuts the longest stalled of an owner, as long as there are too many. `latest` is known to be stalled.
    private mutating func limitStalls(of owner: SlotID, latest: SlotID? = nil) {
        let budget = configuration.maxStalledPerOwner
        guard let victim = destinations.stalledSurplus(of: owner, budget: budget) else { return }
        if clients[victim].isStalled || victim == latest {
            cutStalled(victim)
            applyPoolEffects()
        } else if !clients[victim].isReaping {
            // What was found unread a while ago may have been read since.
            clients[victim].isReaping = true
            actions.append(.inspectUnread(victim))
        }
    }

    /// The client has taken what was pending.
    mutating func endStall(_ id: SlotID) {
        destinations.resumed(id, now: now)
        if clients[id].phase != .tunnel { destinations.leave(id) }
    }

    /// Counts the connection among what its owner has to the destination of its exchange.
    mutating func joinDestination(_ id: SlotID, isTunnel: Bool) {
        let name = destinationText(of: id)
        destinations.join(
            id,
            owner: policy.owner(of: id),
            destination: clients[id].destination,
            name: name.span,
            clients: policy.clients(of: policy.owner(of: id)),
            isTunnel: isTunnel,
            now: now
        )
    }

    /// Cuts a stalled connection: the client must see an error, not a short success.
    mutating func cutStalled(_ id: SlotID) {
        policy.countReaped(id)
        destinations.cutForStall(id, now: now)
        statistics.stallsCut += 1
        switch clients[id].phase {
        case .tunnel: closeTunnel(id, .tooManyStalled)
        case .exchange where exchanges[id].isOpen: abortExchange(id, .tooManyStalled, .reset)
        case .fresh, .head, .exchange, .parked, .unread, .ending: closeClient(id, .reset)
        }
    }
}
