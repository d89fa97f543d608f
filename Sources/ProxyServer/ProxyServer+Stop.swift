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
            workers.drain(lastCall: lastCall)
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
            workers.drain(lastCall: lastCall, stillAccepts: true)
        }
    }

    /// Called after each event while the process stops.
    func settled() {
        switch phase {
        case .serving: break
        case .lastCall:
            // Not within an event: to accept what waits is another one.
            if workers.keepNothing { loop.afterTurn { [unowned self] in closeDoors() } }
        case .handedOver, .stopping: if workers.areAtRest { loop.stop() }
        }
    }

    /// The last call is over: nobody is accepted any more but who is in a backlog that ends with this process. What
    /// the service manager keeps open is left to the next one.
    private func closeDoors() {
        guard phase == .lastCall else { return }
        lastCallTimer = nil
        // Before the phase changes: as long as somebody waits here, not everything is over.
        workers.local.listeners.close(servesBacklog: true)
        interceptor.close(servesBacklog: true)
        phase = .stopping
        observability.places = []
        log.info("accepting nothing more")
        workers.drain(lastCall: lastCall) { $0.listeners.close(servesBacklog: true) }
    }

    /// Another process accepts from now on. Parked connections keep the time that was announced to their clients,
    /// as far as `drain_timeout` allows.
    func leave() {
        phase = .handedOver
        interceptor.release()
        observability.adminServer?.release()
        observability.places = []
        workers.local.dataPlane.onActivity = nil
        reporter = nil
        let limit = loaded.settings.drainTimeout
        if !limit.isUnlimited {
            let end = loop.now + limit
            drainTimer = LoopTimer(loop: loop) { [unowned self] in
                workers.drain(lastCall: lastCall)
                cutOff(at: end)
            }
            let rest = max(0, limit.nanoseconds - ProxyServer.farewell.nanoseconds)
            drainTimer?.arm(at: loop.now + Interval(nanoseconds: rest))
        }
        workers.drain(lastCall: .unlimited) { $0.listeners.release() }
    }

    private var lastCall: Interval { workers.local.dataPlane.engine.usualLastCall }

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
        interceptor.close(servesBacklog: false)
        workers.each { worker in
            worker.listeners.close(servesBacklog: false)
            worker.dataPlane.stop()
        }
        loop.stop()
    }
}
