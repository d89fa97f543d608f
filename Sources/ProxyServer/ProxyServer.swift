import Basics
import ClientPolicy
import Dialling
import Glibc
import Logging
import ProxyCore
public import Reactor
public import Settings
import Telemetry
import UpstreamPool

/// Why the daemon could not start; one line for people.
public struct StartError: Error, CustomStringConvertible {
    public let description: String
}

/// The running daemon: on the main thread's loop the first worker, admin server and signals; the other workers have
/// threads of their own.
public final class ProxyServer {
    /// Reads all sources of settings again.
    public typealias Loader = () throws(SettingsError) -> LoadedSettings

    /// What the process was started with and as.
    public struct Start {
        /// Released version, after semver.org.
        public var version: String
        /// The command line, the program's name first: an upgrade starts the program with it again.
        public var arguments: [String]
        /// Sockets of the service manager's, or of the process before this one.
        public var inheritance: Inheritance

        /// States all three.
        public init(version: String, arguments: [String], inheritance: Inheritance) {
            self.version = version
            self.arguments = arguments
            self.inheritance = inheritance
        }
    }

    /// What the process does.
    enum Phase {
        case serving
        /// Another process has taken over; work in flight goes on.
        case handedOver
        /// Told to end; clients are accepted as long as parked connections have their last call.
        case lastCall
        /// Accepting nothing more; work in flight goes on.
        case stopping
    }

    let loop: EventLoop
    let workers: Workers
    let interceptor: Interceptor
    /// SO_MARK of the sockets that are opened; 0 for none.
    let mark: UInt32
    let observability: Observability
    let start: Start
    /// Those of the start, and those in force.
    let startSettings: LoadedSettings
    var loaded: LoadedSettings
    var sockets: ServingSockets = [:]
    /// Taken over from the process before this one, and not in the settings any more.
    private var unwanted: [ListeningSocket] = []
    /// In Via where the settings give no name: of this process alone, so that a loop is told from a chain.
    let pseudonym: String
    let reload: Loader
    let log: Logger
    var reporter: ServiceReporter?
    private var signals: [SignalWatch] = []
    var drainTimer: LoopTimer?
    var lastCallTimer: LoopTimer?
    var phase = Phase.serving
    /// The process that is to take over, while it starts.
    var successor: Successor?
    var successorTimer: LoopTimer?
    private var predecessorWatch: PredecessorWatch?

    /// Binds everything; nothing is served before `run`.
    public init(_ loaded: LoadedSettings, _ start: Start, reload: @escaping Loader) throws(StartError) {
        self.loaded = loaded
        startSettings = loaded
        self.start = start
        self.reload = reload
        let settings = loaded.settings
        // Every connection is a descriptor; the settings were fitted to the hard limit.
        var limitError: SystemError?
        do { _ = try ResourceLimits.raiseDescriptors() } catch { limitError = error }
        let wantedMark = UInt32(clamping: settings.redirect.mark.count)
        let markObstacle = wantedMark == 0 ? nil : Sockets.obstacle(toMark: wantedMark)
        mark = markObstacle == nil ? wantedMark : 0
        var random = SystemRandomNumberGenerator()
        pseudonym = ProxyServer.makePseudonym(&random)
        var setups = (0..<settings.workers).map { [pseudonym, mark] index in
            WorkerSetup(
                index: index,
                count: settings.workers,
                settings: settings,
                pseudonym: pseudonym,
                mark: mark,
                seed: random.next()
            )
        }
        do {
            loop = try EventLoop()
            workers = try Workers(setups.removeFirst(), loop: loop)
            observability = try Observability(workers: workers, settings: settings, version: start.version)
        } catch {
            throw StartError(description: "\(error)")
        }
        log = observability.log
        let diagnostics = workers.local.dataPlane.identity.diagnostics
        interceptor = Interceptor(loop: loop, diagnostics: diagnostics, log: log)
        if let limitError {
            log.warning("the limit of descriptors stays as it is", metadata: ["reason": "\(limitError)"])
        }
        if let markObstacle { ProxyServer.tellUnmarked(log, markObstacle) }
        do throws(StartError) {
            try workers.start(setups)
            observability.keepAccessLog(settings.log)
            connect()
            setHeld(true)
            try listen(settings)
        } catch {
            workers.close()
            throw error
        }
    }

    /// Once, at start: it is no error, as long as the rules tell weir's connections by something else.
    private static func tellUnmarked(_ log: Logger, _ obstacle: SystemError) {
        log.warning(
            "weir's own connections carry no mark; rules can tell them by user or control group only",
            metadata: ["reason": "\(obstacle)", "remedy": "CAP_NET_ADMIN, or redirect.mark: 0"]
        )
    }

    /// `weir-` and eight hexadecimal digits.
    private static func makePseudonym(_ random: inout SystemRandomNumberGenerator) -> String {
        let digits = String(UInt32.random(in: .min ... .max, using: &random), radix: 16)
        return "weir-" + String(repeating: "0", count: 8 - digits.count) + digits
    }

