import Basics
import ProxyCore

// Bytes that the shell moves past the engine. It need not: sometimes it has no pipe, or too little came.
extension World {
    /// Moves some of what has come on to its receiver. False where the bytes are to be read as usual.
    func relay(_ connection: ShellConnection) -> Bool {
        let pipe = connection.link.toProxy
        guard pipe.readable > 0, connection.held.isEmpty, !random.oneIn(3),
            let way = engine.directRelay(from: connection.id)
        else { return false }
        guard let receiver = connections[way.receiver] else {
            violate(.obedience, "bytes for \(way.receiver), which does not exist")
            return true
        }
        if !receiver.pending.isEmpty || receiver.hasFailed { return false }
        let limit = Int(clamping: way.limit)
        var most = min(limit, plan.readBlock)
        if random.oneIn(2) { most = 1 + random.below(most) }
        var bytes = pipe.read(most)
        let count = bytes.count
        if limit == count && pipe.readable > 0 && shouldPlant(.overrun) { bytes += pipe.read(1) }
        let isFollowed = limit == count && pipe.readable > 0 && connection.id.side == .upstream
        send(receiver, bytes[...])
        call("relayed \(connection.id) \(count)\(isFollowed ? "+" : "")") { [now] in
            $0.relayed(connection.id, count, isFollowed: isFollowed, now: now)
        }
        return true
    }
}
