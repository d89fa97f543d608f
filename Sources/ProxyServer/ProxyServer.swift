import Basics
import Dialling
import Glibc
import Logging
import ProxyCore
import Reactor
public import Settings
import Telemetry

/// Why the daemon could not start; one line for people.
public struct StartError: Error, CustomStringConvertible {
    public let description: String
}

/// The running daemon: one loop thread with listeners, data plane, resolver, admin server and signals.
public final class ProxyServer {
    /// Reads all sources of settings again.
    public typealias Loader = () throws(SettingsError) -> LoadedSettings

    private let loop: EventLoop
    private let resolver: Resolver
    private let dataPlane: DataPlane
    private let listeners: ClientListeners
    private var interceptor: Interceptor?
    /// SO_MARK of the sockets that are opened; 0 for none.
    private let mark: UInt32
    private let observability: Observability
    private var loaded: LoadedSettings
    /// In Via where the settings give no name: of this process alone, so that a loop is told from a chain.
    private let pseudonym: String
    private let reload: Loader
    private let log: Logger
    private let notifier = ServiceNotifier()
    private var signals: [SignalWatch] = []
    private var drainTimer: LoopTimer?
    private var isStopping = false

    /// Binds everything; nothing is served before `run`.
    public init(_ loaded: LoadedSettings, version: String, reload: @escaping Loader) throws(StartError) {
        self.loaded = loaded
        self.reload = reload
        let settings = loaded.settings
        // Every connection is a descriptor; the settings were fitted to the hard limit.
        var limitError: SystemError?
        do { _ = try ResourceLimits.raiseDescriptors() } catch { limitError = error }
        let wantedMark = UInt32(clamping: settings.redirect.mark.count)
        let markObstacle = wantedMark == 0 ? nil : Sockets.obstacle(toMark: wantedMark)
        mark = markObstacle == nil ? wantedMark : 0
        do {
            loop = try EventLoop()
            resolver = try Resolver(loop: loop, options: Resolver.Options(settings, mark: mark))
        } catch {
            throw StartError(description: "\(error)")
        }
        let dialer = Dialer(loop: loop, resolver: resolver, options: Dialer.Options(settings, mark: mark))
        var random = SystemRandomNumberGenerator()
        pseudonym = ProxyServer.makePseudonym(&random)
        dataPlane = DataPlane(
            loop: loop,
            dialer: dialer,
            configuration: EngineConfiguration(settings, pseudonym: pseudonym),
            seed: random.next()
        )
        dataPlane.authenticator.reconfigure(settings.access.users)
        loop.handler = dataPlane
        listeners = ClientListeners(loop: loop)
        do {
            observability = try Observability(
                loop: loop,
                dataPlane: dataPlane,
                settings: settings,
                version: version
            )
        } catch {
            throw StartError(description: "\(error)")
        }
        log = observability.log
        if let limitError {
            log.warning("the limit of descriptors stays as it is", metadata: ["reason": "\(limitError)"])
        }
        if let markObstacle { ProxyServer.tellUnmarked(log, markObstacle) }
        try listen(settings)
        connect()
        connectInterceptor()
    }

    /// Once, at start: it is no error, as long as the rules tell weir's connections by something else.
    private static func tellUnmarked(_ log: Logger, _ obstacle: SystemError) {
        log.warning(
            "weir's own connections carry no mark; rules can tell them by user or control group only",
            metadata: ["reason": "\(obstacle)", "remedy": "CAP_NET_ADMIN, or redirect.mark: 0"]
        )
    }

    private func listen(_ settings: Settings) throws(StartError) {
        do throws(SystemError) {
            for address in settings.listen {
                switch address {
                case .network(let endpoint):
                    guard let endpoint = Endpoint(endpoint) else { continue }
                    try listeners.listen(on: endpoint, DeadPeerDetection(settings.tcp))
                case .unix(let path): try listeners.listen(at: path, mode: settings.listenMode)
                }
            }
            interceptor = try Interceptor(
                loop: loop,
                settings: settings,
                diagnostics: dataPlane.identity.diagnostics,
                log: log
            )
        } catch {
            throw StartError(description: "\(error)")
        }
        observability.places = listeners.places
    }

    /// `weir-` and eight hexadecimal digits.
    private static func makePseudonym(_ random: inout SystemRandomNumberGenerator) -> String {
        let digits = String(UInt32.random(in: .min ... .max, using: &random), radix: 16)
        return "weir-" + String(repeating: "0", count: 8 - digits.count) + digits
    }

