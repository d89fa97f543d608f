public import Basics

/// What the simulator watches over. Each has a planted bug that proves that it sees.
public enum Oracle: String, CaseIterable, Sendable {
    /// Bytes of an exchange or tunnel arrive unchanged and in order.
    case content
    /// A response belongs to its request, and both reach the right peers.
    case pairing
    /// A message that its sender did not end is never seen as complete.
    case truncation
    /// A request that is not idempotent reaches origins at most once, any other at most twice.
    case repetition
    /// Every exchange has exactly one outcome.
    case outcome
    /// No more connections than the settings allow, at any instant.
    case bounds
    /// Bytes that nobody takes are not read without bound.
    case buffering
    /// When the clients have left and the timeouts have passed, nothing is left.
    case rest
    /// Nobody is left hanging for ever, and the engine does not spin.
    case progress
    /// In a world without faults every request is answered by its origin.
    case service
    /// Actions name connections that exist.
    case obedience
    /// A connection of an owner that does not leak is never ended early, whatever its neighbours do.
    case collateral
}

/// Something that must never happen has happened.
public struct Violation: Sendable, CustomStringConvertible {
    /// Which oracle saw it.
    public var oracle: Oracle
    /// When, in virtual time.
    public var time: MonotonicTime
    /// What was seen.
    public var text: String

    public var description: String { "[\(oracle.rawValue)] at \(time.nanoseconds / 1000) µs: \(text)" }
}

/// Mistakes that the simulated shell makes on purpose, so that every oracle is seen to work.
public enum PlantedBug: String, CaseIterable, Sendable {
    /// One byte of content is lost on its way to a client.
    case dropByte
    /// More is moved past the engine than the message has.
    case overrun
    /// Two clients' bytes are exchanged.
    case swapClients
    /// A reset towards a client is turned into a clean end.
    case cleanTruncation
    /// A request's head is sent to the origin twice.
    case repeatRequest
    /// An access record is lost.
    case loseRecord
    /// A close of an upstream connection is forgotten.
    case forgetClose
    /// Reading goes on although it was paused.
    case ignorePause
    /// A close of a client connection is forgotten.
    case forgetClient
    /// The timer is not set.
    case forgetTimer
    /// A client's FIN is passed on as a failure.
    case failOnEnd
    /// A connection is closed under the engine without telling it.
    case closeSilently
    /// Clients of a healthy owner are taken for those of one that leaks.
    case mistakeOwner

    /// The oracle that has to see it.
    public var oracle: Oracle {
        switch self {
        case .dropByte, .overrun: .content
        case .swapClients: .pairing
        case .cleanTruncation: .truncation
        case .repeatRequest: .repetition
        case .loseRecord: .outcome
        case .forgetClose: .bounds
        case .ignorePause: .buffering
        case .forgetClient: .rest
        case .forgetTimer: .progress
        case .failOnEnd: .service
        case .closeSilently: .obedience
        case .mistakeOwner: .collateral
        }
    }
}
