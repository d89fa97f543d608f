import ProxyCore
import Reactor

// Bytes that pass from socket to socket within the kernel, and what waits for sockets that are full.
extension DataPlane {
    /// Bytes read at once from a connection that does not pour. Who fills that pours: as far as the engine need not see
    /// what follows, it goes through a pipe, and else into the whole block. Less is copied, as a pipe saves nothing.
    static let firstRead = 16_384

    /// Moves what came from `sender` on to its receiver, and tells the engine how much that was. False where the
    /// bytes have to be read: the engine wants to see them, or there is no pipe.
    func relay(_ sender: Connection) -> Bool {
        guard sender.unconsumed.isEmpty, let way = engine.directRelay(from: sender.id),
            let receiver = find(way.receiver), receiver.output.isEmpty, !receiver.isBroken
        else { return false }
        let atMost = Int(min(way.limit, UInt64(SplicePipePool.capacity)))
        // The last bytes to a client that does not know of the proxy go out together with the end: see `carryOut`.
        let isShort = atMost < DataPlane.firstRead || (way.limit == atMost && receiver.original != nil)
        guard !isShort, let pipe = pipes.take() else { return false }
        let came = pipe.fill(from: sender.descriptor, atMost: atMost)
        guard case .bytes(let count) = came else {
            pipe.giveBack()
            receptionEnded(sender, came)
            return true
        }
        sender.pours = count >= DataPlane.firstRead
        note(receiver.output.send(pipe, to: receiver.descriptor), of: receiver)
        // RFC 9112 §9.2: bytes that nobody has asked for show when the next read would take them for an answer.
        let isEnd = way.limit == count && sender.id.side == .upstream
        var isFollowed = false
        if isEnd, case .bytes = Sockets.peek(sender.descriptor) { isFollowed = true }
        engine.relayed(sender.id, count, isFollowed: isFollowed, now: loop.now)
        perform()
        return true
    }

    /// A read brought no bytes.
    func receptionEnded(_ connection: Connection, _ result: ReadResult) {
        switch result {
        case .bytes, .wouldBlock: break
        case .endOfFile where !connection.isBroken:
            engine.ended(connection.id, now: loop.now)
            perform()
        // After a failed write the kernel says "end of file" for what was a reset.
        case .endOfFile, .failed:
            engine.failed(connection.id, now: loop.now)
            perform()
        }
    }

    /// The socket takes bytes again.
    func flushPending(_ connection: Connection) {
        switch connection.output.write(to: connection.descriptor) {
        case .pending(let count):
            // The engine's time-out is for a receive block that nobody takes; in a pipe there may be more.
            connection.flushed += Int32(clamping: count)
            if Int(connection.flushed) < ReceiveBlock.size { return }
            connection.flushed = 0
            engine.progressed(connection.id, now: loop.now)
            perform()
        case .failed:
            connection.setWriting(false)
            if !writeFailed(connection) { return }
            engine.failed(connection.id, now: loop.now)
            perform()
        case .flushed:
            connection.setWriting(false)
            if connection.finishesWhenFlushed { Sockets.shutdownWrite(connection.descriptor) }
            connection.finishesWhenFlushed = false
            if connection.isStalled {
                connection.isStalled = false
                engine.drained(connection.id, now: loop.now)
                perform()
            }
        }
    }
}