    private func connect() {
        listeners.onAccept = { [unowned self] in dataPlane.accepted($0, $1) }
        listeners.onExhausted = { [unowned self] code in
            observability.counters.acceptPauses += 1
            log.warning("no descriptor or memory for another client; idle connections make room")
            dataPlane.descriptorsExhausted()
        }
        dataPlane.onSettled = { [unowned self] in
            listeners.setRoom(dataPlane.engine.canAccept)
            interceptor?.setRoom(dataPlane.engine.canAccept)
            if isStopping && dataPlane.engine.isAtRest { loop.stop() }
        }
        drainTimer = LoopTimer(loop: loop) { [unowned self] in
            log.warning("drain_timeout passed; what is left is cut")
            cut()
        }
        // A peer that closes while we write is an error value (EPIPE), not a reason to die.
        SignalWatch.ignore(SIGPIPE)
        for signal in [SIGTERM, SIGINT] {
            signals.append(SignalWatch(loop: loop, signal: signal) { [unowned self] in stop() })
        }
        signals.append(SignalWatch(loop: loop, signal: SIGHUP) { [unowned self] in reloadSettings() })
    }

    private func connectInterceptor() {
        guard let interceptor else { return }
        interceptor.forbid(listeners.endpoints + (observability.adminAddress.map { [$0] } ?? []))
        interceptor.onAccept = { [unowned self] in dataPlane.intercepted($0, $1, $2) }
        interceptor.onExhausted = listeners.onExhausted
        dataPlane.dialer.onOpened = { [unowned interceptor] in interceptor.dialled($0) }
        dataPlane.dialer.comesBack = { [unowned interceptor] in interceptor.comesBack($0) }
        let state = RedirectState(
            listen: interceptor.endpoints.map(\.description),
            mark: mark,
            user: OwnIdentity.user,
            controlGroup: OwnIdentity.controlGroup()
        )
        observability.showRedirect(state) { [unowned interceptor] in interceptor.refused }
    }

    /// Where apps are served.
    public var endpoints: [String] { listeners.places }

    /// Serves until a signal ends it.
    public func run() {
        let places = endpoints.joined(separator: ", ")
        log.info("serving", metadata: ["listen": "\(places)", "admin": "\(observability.adminEndpoint)"])
        if let interceptor {
            let places = interceptor.endpoints.map(\.description).joined(separator: ", ")
            log.info(
                "taking redirected connections",
                metadata: [
                    "listen": "\(places)", "mark": "\(mark)",
                    "tproxy": "\(interceptor.isTransparent ? "yes" : "no")",
                ]
            )
        }
        notifier?.ready(status: "serving on \(places)")
        loop.run()
        dataPlane.close()
        resolver.close()
        log.info("stopped")
        observability.close()
    }

    /// First signal: finish what is in flight. Second: stop now.
    private func stop() {
        if isStopping { return cut() }
        isStopping = true
        log.info("stopping: accepting nothing more, finishing what is in flight")
        notifier?.stopping(status: "draining")
        listeners.close()
        observability.places = []
        interceptor?.close()
        if !loaded.settings.drainTimeout.isUnlimited {
            drainTimer?.arm(at: loop.now + loaded.settings.drainTimeout)
        }
        dataPlane.drain()
    }

    private func cut() {
        dataPlane.stop()
        loop.stop()
    }

    /// Puts new settings in force, or none of them.
    private func reloadSettings() {
        if isStopping { return }
        notifier?.reloading(now: loop.now)
        do throws(SettingsError) {
            apply(try reload())
            observability.counters.reloads += 1
        } catch {
            observability.counters.reloadsRefused += 1
            log.error("settings not reloaded; the former ones stay", metadata: ["reason": "\(error)"])
        }
        notifier?.ready(status: "serving on \(endpoints.joined(separator: ", "))")
    }

    private func apply(_ new: LoadedSettings) {
        let changes = new.changes(since: loaded)
        for change in changes {
            let metadata: Logger.Metadata = [
                "key": "\(change.key)", "from": "\(change.before)", "to": "\(change.after)",
            ]
            if change.reloadable {
                log.info("setting changed", metadata: metadata)
            } else {
                log.warning("setting needs a restart to change", metadata: metadata)
            }
        }
        let settings = new.settings
        do {
            try resolver.reconfigure(Resolver.Options(settings, mark: mark))
        } catch {
            log.error("name servers not changed", metadata: ["reason": "\(error)"])
        }
        loaded = new
        dataPlane.dialer.reconfigure(Dialer.Options(settings, mark: mark))
        listeners.reconfigure(DeadPeerDetection(settings.tcp))
        interceptor?.reconfigure(DeadPeerDetection(settings.tcp))
        observability.reconfigure(settings)
        dataPlane.authenticator.reconfigure(settings.access.users)
        dataPlane.reconfigure(EngineConfiguration(settings, pseudonym: pseudonym))
        log.info("settings reloaded", metadata: ["changes": "\(changes.count)"])
    }
}
