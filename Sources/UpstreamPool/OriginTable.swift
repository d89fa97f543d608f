import Basics

/// Everything the pool keeps for one origin, for as long as it has a connection or a waiter.
struct Origin {
    var hash: UInt64
    var kind: OriginKind
    /// Lower-cased host without brackets.
    var host: [UInt8]
    var port: UInt16
    /// Lower-cased Host of an intercepted origin, else empty.
    var name: [UInt8]
    /// Where its last connection led, or else what its host is, if that is an address.
    var place = SlotID.none
    var dialling = 0
    var leased = 0
    /// Idle connections, the most recently used at the newest end.
    var idle = ListEnds()
    /// Waiters in order of arrival.
    var waiters = ListEnds()
    /// No dial before this instant: the kernel had no port or descriptor left.
    var blockedUntil = MonotonicTime.zero
    /// The waiter whose turn it is to get a dial still waits for a connection in use to come free.
    var isPatient = false
    /// What its past tells.
    var history = OriginHistory()

    var connections: Int { dialling + leased + Int(idle.count) }
    var isUnused: Bool { connections == 0 && waiters.isEmpty }
}

/// Finds origins by kind, host and port without building a key. Open addressing over slot numbers;
/// the seed keeps a client from choosing host names that collide.
struct OriginTable {
    private(set) var origins = SlotMap<Origin>()
    private var buckets: [Int32] = Array(repeating: -1, count: 16)
    private let seed: UInt64
    private var memory = OriginMemory()

    init(seed: UInt64) { self.seed = seed }

    var count: Int { origins.count }

    subscript(_ id: OriginID) -> Origin {
        _read { yield origins[id.id] }
        _modify { yield &origins[id.id] }
    }

    /// The origin's id, made if it is new. Host and name are compared in lower case.
    mutating func intern(
        _ kind: OriginKind,
        host: Span<UInt8>,
        port: UInt16,
        name: Span<UInt8>
    ) -> OriginID {
        let hash = self.hash(kind, host, port, name)
        var bucket = Int(truncatingIfNeeded: hash) & (buckets.count - 1)
        while buckets[bucket] >= 0 {
            if let id = origins.occupant(of: Int(buckets[bucket])),
                matches(id, hash, kind, host, port, name)
            {
                return OriginID(id)
            }
            bucket = (bucket + 1) & (buckets.count - 1)
        }
        if (origins.count + 1) * 2 > buckets.count {
            rebuild(capacity: buckets.count * 2)
            bucket = freeBucket(for: hash)
        }
        let id = origins.insert(
            Origin(
                hash: hash,
                kind: kind,
                host: OriginTable.lowercased(host),
                port: port,
                name: OriginTable.lowercased(name)
            )
        )
        if kind != .tunnel { origins[id].history = memory.history(of: hash) }
        buckets[bucket] = Int32(id.slot)
        return OriginID(id)
    }

    /// Forgets the origin.
    mutating func remove(_ id: OriginID) {
        var hole = Int(truncatingIfNeeded: origins[id.id].hash) & (buckets.count - 1)
        while buckets[hole] != Int32(id.id.slot) { hole = (hole + 1) & (buckets.count - 1) }
        if origins[id.id].kind != .tunnel { memory.keep(origins[id.id].history, for: origins[id.id].hash) }
        origins.remove(id.id)
        // Backward-shift deletion: later members of the run move up, so no tombstones pile up.
        var probe = hole
        while true {
            probe = (probe + 1) & (buckets.count - 1)
            guard buckets[probe] >= 0, let mover = origins.occupant(of: Int(buckets[probe])) else { break }
            let home = Int(truncatingIfNeeded: origins[mover].hash) & (buckets.count - 1)
            let distanceToHole = (probe &- hole) & (buckets.count - 1)
            let distanceToHome = (probe &- home) & (buckets.count - 1)
            if distanceToHome >= distanceToHole {
                buckets[hole] = buckets[probe]
                hole = probe
            }
        }
        buckets[hole] = -1
    }

    /// Whether a host is the one that is kept in lower case.
    static func isSame(_ host: Span<UInt8>, _ kept: [UInt8]) -> Bool {
        if host.count != kept.count { return false }
        for index in host.indices where ASCII.lowercased(host[index]) != kept[index] { return false }
        return true
    }

    private func matches(
        _ id: SlotID,
        _ hash: UInt64,
        _ kind: OriginKind,
        _ host: Span<UInt8>,
        _ port: UInt16,
        _ name: Span<UInt8>
    ) -> Bool {
        // Field by field: the whole origin would be copied, its texts retained.
        guard origins[id].hash == hash, origins[id].kind == kind, origins[id].port == port else {
            return false
        }
        return OriginTable.isSame(host, origins[id].host) && OriginTable.isSame(name, origins[id].name)
    }

    private static func lowercased(_ text: Span<UInt8>) -> [UInt8] {
        var copy: [UInt8] = []
        copy.reserveCapacity(text.count)
        for index in text.indices { copy.append(ASCII.lowercased(text[index])) }
        return copy
    }

    func hash(
        _ kind: OriginKind,
        _ host: Span<UInt8>,
        _ port: UInt16,
        _ name: Span<UInt8>
    ) -> UInt64 {
        var mixed = seed ^ (UInt64(port) << 8 | UInt64(kind.rawValue))
        mix(host, &mixed)
        if !name.isEmpty {
            // No byte of a name, so that what ends one and begins the other cannot be shifted.
            mixed ^= 0xFF00
            mix(name, &mixed)
        }
        mixed = (mixed ^ (mixed >> 32)) &* 0xD6E8_FEB8_6659_FD93
        return mixed ^ (mixed >> 32)
    }

    /// An address or name and port, whatever is done there.
    func placeHash(_ host: Span<UInt8>, _ port: UInt16) -> UInt64 { hash(.tunnel, host, port, Span()) }

    @inline(__always)
    private func mix(_ text: Span<UInt8>, _ mixed: inout UInt64) {
        for index in text.indices {
            mixed = (mixed ^ UInt64(ASCII.lowercased(text[index]))) &* 0x0000_0100_0000_01B3
            mixed ^= mixed >> 29
        }
    }

    private func freeBucket(for hash: UInt64) -> Int {
        var bucket = Int(truncatingIfNeeded: hash) & (buckets.count - 1)
        while buckets[bucket] >= 0 { bucket = (bucket + 1) & (buckets.count - 1) }
        return bucket
    }

    private mutating func rebuild(capacity: Int) {
        buckets = Array(repeating: -1, count: capacity)
        for slot in 0..<origins.capacity {
            if let id = origins.occupant(of: slot) {
                buckets[freeBucket(for: origins[id].hash)] = Int32(id.slot)
            }
        }
    }
}
