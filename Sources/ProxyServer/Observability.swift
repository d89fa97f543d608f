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
    private let loop: EventLoop
    private let dataPlane: DataPlane
    private let logWriter: LogWriter
    private let logStyle: LogStyle
    private var accessWriter: LogWriter?
    private var accessLog: AccessLog?
    private var admin: AdminServer?
    private let leaks: LeakWatch
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

    var isDraining: Bool { dataPlane.engine.isDraining }

    init(loop: EventLoop, dataPlane: DataPlane, settings: Settings, version: String) throws(SystemError) {
        self.loop = loop
        self.dataPlane = dataPlane
        self.version = version
        startedOnLoop = loop.now
        logWriter = try LogWriter(descriptor: STDERR_FILENO)
        logStyle = LogStyle(settings.log, isJournal: JournalStream.isConnected(to: STDERR_FILENO))
        log = OperationalLog.logger(logWriter, logStyle)
        leaks = LeakWatch(loop: loop, dataPlane: dataPlane, log: log)
        if let address = settings.admin, let endpoint = Endpoint(address) {
            admin = try AdminServer(loop: loop, endpoint: endpoint, pages: self)
        }
        dataPlane.onVerdict = { [leaks] in leaks.announce($0) }
        dataPlane.onSuspect = { [leaks] in leaks.inquire(into: $0) }
        dataPlane.onRecord = { [unowned self] in accessLog?.write($0, $1, client: $2) }
        reconfigure(settings)
    }

    /// Where the admin server listens, or "off".
    var adminEndpoint: String { admin?.endpoint?.description ?? "off" }

    /// Where the admin server listens; nil if it does not.
    var adminAddress: Endpoint? { admin?.endpoint }

    /// What is told of redirected connections from now on; until then, that none are taken.
    func showRedirect(_ state: RedirectState, refused: @escaping () -> Int) {
        redirect = state
        refusedRedirects = refused
    }

    /// Takes over other settings; the admin server stays where it is.
    func reconfigure(_ settings: Settings) {
        logStyle.reconfigure(settings.log)
        clientPorts = settings.client.ports
        guard settings.log.access else {
            accessLog = nil
            return
        }
        do {
            let writer = try accessWriter ?? LogWriter(descriptor: STDOUT_FILENO)
            accessWriter = writer
            accessLog = AccessLog(writer, settings.log.format)
        } catch {
            log.error("no access log", metadata: ["reason": "\(error)"])
        }
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
        PrometheusText.write(snapshot(withOrigins: false), to: &buffer)
    }

    func writeStatus(to buffer: inout ByteBuffer) {
        StatusJSON.write(snapshot(withOrigins: true), owners: leaks.owners(), now: loop.now, to: &buffer)
    }

    func writeLeaks(to buffer: inout ByteBuffer) { leaks.writeLeaks(to: &buffer) }

    private func snapshot(withOrigins: Bool) -> ProxySnapshot {
        var process = ProcessFigures()
        ProcessProbe.measure(&process)
        process.version = version
        process.startedAt = startedAt
        process.places = places
        process.uptime = loop.now.since(startedOnLoop)
        process.dialsSucceeded = dataPlane.dialsSucceeded
        process.dialFailures = dataPlane.dialFailures
        let names = dataPlane.dialer.nameCounts
        process.namesKnown = names.answered
        process.namesInFlight = names.inFlight
        process.namesQueued = names.queued
        process.acceptPauses = counters.acceptPauses
        process.reloads = counters.reloads
        process.reloadsRefused = counters.reloadsRefused
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
    var reloads = 0
    /// Settings that were refused while running.
    var reloadsRefused = 0
}
