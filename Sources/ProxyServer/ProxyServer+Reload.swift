import Dialling
import Logging
import ProxyCore
import Reactor
import Settings
import Telemetry

extension ProxyServer {
    /// How the listening sockets are to change for these settings. What is lacking is open afterwards.
    func plan(_ settings: Settings) throws(SystemError) -> ListenerPlan {
        try ListenerPlan(from: sockets, to: settings, workers: workers.count) { address, error in
            guard Interceptor.mayLack(address, error, settings) else { return false }
            log.info("no redirected connections over IPv6", metadata: ["reason": "\(error)"])
            return true
        }
    }

    /// Serves on the sockets of the plan and closes what is in it no more.
    func carryOut(_ plan: ListenerPlan, _ settings: Settings) {
        sockets = plan.sockets
        let detection = DeadPeerDetection(settings.tcp)
        func ofRole(_ role: ListenerRole) -> [ListeningSocket] { sockets[role, default: []].map(\.socket) }
        for (index, share) in sockets[.client, default: []].shares(among: workers.count).enumerated() {
            workers.tell(index) { $0.listeners.listen(on: share, detection) }
        }
        observability.adminServer?.listen(on: ofRole(.admin))
        let others = (ofRole(.client) + ofRole(.admin)).compactMap(\.place.endpoint)
        interceptor.listen(on: ofRole(.redirect), others: others, detection)
        observability.places = endpoints
        connectInterceptor()
    }

    /// Puts new settings in force, or none of them.
    func reloadSettings() {
        if phase != .serving { return }
        reporter?.reloading()
        var refusal: String?
        if successor == nil {
            do {
                try apply(try reload())
                observability.counters.reloads += 1
            } catch {
                refusal = "\(error)"
            }
        } else {
            refusal = "an upgrade is under way; its process reads the settings"
        }
        observability.lifecycle.reloadError = refusal
        if let refusal {
            observability.counters.reloadsRefused += 1
            log.error("settings not reloaded; the former ones stay", metadata: ["reason": "\(refusal)"])
        }
        reporter?.ready(remark: refusal.map { "settings not reloaded: \($0)" })
    }

    /// Everything that may fail comes first, and is taken back where something else fails.
    private func apply(_ new: LoadedSettings) throws {
        let settings = new.settings
        let plan = try plan(settings)
        do {
            try observability.reconfigure(settings)
            try workers.local.resolver.reconfigure(Resolver.Options(settings, mark: mark))
        } catch {
            plan.abandon()
            try? observability.reconfigure(loaded.settings)
            throw error
        }
        let changes = new.changes(since: loaded)
        tell(changes)
        observability.lifecycle.settingsChanged = changes.count
        let needRestart = new.changes(since: startSettings).filter { !$0.reloadable }
        observability.lifecycle.needsRestart = needRestart.map(\.key)
        loaded = new
        carryOut(plan, settings)
        observability.keepAccessLog(settings.log)
        workers.local.reconfigure(settings)
        workers.eachOther { [log, mark] worker in
            // What the first one has taken fails here for want of memory or descriptors at most.
            do { try worker.resolver.reconfigure(Resolver.Options(settings, mark: mark)) } catch {
                log.error("a worker asks the former name servers", metadata: ["reason": "\(error)"])
            }
            worker.reconfigure(settings)
        }
        log.info("settings reloaded", metadata: ["changes": "\(changes.count)"])
    }

    private func tell(_ changes: [SettingChange]) {
        for change in changes {
            let metadata: Logger.Metadata = [
                "key": "\(change.key)", "from": "\(change.before)", "to": "\(change.after)",
            ]
            if change.reloadable {
                log.info("setting changed", metadata: metadata)
            } else {
                log.warning("setting needs a restart or an upgrade to change", metadata: metadata)
            }
        }
    }

    /// The dialers look out for loops only while there are redirected connections.
    private func connectInterceptor() {
        let loops = interceptor.endpoints.isEmpty ? nil : interceptor.loops
        workers.each { $0.watchForLoops(loops) }
        let state = RedirectState(
            listen: interceptor.endpoints.map(\.description),
            mark: mark,
            user: OwnIdentity.user,
            controlGroup: OwnIdentity.controlGroup()
        )
        observability.showRedirect(state) { [unowned interceptor] in interceptor.refused }
    }
}
