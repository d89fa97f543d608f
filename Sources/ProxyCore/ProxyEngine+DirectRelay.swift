public import Basics
import HTTPWire
import UpstreamPool

/// What may pass from one connection to another without being looked at.
public struct DirectRelay: Equatable, Sendable {
    /// Who gets the bytes.
    public var receiver: ConnectionID
    /// The message ends after so many bytes; `UInt64.max` where only the end of the connection tells.
    public var limit: UInt64

    /// So much may pass to somebody.
    public init(receiver: ConnectionID, limit: UInt64) {
        self.receiver = receiver
        self.limit = limit
    }
}

// Bytes that the shell may move within the kernel: content whose length is known, or that ends with the connection,
// and what passes through a tunnel. All that the engine needs of them is how many they were.
extension ProxyEngine {
    /// What may come next from a connection without being offered to `received`; nil where the engine has to see it
    /// or nothing may pass now. Whatever of it the shell moves it tells with `relayed`, before any other event.
    public func directRelay(from sender: ConnectionID) -> DirectRelay? {
        guard isAlive(sender) else { return nil }
        return switch sender.side {
        case .client: directRelay(fromClient: sender.id)
        case .upstream: directRelay(fromUpstream: UpstreamID(sender.id))
        }
    }

    private func directRelay(fromClient id: SlotID) -> DirectRelay? {
        guard let upstream = exchanges[id].upstream, !links[upstream.id.index].isStalled,
            !clients[id].awaitsOffer
        else { return nil }
        switch clients[id].phase {
        case .tunnel:
            let tunnel = exchanges[id].tunnel
            // The first bytes tell what the tunnel is for.
            if tunnel.isInHandshake || tunnel.clientFinished { return nil }
            return DirectRelay(receiver: .upstream(upstream), limit: .max)
        case .exchange where exchanges[id].stage == .sent:
            return exchanges[id].request.direct.map {
                DirectRelay(receiver: .upstream(upstream), limit: $0)
            }
        default: return nil
        }
    }

    private func directRelay(fromUpstream upstream: UpstreamID) -> DirectRelay? {
        let link = links[upstream.id.index]
        let id = link.client
        guard id != .none, !link.isOpening, !clients[id].isStalled else { return nil }
        switch clients[id].phase {
        case .tunnel:
            if exchanges[id].tunnel.upstreamFinished { return nil }
            return DirectRelay(receiver: .client(id), limit: .max)
        case .exchange where exchanges[id].hasResponse:
            return exchanges[id].response.direct.map { DirectRelay(receiver: .client(id), limit: $0) }
        default: return nil
        }
    }

    /// Bytes were moved past the engine, as `directRelay` allows. What the kernel would not take of them is told
    /// afterwards, with `stalled`.
    ///
    /// - Parameter isFollowed: Whether more bytes wait behind the message, if it has ended with these.
    public mutating func relayed(
        _ sender: ConnectionID,
        _ count: Int,
        isFollowed: Bool = false,
        now: MonotonicTime
    ) {
        begin(now)
        guard isAlive(sender) else {
            statistics.staleEvents += 1
            return
        }
        switch sender.side {
        case .client: relayedFromClient(sender.id, count)
        case .upstream: relayedFromUpstream(UpstreamID(sender.id), count, isFollowed: isFollowed)
        }
        applyVerdicts()
    }

    private mutating func relayedFromClient(_ id: SlotID, _ count: Int) {
        guard let upstream = exchanges[id].upstream else { preconditionFailure("relayed to nobody") }
        if clients[id].phase == .tunnel { return tunnelPassedUp(id, count, firstByte: 0) }
        exchanges[id].request.pass(count)
        passedUp(id, upstream, count)
    }

    private mutating func relayedFromUpstream(_ upstream: UpstreamID, _ count: Int, isFollowed: Bool) {
        let id = links[upstream.id.index].client
        precondition(id != .none, "relayed to nobody")
        if clients[id].phase == .tunnel { return tunnelPassedDown(id, count) }
        exchanges[id].response.pass(count)
        exchanges[id].bytesDown += UInt64(count)
        statistics.bytesDown += UInt64(count)
        if exchanges[id].response.isComplete {
            completeResponse(id, upstream, isClean: !isFollowed)
        } else if clients[id].peerFinished || !exchanges[id].request.isComplete {
            armClient(id)
        }
    }

    /// The kernel took a good part of what is pending on a connection that has stalled: its peer reads, if slowly.
    public mutating func progressed(_ connection: ConnectionID, now: MonotonicTime) {
        begin(now)
        guard isAlive(connection) else {
            statistics.staleEvents += 1
            return
        }
        switch connection.side {
        case .client where clients[connection.id].phase == .ending:
            if clientDeadlines.lane(of: connection.id.slot) == ClientLane.linger.rawValue {
                arm(connection.id, .linger)
            }
        case .client: armClient(connection.id)
        case .upstream: armUpstream(UpstreamID(connection.id))
        }
        applyVerdicts()
    }
}

extension BodyProgress {
    /// How much of what comes next may pass without being looked at.
    var direct: UInt64? {
        switch kind {
        case .length: remaining
        case .untilClose: rewrite == .none ? .max : nil
        case .none, .chunked, .trailers: nil
        }
    }

    /// So many bytes have passed unseen.
    mutating func pass(_ count: Int) {
        if kind == .untilClose { return }
        precondition(kind == .length && UInt64(count) <= remaining, "relayed more than the message has")
        remaining -= UInt64(count)
        if remaining == 0 { kind = .none }
    }
}
