public import Basics
public import Dialling

/// What one process has to one destination.
public struct Holding: Hashable, Sendable {
    /// Whereto.
    public var destination: Endpoint
    /// Connections by state.
    public var opening = 0
    public var established = 0
    public var peerClosed = 0
    public var closing = 0
    /// Of the established ones: those that await an answer.
    public var awaiting = 0
    /// Of the established ones: those that have been quiet for some seconds.
    public var idle = 0
    /// Of those: those that sent no more than one exchange takes.
    public var idleAfterOne = 0
    /// Those that have bytes which the app has not read.
    public var unread = 0
    /// How long the longest idle one has been so.
    public var longestIdle = Interval.zero

    /// Quiet for so long counts as idle.
    public static let leastIdle = Interval.seconds(2)
    /// So many idle ones after one exchange look like a leak; fewer are a pool.
    static let manyIdle = 16
    /// So many that the far end closed and the app did not.
    static let manyUnclosed = 8

    /// Nothing yet.
    public init(destination: Endpoint) { self.destination = destination }

    /// Counts a connection.
    public mutating func add(_ connection: ObservedConnection) {
        if connection.unread > 0 { unread += 1 }
        switch connection.phase {
        case .opening: opening += 1
        case .peerClosed: peerClosed += 1
        case .closing: closing += 1
        case .timeWait: break
        case .established:
            established += 1
            if connection.isAwaiting { awaiting += 1 }
            guard connection.isQuiet, connection.idle >= Holding.leastIdle else { return }
            idle += 1
            if connection.isShort { idleAfterOne += 1 }
            longestIdle = max(longestIdle, connection.idle)
        }
    }

    /// Connections in any state.
    public var total: Int { opening + established + peerClosed + closing }

    /// Whether nearly all of many connections lie idle after one exchange.
    public var looksLeaky: Bool {
        idleAfterOne >= Holding.manyIdle && idleAfterOne * 10 >= established * 8
    }

    /// Whether many were left unclosed by the app.
    public var looksUnclosed: Bool { peerClosed >= Holding.manyUnclosed }

    /// What connections have by destination, the most first.
    public static func gather(_ connections: some Sequence<ObservedConnection>) -> [Holding] {
        var found: [Endpoint: Holding] = [:]
        for connection in connections {
            found[connection.to, default: Holding(destination: connection.to)].add(connection)
        }
        return found.values.sorted {
            ($0.total, $1.destination.description) > ($1.total, $0.destination.description)
        }
    }
}
