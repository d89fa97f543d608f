import Basics
import Dialling
import Glibc
import Logging
import ProxyCore
import Reactor
import Settings
import Telemetry

/// Everything that tells people what the proxy does: operational log on standard error, access log on
/// standard output, admin server.
final class Observability: AdminPages {
    /// weir's own log.
    let log: Logger
    let loop: EventLoop
    let dataPlane: DataPlane
    private let logWriter: LogWriter
    let logStyle: LogStyle
    private var accessWriter: LogWriter?
    private var accessLog: AccessLog?
    private var admin: AdminServer?
    private let leaks: LeakWatch
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

    var isDraining: Bool { dataPlane.engine.isDraining || dataPlane.engine.isWindingDown }

    init(loop: EventLoop, dataPlane: DataPlane, settings: Settings, version: String) throws(SystemError) {
        self.loop = loop
        self.dataPlane = dataPlane
        self.version = version
        startedOnLoop = loop.now
        logWriter = try LogWriter(descriptor: STDERR_FILENO)
        logStyle = LogStyle(settings.log, isJournal: JournalStream.isConnected(to: STDERR_FILENO))
        log = OperationalLog.logger(logWriter, logStyle)
        leaks = LeakWatch(loop: loop, dataPlane: dataPlane, log: log)
        admin = AdminServer(loop: loop, guardian: AdminGuard(settings), pages: self)
        dataPlane.onSample = { [unowned self] in note() }
        dataPlane.onVerdict = { [leaks] in leaks.announce($0) }
        dataPlane.onSuspect = { [leaks] in leaks.inquire(into: $0) }
        dataPlane.onRecord = { [unowned self] in accessLog?.write($0, $1, client: $2) }
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
            accessLog = accessWriter.map { AccessLog($0, settings.log.format) }
        } else {
            accessLog = nil
        }
        logStyle.reconfigure(settings.log)
        clientPorts = settings.client.ports
        admin?.guardian = AdminGuard(settings)
    }

    /// Writes what waits and ends the threads.
    func close() {
        admin?.close()
        leaks.close()
        accessWriter?.stop()
        logWriter.stop()
    }

    // MARK: Pages

    func writeMetrics(to buffer: inout ByteBuffer) {
        let snapshot = snapshot(withOrigins: true)
        named.update(origins: snapshot.origins, owners: leaks.owners(), now: loop.now)
        PrometheusText.write(snapshot, named: named, to: &buffer)
    }

    func writeStatus(to buffer: inout ByteBuffer) {
        StatusJSON.write(snapshot(withOrigins: true), owners: leaks.owners(), now: loop.now, to: &buffer)
    }

    func writeLeaks(to buffer: inout ByteBuffer) { leaks.writeLeaks(to: &buffer) }

    func writeOverview(to buffer: inout ByteBuffer) {
        OverviewJSON.write(snapshot(withOrigins: true), owners: leaks.owners(), now: loop.now, to: &buffer)
    }

    func writeHistory(to buffer: inout ByteBuffer) {
        note()
        history.write(at: loop.now.since(startedOnLoop), startedAt: startedAt, to: &buffer)
    }

    private func note() {
        // Nobody will ask.
        if admin?.places.isEmpty != false { return }
        let sample = HistorySample(dataPlane.engine, clientPorts: dataPlane.clientPortsInUse)
        history.note(sample, at: loop.now.since(startedOnLoop))
    }

    private func snapshot(withOrigins: Bool) -> ProxySnapshot {
        var process = ProcessFigures()
        ProcessProbe.measure(&process)
        process.version = version
        process.libraries = LibraryVersions.all
        process.startedAt = startedAt
        process.places = places
        process.uptime = loop.now.since(startedOnLoop)
        process.dialsSucceeded = dataPlane.dialsSucceeded
        process.dialFailures = dataPlane.dialFailures
        process.loopDelays = dataPlane.loopDelays
        process.dialDurations = dataPlane.dialDurations
        process.connectDurations = dataPlane.connectDurations
        let names = dataPlane.dialer.nameCounts
        process.namesKnown = names.answered
        process.namesInFlight = names.inFlight
        process.namesQueued = names.queued
        process.nameLookUps = NameLookUps(dataPlane.dialer.nameLookUps)
        process.acceptPauses = counters.acceptPauses
        process.reloads = counters.reloads
        process.reloadsRefused = counters.reloadsRefused
        process.isLastReloadRefused = counters.isLastReloadRefused
        process.settingsAppliedAt = counters.settingsAppliedAt
        process.lifecycle = lifecycle
        process.logLinesDropped = logWriter.droppedLines + (accessWriter?.droppedLines ?? 0)
        dataPlane.noteTrends()
        var snapshot = ProxySnapshot(dataPlane.engine, process, withOrigins: withOrigins)
        snapshot.clientPorts.used = dataPlane.clientPortsInUse
        snapshot.redirect = redirect
        snapshot.redirect.refused = refusedRedirects()
        snapshot.clientPorts.limit = clientPorts
        snapshot.clientPorts.growth = dataPlane.clientTrend.growth
        snapshot.upstreamPorts.growth = dataPlane.upstreamTrend.growth
        return snapshot
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

extension NameLookUps {
    /// The cache's figures.
    fileprivate init(_ counted: NameCache.LookUps) {
        self.init()
        known = counted.known
        asked = counted.asked
        joined = counted.joined
        refused = counted.refused
    }
}
