/// Who holds the far end of a client connection.
public struct OwnerKey: Hashable, Sendable, BitwiseCopyable {
    /// How the owner is known.
    public enum Kind: UInt8, Sendable, BitwiseCopyable {
        /// A process of this host: `high` is the uid, `low` the id of its cgroup (0: not known).
        case local
        /// A peer elsewhere, or one that the kernel does not tell: its address (IPv4 mapped).
        case address
    }

    /// How it is known.
    public var kind: Kind
    public var high: UInt64
    public var low: UInt64

    /// An owner on this host.
    public static func local(uid: UInt32, cgroup: UInt64) -> OwnerKey {
        OwnerKey(kind: .local, high: UInt64(uid), low: cgroup)
    }

    /// An owner by its address, as 128 bits.
    public init(high: UInt64, low: UInt64) { self.init(kind: .address, high: high, low: low) }

    private init(kind: Kind, high: UInt64, low: UInt64) {
        self.kind = kind
        self.high = high
        self.low = low
    }
}
