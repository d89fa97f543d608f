import Basics
import Glibc
import Logging
import ProxyCore
import Reactor
import Settings
import Telemetry
import UpstreamPool

/// Everything that tells people what the proxy does: operational log on standard error, access log on
/// standard output, admin server.
final class Observability: AdminPages {
    /// weir's own log.
    let log: Logger
    let loop: EventLoop
    let workers: Workers
    private let logWriter: LogWriter
    let logStyle: LogStyle
    private var accessWriter: LogWriter?
    private var admin: AdminServer?
    let leaks: LeakWatch
    /// Bounds of the whole process.
    private var configuration = EngineConfiguration()
    private var history = History()
    private let version: String
    private let startedAt = WallClock.now
    private let startedOnLoop: MonotonicTime
    /// Where apps are served, for `/status`.
    var places: [String] = []
    /// Ports from which this host's apps can reach weir.
    private var clientPorts = Int.max
    private var redirect = RedirectState(user: OwnIdentity.user, controlGroup: OwnIdentity.controlGroup())
    private var refusedRedirects: () -> Int = { 0 }
    /// What only the shell counts.
    var counters = ShellCounters()
    /// Who has had a line of its own in the metrics.
    private var named = NamedConnections()
    /// How the process came to be, and what became of reloads and upgrades.
    var lifecycle = LifecycleFigures()

    var isDraining: Bool {
        workers.local.dataPlane.engine.isDraining || workers.local.dataPlane.engine.isWindingDown
    }

    init(workers: Workers, settings: Settings, version: String) throws(SystemError) {
        let loop = workers.local.loop
        self.loop = loop
        self.workers = workers
        self.version = version
        startedOnLoop = loop.now
        logWriter = try LogWriter(descriptor: STDERR_FILENO)
        logStyle = LogStyle(settings.log, isJournal: JournalStream.isConnected(to: STDERR_FILENO))
        log = OperationalLog.logger(logWriter, logStyle)
        leaks = LeakWatch(workers: workers, log: log)
        admin = AdminServer(loop: loop, guardian: AdminGuard(settings), pages: self)
        try reconfigure(settings)
    }

    /// The admin server, which listens nowhere at first.
    var adminServer: AdminServer? { admin }

    /// Where the admin server listens, or "off".
    var adminPlaces: String {
        let places = admin?.places ?? []
        return places.isEmpty ? "off" : places.map(\.description).joined(separator: ", ")
    }

    /// What is told of redirected connections from now on; until then, that none are taken.
    func showRedirect(_ state: RedirectState, refused: @escaping () -> Int) {
        redirect = state
        refusedRedirects = refused
    }

    /// Takes over other settings, or none of them where an access log cannot be had.
    func reconfigure(_ settings: Settings) throws(SystemError) {
        if settings.log.access {
            if accessWriter == nil { accessWriter = try LogWriter(descriptor: STDOUT_FILENO) }
        }
        logStyle.reconfigure(settings.log)
        clientPorts = settings.client.ports
        configuration = EngineConfiguration(settings, pseudonym: "")
        admin?.guardian = AdminGuard(settings)
    }

    /// Has all workers keep the access log that the settings ask for.
    func keepAccessLog(_ settings: Settings.Log) {
        let writer = settings.access ? accessWriter : nil
        workers.each { $0.accessLog = writer.map { AccessLog($0, settings.format) } }
    }

    /// Writes what waits and ends the threads.
    func close() {
        admin?.close()
        leaks.close()
        accessWriter?.stop()
        logWriter.stop()
    }

    // MARK: Pages

    func show(_ page: AdminFigures, _ then: @escaping (ByteBuffer?) -> Void) {
        if page == .history {
            note()
            var buffer = ByteBuffer()
            history.write(at: loop.now.since(startedOnLoop), startedAt: startedAt, to: &buffer)
            return then(buffer)
        }
        workers.gather({ $0.figures() }) { [weak self] figures in
            guard let self, let figures else { return then(nil) }
            then(write(page, figures))
        }
    }

    private func write(_ page: AdminFigures, _ figures: [WorkerFigures]) -> ByteBuffer {
        var buffer = ByteBuffer()
        let owners = leaks.named(OwnerLine.merged(figures.map(\.owners)))
        if page == .leaks {
            leaks.write(owners, figures, to: &buffer)
            return buffer
        }
        let snapshot = snapshot(figures, owners)
        switch page {
        case .metrics:
            named.update(origins: snapshot.origins, owners: owners, now: loop.now)
            PrometheusText.write(snapshot, named: named, to: &buffer)
        case .status: StatusJSON.write(snapshot, owners: owners, now: loop.now, to: &buffer)
        case .overview: OverviewJSON.write(snapshot, owners: owners, now: loop.now, to: &buffer)
        case .leaks, .history: break
        }
        return buffer
    }

    /// Enters what goes on now into the history.
    func note() {
        // Nobody will ask.
        if admin?.places.isEmpty != false { return }
        history.note(workers.sample().history, at: loop.now.since(startedOnLoop))
    }

    private func snapshot(_ figures: [WorkerFigures], _ owners: [OwnerLine]) -> ProxySnapshot {
        var snapshot = ProxySnapshot(merging: figures.map(\.snapshot), owners: owners)
        describe(&snapshot.process)
        snapshot.configuration = configuration
        snapshot.redirect = redirect
        snapshot.redirect.refused = refusedRedirects()
        snapshot.clientPorts.limit = clientPorts
        snapshot.upstreamPorts.limit = configuration.pool.ports
        return snapshot
    }

    /// What is the process's and no worker's.
    private func describe(_ process: inout ProcessFigures) {
        ProcessProbe.measure(&process)
        process.version = version
        process.libraries = LibraryVersions.all
        process.startedAt = startedAt
        process.places = places
        process.uptime = loop.now.since(startedOnLoop)
        process.acceptPauses = counters.acceptPauses
        process.reloads = counters.reloads
        process.reloadsRefused = counters.reloadsRefused
        process.isLastReloadRefused = counters.isLastReloadRefused
        process.settingsAppliedAt = counters.settingsAppliedAt
        process.lifecycle = lifecycle
        process.logLinesDropped = logWriter.droppedLines + (accessWriter?.droppedLines ?? 0)
    }
}

/// What happens outside the engine and the data plane.
struct ShellCounters {
    /// accept(2) found no descriptor or memory.
    var acceptPauses = 0
    /// Settings that were put in force while running.
    var reloads = 0 {
        didSet {
            isLastReloadRefused = false
            settingsAppliedAt = WallClock.now
        }
    }
    /// Settings that were refused while running.
    var reloadsRefused = 0 { didSet { isLastReloadRefused = true } }
    /// Which of the two was the last.
    private(set) var isLastReloadRefused = false
    /// When the settings in force were put there.
    private(set) var settingsAppliedAt = WallClock.now
}