    private func listen(_ settings: Settings) throws(StartError) {
        let inherited = start.inheritance
        for entry in inherited.sockets {
            sockets[ListenerRole(named: entry.name), default: []].append(ServingSocket(socket: entry.socket))
        }
        do throws(SystemError) {
            let plan = try plan(settings)
            unwanted = plan.removed.values.joined().map(\.socket)
            carryOut(plan, settings)
        } catch {
            throw StartError(description: "\(error)")
        }
        observability.lifecycle.generation = inherited.predecessor?.generation ?? 1
    }

    /// Whether nothing is accepted yet, as another process does, or as not everything is in place.
    private func setHeld(_ isHeld: Bool) {
        workers.each { $0.listeners.setHeld(isHeld) }
        interceptor.setHeld(isHeld)
        observability.adminServer?.setHeld(isHeld)
    }

    private func connect() {
        workers.onNotice = { [unowned self] in noticed($0, $1) }
        let local = workers.local
        interceptor.onAccept = { local.dataPlane.intercepted($0, $1, $2) }
        interceptor.onExhausted = { _ in local.exhausted() }
        // A peer that closes while we write is an error value (EPIPE), not a reason to die.
        SignalWatch.ignore(SIGPIPE)
        for signal in [SIGTERM, SIGINT] { watch(signal) { $0.stop() } }
        watch(SIGHUP) { $0.reloadSettings() }
        watch(SIGUSR2) { $0.upgrade() }
    }

    private func noticed(_ worker: Int, _ notice: WorkerNotice) {
        switch notice {
        case .answer: break
        case .exhausted:
            observability.counters.acceptPauses += 1
            log.warning("no descriptor or memory for another client; idle connections make room")
        case .suspect(let suspicion): observability.leaks.inquire(into: suspicion, at: worker)
        case .verdict(let report): observability.leaks.announce(report)
        case .sampled:
            observability.note()
            // The first tells of each event, at once.
            if worker > 0 { reporter?.noteActivity() }
        case .settled:
            if worker == 0 { interceptor.setRoom(workers.local.dataPlane.engine.canAccept) }
            settled()
        }
    }

    private func watch(_ signal: Int32, _ handler: @escaping (ProxyServer) -> Void) {
        signals.append(SignalWatch(loop: loop, signal: signal) { [unowned self] in handler(self) })
    }

    /// Where apps are served.
    public var endpoints: [String] { workers.local.listeners.places }

    /// Serves until a signal ends it.
    public func run() {
        if let predecessor = start.inheritance.predecessor {
            predecessorWatch = predecessor.waitForGo(loop) { [unowned self] in
                begin()
            }
            predecessor.ready()
        } else {
            begin()
        }
        loop.run()
        workers.close()
        workers.local.close()
        log.info("stopped")
        observability.close()
    }

    private func begin() {
        for socket in unwanted { socket.close() }
        unwanted = []
        setHeld(false)
        var told: Logger.Metadata = [
            "listen": "\(endpoints.joined(separator: ", "))", "admin": "\(observability.adminPlaces)",
        ]
        if workers.count > 1 { told["workers"] = "\(workers.count)" }
        let inherited = Set(
            sockets.values.joined().filter(\.socket.isKeptByManager).map(\.socket.place.description)
        )
        if !inherited.isEmpty { told["inherited"] = "\(inherited.sorted().joined(separator: ", "))" }
        if observability.lifecycle.generation > 1 {
            told["generation"] = "\(observability.lifecycle.generation)"
        }
        log.info("serving", metadata: told)
        tellInterception()
        reporter = ServiceReporter(loop: loop, areAlive: { [unowned self] in askWorkers($0) }) {
            [unowned self] in figures()
        }
        if let reporter {
            workers.local.dataPlane.onActivity = { [unowned reporter] in reporter.noteActivity() }
        }
        reporter?.ready()
    }

    private func tellInterception() {
        if interceptor.endpoints.isEmpty { return }
        let places = interceptor.endpoints.map(\.description).joined(separator: ", ")
        log.info(
            "taking redirected connections",
            metadata: [
                "listen": "\(places)", "mark": "\(mark)",
                "tproxy": "\(interceptor.isTransparent ? "yes" : "no")",
            ]
        )
    }

    /// Calls `then` once every worker has answered.
    private func askWorkers(_ then: @escaping () -> Void) {
        workers.gather(within: .unlimited, { _ in true }, then: { _ in then() })
    }

    /// What `systemctl status` shows.
    private func figures() -> String {
        let sample = workers.sample()
        let now = sample.history
        let state = phase == .serving ? "serving on \(endpoints.joined(separator: ", "))" : "draining"
        return
            "\(state): \(now.clients) clients, \(now.upstreams) upstream connections (\(sample.idle) idle), "
            + "\(now.tunnels) tunnels, \(now.waiting) waiting, \(now.leaking) leaking apps"
    }
}
