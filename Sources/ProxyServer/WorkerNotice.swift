import Basics
import ClientPolicy
import ProxyCore
import Telemetry

/// What a worker tells the main thread.
enum WorkerNotice: Sendable {
    /// What was asked by ``Workers/gather(within:_:then:)``.
    case answer(serial: UInt64, any Sendable)
    /// accept(2) found no descriptor or memory.
    case exhausted
    /// An owner seems to leak.
    case suspect(Suspicion)
    /// A verdict has changed.
    case verdict(VerdictReport)
    /// Something has happened in the last seconds.
    case sampled(WorkerSample)
    /// Whether there is room has changed or, while the process stops, how much is left.
    case settled(WorkerRest)
}

/// What a worker that drains has left.
struct WorkerRest: Sendable, Equatable {
    /// Which call to drain it follows.
    var drain: Int
    var keepsNothing: Bool
    var isAtRest: Bool
}

/// What the history and the service manager are told of a worker.
struct WorkerSample: Sendable {
    var history: HistorySample
    /// Idle upstream connections.
    var idle: Int
    /// Owners that leak.
    var leaking: Set<OwnerKey>
}

/// An owner that seems to leak, and what speaks against it.
struct Suspicion: Sendable {
    /// As the worker knows it.
    var owner: SlotID
    /// Nil where it is forgotten by now.
    var key: OwnerKey?
    var holders: Holders
    /// Connections of which the app has not read everything.
    var unread: [SlotID]
}

/// A verdict that has changed, and on whom.
struct VerdictReport: Sendable {
    var notice: VerdictNotice
    var owner: OwnerReport
    /// The destination that it is on, if it is on one.
    var destination: String?
    /// By what the owner's processes are found.
    var holders: Holders
}
