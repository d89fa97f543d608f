import Basics
import Logging
import ProxyCore
import Reactor
import Settings

extension ProxyServer {
    /// How long new clients are served behind the last call, while parked connections are given `client.close_grace`.
    private static let longestGrace = Interval.seconds(2)
    /// What the end of a process takes that has handed over and is still not at rest at `drain_timeout`: the last
    /// call, and the steps of the close behind it.
    private static let farewell = Interval.seconds(3)

    /// First signal: finish what is in flight. Second: stop now.
    func stop() {
        switch phase {
        case .lastCall, .stopping: return cut()
        case .handedOver:
            log.info("told to end: parked connections have their last call now")
            phase = .stopping
            endInTime(keepingEarlier: true)
            dataPlane.drain(lastCall: lastCall)
        case .serving:
            log.info("stopping: nothing is kept any more, what is in flight is finished")
            // It is to take over nothing any more, and has accepted nothing.
            abandonSuccessor()
            phase = .lastCall
            reporter?.stopping()
            endInTime(keepingEarlier: false)
            // Nobody else accepts meanwhile, so new clients are served, once each, also while those that do not
            // look at their sockets are given their grace.
            lastCallTimer = LoopTimer(loop: loop) { [unowned self] in closeDoors() }
            let grace = min(ProxyServer.longestGrace, loaded.settings.client.closeGrace)
            lastCallTimer?.arm(at: loop.now + lastCall + grace)
            dataPlane.drain(lastCall: lastCall, stillAccepts: true)
        }
    }

    /// Called after each event while the process stops.
    func settled() {
        switch phase {
        case .serving: break
        case .lastCall:
            // Not within an event: to accept what waits is another one.
            if dataPlane.engine.keepsNothing { loop.afterTurn { [unowned self] in closeDoors() } }
        case .handedOver, .stopping: if dataPlane.engine.isAtRest { loop.stop() }
        }
    }

    /// The last call is over: nobody is accepted any more but who is in a backlog that ends with this process. What
    /// the service manager keeps open is left to the next one.
    private func closeDoors() {
        guard phase == .lastCall else { return }
        lastCallTimer = nil
        listeners.close(servesBacklog: true)
        interceptor.close(servesBacklog: true)
        phase = .stopping
        observability.places = []
        log.info("accepting nothing more")
        dataPlane.drain(lastCall: lastCall)
    }

    /// Another process accepts from now on. Parked connections keep the time that was announced to their clients,
    /// as far as `drain_timeout` allows.
    func leave() {
        phase = .handedOver
        listeners.release()
        interceptor.release()
        observability.adminServer?.release()
        observability.places = []
        dataPlane.onActivity = nil
        reporter = nil
        let limit = loaded.settings.drainTimeout
        if !limit.isUnlimited {
            let end = loop.now + limit
            drainTimer = LoopTimer(loop: loop) { [unowned self] in
                dataPlane.drain(lastCall: lastCall)
                cutOff(at: end)
            }
            let rest = max(0, limit.nanoseconds - ProxyServer.farewell.nanoseconds)
            drainTimer?.arm(at: loop.now + Interval(nanoseconds: rest))
        }
        dataPlane.drain(lastCall: .unlimited)
    }

    private var lastCall: Interval { dataPlane.engine.usualLastCall }

    /// Sets `drain_timeout` going.
    private func endInTime(keepingEarlier: Bool) {
        let limit = loaded.settings.drainTimeout
        if limit.isUnlimited { return }
        if keepingEarlier, let armed = drainTimer?.armedFor, armed != .never { return }
        cutOff(at: loop.now + limit)
    }

    private func cutOff(at deadline: MonotonicTime) {
        drainTimer = LoopTimer(loop: loop) { [unowned self] in
            log.warning("drain_timeout passed; what is left is cut")
            cut()
        }
        drainTimer?.arm(at: deadline)
    }

    private func cut() {
        listeners.close(servesBacklog: false)
        interceptor.close(servesBacklog: false)
        dataPlane.stop()
        loop.stop()
    }
}
