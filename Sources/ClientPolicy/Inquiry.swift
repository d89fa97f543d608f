public import Basics

// Before an owner is called leaking it is inquired into. Many processes with a client each look like one that
// leaks, and so does an app that reads many answers slowly: both open connections beside others that seem to
// lie idle. How many processes there are, and what lies unread, the kernel knows; the ledger does not.

/// An inquiry into an owner that may be under way.
struct Inquiry: BitwiseCopyable {
    /// One that brought no answer in this time is lost.
    private static let patience = Interval.seconds(5)
    private var since = MonotonicTime.never

    /// Whether to ask now; asked again only when the answer came, or is lost.
    mutating func isDue(_ now: MonotonicTime) -> Bool {
        if since != .never && now.since(since) < Inquiry.patience { return false }
        since = now
        return true
    }

    /// The answer came. Returns whether one was awaited.
    mutating func end() -> Bool {
        if since == .never { return false }
        since = .never
        return true
    }
}

extension ClientPolicy {
    /// What is assumed of an owner of which nobody can tell how many processes it has: crowds of up to 60 clients
    /// with one address stay healthy by it (`OwnerPopulation`), and a leak is found with the 50th connection.
    public static let unknownClients = 24
    /// More are not told apart, which costs a question to the kernel each.
    public static let mostClients = 512

    /// Answer to an inquiry into a suspect.
    ///
    /// - Parameters:
    ///   - clients: How many clients the owner may consist of, that is, its processes; nil where nobody knows.
    ///   - unread: Connections of it that were parked, whose app has not read the answer yet.
    public mutating func inquired(
        into owner: SlotID,
        clients: Int?,
        unread: [SlotID],
        now: MonotonicTime
    ) {
        guard owners.isAlive(owner), owners[owner].inquiry.end() else { return }
        let former = owners[owner].clients
        owners[owner].clients = ClientPolicy.bounded(clients)
        let excused = unread.filter { isParked($0) && members[$0.index].owner == owner }
        for id in excused {
            owners[owner].ledger.change(members[id.index].entry, to: .idle)
            members[id.index].isExcused = true
        }
        let isMostlyUnread = 2 * excused.count > Int(owners[owner].parked.count)
        // What was opened beside so many idle ones was opened beside too few.
        if owners[owner].clients > former || isMostlyUnread { owners[owner].ledger.forgetIdle() }
        conclude(owner, now)
    }

    /// What an inquiry brought, as a number to count with.
    static func bounded(_ clients: Int?) -> Int { min(max(1, clients ?? unknownClients), mostClients) }

    /// How many clients an owner consists of, as far as is known.
    public func clients(of owner: SlotID) -> Int { owners.isAlive(owner) ? owners[owner].clients : 1 }
}

extension DestinationPolicy {
    /// Answer to an inquiry into an owner; see ``ClientPolicy/inquired(into:clients:unread:now:)``.
    public mutating func inquired(
        into owner: SlotID,
        clients: Int?,
        unread: [SlotID],
        now: MonotonicTime
    ) {
        let clients = ClientPolicy.bounded(clients)
        for id in slots(of: owner) {
            // The answer is one on the owner, so it serves those too that would have asked next.
            let isAwaited = destinations[id].inquiry.end()
            let former = destinations[id].clients
            destinations[id].clients = clients
            let excused = unread.filter { isSuspect($0) && members[$0.index].destination.id == id }
            for member in excused {
                destinations[id].ledger.change(members[member.index].entry, to: .idle)
                members[member.index].isExcused = true
            }
            let isMostlyUnread = 2 * excused.count > Int(destinations[id].unproven.count)
            if clients > former || isMostlyUnread { destinations[id].ledger.forgetIdle() }
            if isAwaited { conclude(id, now) }
        }
    }

    /// Forgets the suspects that the caller has read.
    public mutating func clearSuspects() { suspects.removeAll(keepingCapacity: true) }
}
