public import Basics
import ClientPolicy
import UpstreamPool

extension ProxyEngine {
    /// The process is stopping: nothing is kept any more. Work in flight goes on. May be called again, with less time.
    ///
    /// A close that nobody announced may meet a request on its way, which is then lost. So parked connections are
    /// not ended at once: a request that comes is served, and its response announces the close.
    ///
    /// - Parameter lastCall: how long a parked connection has for that; unlimited leaves it the time that it has
    ///   anyhow.
    /// - Parameter stillAccepts: serve new connections as well, once each: as long as nobody else can.
    public mutating func drain(
        lastCall: Interval = .zero,
        stillAccepts: Bool = false,
        now: MonotonicTime
    ) {
        begin(now)
        isDraining = true
        self.stillAccepts = stillAccepts
        self.lastCall = lastCall
        if !lastCall.isUnlimited { rearmParked() }
        if stillAccepts { return }
        // Who has asked for nothing by the end of a grace will hardly do so.
        clientDeadlines.clamp(lane: ClientLane.request.rawValue, to: now + configuration.closeGrace)
        pool.drain(now: now)
        applyPoolEffects()
    }

    /// Asks clients to go, or no longer: every response announces the close, and parked connections have a last call,
    /// while new connections and requests are served as ever.
    public mutating func windDown(_ isWanted: Bool, now: MonotonicTime) {
        begin(now)
        isWindingDown = isWanted
        if isDraining { return }
        lastCall = usualLastCall
        rearmParked()
    }

    /// How long parked connections have for another request, whose response announces the close. A connection that is
    /// quiet for longer is hardly in use at the moment when it is closed; and whoever wants short closes has a short
    /// last call, too.
    public var usualLastCall: Interval { min(.seconds(1), configuration.closeGrace) }

    /// Sets the deadlines of what is parked anew, some thousands now and the others as `timePassed` is called: all of
    /// them at once would hold up everybody.
    private mutating func rearmParked() {
        unarmed = 0..<clients.capacity
        rearmSome()
    }

    mutating func rearmSome() {
        let some = unarmed.prefix(4096)
        unarmed = some.upperBound..<unarmed.upperBound
        for slot in some {
            guard let id = clients.occupant(of: slot), clients[id].phase == .parked else { continue }
            armParked(id)
        }
    }

    /// Closes the idle connections to one host and port, by order of an operator.
    ///
    /// - Parameter host: Without brackets.
    /// - Returns: How many there were; nil where the pool has nothing there.
    public mutating func closeIdle(host: Span<UInt8>, port: UInt16, now: MonotonicTime) -> Int? {
        begin(now)
        let closed = pool.closeIdle(host: host, port: port, now: now)
        applyPoolEffects()
        return closed
    }

    /// The time for draining is up: everything is cut, and each exchange and tunnel gets its outcome. Its work
    /// grows with the number of connections; the process ends with it.
    public mutating func stop(now: MonotonicTime) {
        begin(now)
        isDraining = true
        stillAccepts = false
        for slot in 0..<clients.capacity {
            guard let id = clients.occupant(of: slot) else { continue }
            switch clients[id].phase {
            case .exchange where exchanges[id].isOpen: abortExchange(id, .stopped, .reset)
            case .tunnel: closeTunnel(id, .stopped)
            case .fresh, .head, .parked, .unread, .ending, .exchange: closeClient(id, .normal)
            }
        }
        pool.drain(now: now)
        applyPoolEffects()
    }
}
