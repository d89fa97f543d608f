public import Basics
public import UpstreamPool

/// Which side of the proxy a connection is on.
public enum Side: UInt8, BitwiseCopyable, Sendable {
    /// The app's side.
    case client
    /// The side weir dials.
    case upstream
}

/// Names one connection of either side towards the shell. Generational: what arrives late for a
/// closed connection meets a dead id and is ignored.
public struct ConnectionID: Hashable, Sendable, BitwiseCopyable {
    /// Which side it is on.
    public var side: Side
    /// Slot and generation among the connections of that side.
    public var id: SlotID

    /// Names a client connection.
    public static func client(_ id: SlotID) -> ConnectionID { ConnectionID(side: .client, id: id) }

    /// Names an upstream connection.
    public static func upstream(_ id: UpstreamID) -> ConnectionID {
        ConnectionID(side: .upstream, id: id.id)
    }

    /// Puts an id together.
    public init(side: Side, id: SlotID) {
        self.side = side
        self.id = id
    }

    /// The id as an event cookie.
    public var token: UInt64 {
        UInt64(id.generation) << 32 | UInt64(side.rawValue) << 31 | UInt64(id.slot)
    }

    /// The id that a cookie stands for.
    public init(token: UInt64) {
        side = token & 0x8000_0000 == 0 ? .client : .upstream
        id = SlotID(slot: UInt32(token & 0x7FFF_FFFF), generation: UInt32(token >> 32))
    }
}
