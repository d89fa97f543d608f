import Basics
import ClientPolicy
import ProxyCore
import Reactor
import Settings
import Telemetry

/// What a worker is made of.
struct WorkerSetup: Sendable {
    /// Which worker, from 0, and how many there are.
    var index: Int
    var count: Int
    var settings: Settings
    /// In Via where the settings give no name.
    var pseudonym: String
    /// SO_MARK of the sockets that are opened; 0 for none.
    var mark: UInt32
    var seed: UInt64

    /// What this worker's engine keeps within.
    var configuration: EngineConfiguration {
        EngineConfiguration(settings, pseudonym: pseudonym).share(of: index, among: count)
    }
}

/// One loop and what it serves: its engine, its way to the origins, its listening sockets. Everything of it is used on
/// the loop's thread; what others have to know goes out by `notify`.
final class Worker {
    private(set) var setup: WorkerSetup
    let loop: EventLoop
    let resolver: Resolver
    let dataPlane: DataPlane
    let listeners: ClientListeners
    /// Nil where no access log is kept.
    var accessLog: AccessLog?
    /// To the main thread.
    let notify: (WorkerNotice) -> Void
    /// Which call to drain it follows, and what it last told of itself since.
    private var drain = 0
    private var rest: WorkerRest?

    /// Serves nowhere yet.
    init(_ setup: WorkerSetup, loop: EventLoop, notify: @escaping (WorkerNotice) -> Void)
        throws(ResolverError)
    {
        self.setup = setup
        self.loop = loop
        self.notify = notify
        let (settings, mark) = (setup.settings, setup.mark)
        resolver = try Resolver(loop: loop, options: Resolver.Options(settings, mark: mark))
        dataPlane = DataPlane(
            loop: loop,
            dialer: Dialer(loop: loop, resolver: resolver, options: Dialer.Options(settings, mark: mark)),
            configuration: setup.configuration,
            seed: setup.seed
        )
        dataPlane.authenticator.reconfigure(settings.access.users)
        loop.handler = dataPlane
        listeners = ClientListeners(loop: loop)
        connect()
    }

    private func connect() {
        listeners.onAccept = { [unowned self] in dataPlane.accepted($0, $1) }
        listeners.onExhausted = { [unowned self] _ in exhausted() }
        dataPlane.onRecord = { [unowned self] in accessLog?.write($0, $1, client: $2) }
        dataPlane.onSample = { [unowned self] in notify(.sampled(sample())) }
        dataPlane.onVerdict = { [unowned self] in notice($0) }
        dataPlane.onSuspect = { [unowned self] in notify(.suspect(suspicion(against: $0))) }
        dataPlane.onSettled = { [unowned self] in settled() }
    }

    /// accept(2) met the limit of descriptors.
    func exhausted() {
        notify(.exhausted)
        dataPlane.descriptorsExhausted()
    }

    /// It has changed whether another client can be accepted, or the process is stopping and something ended.
    private func settled() {
        listeners.setRoom(dataPlane.engine.canAccept)
        let now = WorkerRest(
            drain: drain,
            keepsNothing: dataPlane.engine.keepsNothing,
            isAtRest: dataPlane.engine.isAtRest
        )
        if now == rest && setup.index > 0 { return }
        rest = now
        notify(.settled(now))
    }

    /// Puts other settings in force; the resolver has taken them over.
    func reconfigure(_ settings: Settings) {
        setup.settings = settings
        dataPlane.dialer.reconfigure(Dialer.Options(settings, mark: setup.mark))
        dataPlane.authenticator.reconfigure(settings.access.users)
        dataPlane.reconfigure(setup.configuration)
    }

    /// Has the dialer look out for connections that come back to this process; nil where none can.
    func watchForLoops(_ detour: LoopDetection?) {
        let dialer = dataPlane.dialer
        guard let detour else {
            dialer.onOpened = nil
            dialer.comesBack = nil
            return
        }
        let diagnostics = dataPlane.identity.diagnostics
        dialer.onOpened = { detour.dialled($0) }
        dialer.comesBack = { detour.comesBack($0, diagnostics) }
    }

    /// Stops keeping connections, and tells by `number` what became of that.
    func drain(_ number: Int, lastCall: Interval, stillAccepts: Bool = false) {
        drain = number
        rest = nil
        dataPlane.drain(lastCall: lastCall, stillAccepts: stillAccepts)
    }

    /// Ends what is left, when the loop turns no more.
    func close() {
        dataPlane.close()
        resolver.close()
    }
}
