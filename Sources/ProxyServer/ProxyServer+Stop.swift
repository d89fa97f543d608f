import Basics
import Logging
import Reactor
import Settings

extension ProxyServer {
    /// How long parked connections have for another request, whose response announces the close, when the process is
    /// told to end. Meanwhile nobody else accepts, so it is short; a connection that is quiet for longer is hardly
    /// in use at the moment when it is closed.
    private static let lastCall = Interval.seconds(1)
    /// What the end of a process takes that has handed over and is still not at rest at `drain_timeout`: the last
    /// call, and steps of the close behind it.
    private static let farewell = Interval.seconds(3)

    /// First signal: finish what is in flight. Second: stop now.
    func stop() {
        switch phase {
        case .stopping: return cut()
        case .handedOver: log.info("told to end: parked connections are ended now")
        case .serving:
            log.info("stopping: accepting nothing more, finishing what is in flight")
            // It is to take over nothing any more, and has accepted nothing.
            abandonSuccessor()
            // Before the drain: what the kernel has let in is served.
            listeners.close(servesBacklog: true)
            interceptor.close(servesBacklog: true)
        }
        let hadHandedOver = phase == .handedOver
        phase = .stopping
        observability.places = []
        reporter?.stopping()
        let limit = loaded.settings.drainTimeout
        if !limit.isUnlimited { endBy(loop.now + limit, keepingEarlier: hadHandedOver) }
        dataPlane.drain(lastCall: min(ProxyServer.lastCall, loaded.settings.client.closeGrace))
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
                dataPlane.drain(lastCall: ProxyServer.lastCall)
                endBy(end, keepingEarlier: false)
            }
            let rest = max(0, limit.nanoseconds - ProxyServer.farewell.nanoseconds)
            drainTimer?.arm(at: loop.now + Interval(nanoseconds: rest))
        }
        dataPlane.drain(lastCall: .unlimited)
    }

    private func endBy(_ deadline: MonotonicTime, keepingEarlier: Bool) {
        if keepingEarlier, let armed = drainTimer?.armedFor, armed != .never { return }
        drainTimer = LoopTimer(loop: loop) { [unowned self] in
            log.warning("drain_timeout passed; what is left is cut")
            cut()
        }
        drainTimer?.arm(at: deadline)
    }

    private func cut() {
        dataPlane.stop()
        loop.stop()
    }
}
