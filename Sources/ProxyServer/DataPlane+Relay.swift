import ProxyCore
import Reactor

// Bytes that pass from socket to socket within the kernel.
extension DataPlane {
    /// Less than this at once is copied: a pipe saves nothing there.
    static let leastPour = ReceiveBlock.size

    /// Moves what came from `sender` on to its receiver, and tells the engine how much that was. False where the
    /// bytes have to be read: the engine wants to see them, or there is no pipe.
    func relay(_ sender: Connection) -> Bool {
        guard sender.unconsumed.isEmpty, let way = engine.directRelay(from: sender.id),
            let receiver = find(way.receiver), receiver.output.isEmpty, !receiver.isBroken
        else { return false }
        let atMost = Int(min(way.limit, UInt64(SplicePipePool.capacity)))
        // The last bytes to a client that does not know of the proxy go out together with the end: see `carryOut`.
        let isShort = atMost < DataPlane.leastPour || (way.limit == atMost && receiver.original != nil)
        guard !isShort, let pipe = pipes.take() else { return false }
        let came = pipe.fill(from: sender.watch.descriptor, atMost: atMost)
        guard case .bytes(let count) = came else {
            pipe.giveBack()
            receptionEnded(sender, came)
            return true
        }
        sender.pours = count >= DataPlane.leastPour
        note(receiver.output.send(pipe, to: receiver.watch.descriptor), of: receiver)
        // RFC 9112 §9.2: bytes that nobody has asked for show when the next read would take them for an answer.
        let isEnd = way.limit == count && sender.id.side == .upstream
        var isFollowed = false
        if isEnd, case .bytes = Sockets.peek(sender.watch.descriptor) { isFollowed = true }
        engine.relayed(sender.id, count, isFollowed: isFollowed, now: loop.now)
        perform()
        return true
    }
}
