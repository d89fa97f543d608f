import Basics

/// One step of a sequence. Connections and waiters are named by their place in the model's lists, so
/// that a printed sequence can be pasted into `PoolWorld.replay`.
enum PoolEvent: Equatable, CustomStringConvertible {
    enum Need: String { case any, recent, fresh }

    case acquire(origin: Int, Need)
    case connected(Int)
    case dialFailed(Int, isPressure: Bool)
    /// `idleSeconds` is what the origin said of itself; 0 stands for nothing said.
    case release(Int, isPersistent: Bool, idleSeconds: Int)
    case lost(Int)
    case waiterLeft(Int)
    /// The clock goes on without anybody calling `expire`.
    case pass(milliseconds: Int)
    case expire(limit: Int)
    case setLimits(Int)
    case drain

    /// As it is written in Swift, without the module names that the standard library would add.
    var description: String {
        switch self {
        case .acquire(let origin, let need): ".acquire(origin: \(origin), .\(need.rawValue))"
        case .connected(let place): ".connected(\(place))"
        case .dialFailed(let place, let isPressure): ".dialFailed(\(place), isPressure: \(isPressure))"
        case .release(let place, let isPersistent, let seconds):
            ".release(\(place), isPersistent: \(isPersistent), idleSeconds: \(seconds))"
        case .lost(let place): ".lost(\(place))"
        case .waiterLeft(let place): ".waiterLeft(\(place))"
        case .pass(let milliseconds): ".pass(milliseconds: \(milliseconds))"
        case .expire(let limit): ".expire(limit: \(limit))"
        case .setLimits(let choice): ".setLimits(\(choice))"
        case .drain: ".drain"
        }
    }
}

/// Where a connection is, as far as the effects and answers of the pool tell.
struct ModelConnection {
    enum State { case dialling, idle, leased }

    var id: SlotID
    var origin: Int
    var state: State
    /// Exchanges carried.
    var uses = 0
    /// Since when it is idle.
    var idleSince = MonotonicTime.zero
    /// How long it may stay idle.
    var idleUntil = MonotonicTime.never
    /// Counts up with each parking: the highest was used most recently.
    var parkedAs = 0
}

/// Somebody in the queue, as far as the answers of the pool tell.
struct ModelWaiter: Equatable {
    var id: SlotID
    var origin: Int
    var need: PoolEvent.Need
    var since: MonotonicTime
}
