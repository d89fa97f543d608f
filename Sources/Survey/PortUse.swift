public import Basics
public import Dialling

/// Source ports in use by source address and destination. A port may be had once for each such pair, so each
/// pair runs out of ports by itself.
public struct PortUse: Sendable {
    /// Where from and where to.
    public struct Pair: Hashable, Sendable {
        /// The address that is dialled from.
        public var source: Endpoint.Address
        /// The address and port that are dialled.
        public var destination: Endpoint

        /// Puts both together.
        public init(source: Endpoint.Address, destination: Endpoint) {
            self.source = source
            self.destination = destination
        }
    }

    /// What a pair holds.
    public struct Count: Hashable, Sendable {
        /// Ports in use, those in TIME_WAIT among them.
        public var used = 0
        /// Ports in TIME_WAIT.
        public var timeWait = 0
        /// Ports whose connection the far end has closed and the app has not.
        public var peerClosed = 0

        /// None.
        public init() {}
    }

    /// Ports that there are for each pair; at least 1.
    public let capacity: Int
    private let range: ClosedRange<UInt16>
    private var counts: [Pair: Count] = [:]

    /// Nothing in use.
    ///
    /// - Parameters:
    ///   - range: the ports that the kernel gives to connections which name none.
    ///   - reserved: how many of these it does not give.
    public init(range: ClosedRange<UInt16>, reserved: Int = 0) {
        self.range = range
        capacity = max(1, range.count - reserved)
    }

    /// Counts a connection that was dialled. One from a port outside of the range takes none of its ports.
    public mutating func add(_ connection: ObservedConnection) {
        guard range.contains(connection.from.port) else { return }
        var count = counts[Pair(connection), default: Count()]
        count.used += 1
        if connection.phase == .timeWait { count.timeWait += 1 }
        if connection.phase == .peerClosed { count.peerClosed += 1 }
        counts[Pair(connection)] = count
    }

    /// What a pair holds.
    public subscript(pair: Pair) -> Count { counts[pair] ?? Count() }

    /// Whether half of the pair's ports are in use.
    public func isPressed(_ pair: Pair) -> Bool { self[pair].used * 2 >= capacity }

    /// The share of the pair's ports in use, in per cent, rounded down.
    public func percent(_ pair: Pair) -> Int { self[pair].used * 100 / capacity }

    /// Pairs in use, those with the most ports first; equal ones in the order of their texts.
    public func fullest() -> [(pair: Pair, count: Count)] {
        counts.map { (pair: $0.key, count: $0.value) }.sorted { one, other in
            if one.count.used != other.count.used { return one.count.used > other.count.used }
            return one.pair.description < other.pair.description
        }
    }

    /// How long the ports of a pair last if their use goes on growing as it did from an earlier look to this
    /// one; nil where it did not grow.
    public func exhaustion(of pair: Pair, since former: PortUse, for elapsed: Interval) -> Interval? {
        let growth = self[pair].used - former[pair].used
        guard growth > 0, elapsed > .zero else { return nil }
        let left = max(0, capacity - self[pair].used)
        return elapsed.scaled(by: Int64(left), over: Int64(growth))
    }
}

extension PortUse.Pair: CustomStringConvertible {
    /// The pair that a connection takes a port of.
    public init(_ connection: ObservedConnection) {
        self.init(source: connection.from.address, destination: connection.to)
    }

    /// `10.0.0.5 → 10.0.0.9:443`
    public var description: String { "\(source) → \(destination)" }
}
