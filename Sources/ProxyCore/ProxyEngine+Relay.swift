import Basics
import HTTPWire
import UpstreamPool

/// What became of the bytes that were offered for relaying.
enum RelayResult {
    /// All was consumed, or the rest needs more bytes or another call.
    case more
    /// The message ended exactly; bytes after it are not its own.
    case complete
    /// The framing is broken.
    case bad(WireError)
}

// Content goes past the engine: it is measured here, the shell moves it.
extension ProxyEngine {
    /// Relays as much of `bytes` from `offset` on as belongs to the message.
    mutating func relay(
        _ progress: inout BodyProgress,
        _ bytes: Span<UInt8>,
        _ offset: inout Int,
        to receiver: ConnectionID
    ) -> RelayResult {
        do throws(WireError) {
            switch progress.kind {
            case .none:
                return .complete
            case .length:
                let count = Int(min(progress.remaining, UInt64(bytes.count - offset)))
                forward(receiver, offset, count)
                offset += count
                progress.remaining -= UInt64(count)
                if progress.remaining == 0 { progress.kind = .none }
            case .untilClose:
                relayUntilClose(progress, bytes, &offset, receiver)
            case .chunked:
                try relayChunks(&progress, bytes, &offset, receiver)
                if progress.kind == .trailers { try relayTrailers(&progress, bytes, &offset, receiver) }
            case .trailers:
                try relayTrailers(&progress, bytes, &offset, receiver)
            }
            return progress.isComplete ? .complete : .more
        } catch {
            return .bad(error)
        }
    }

    private mutating func relayUntilClose(
        _ progress: BodyProgress,
        _ bytes: Span<UInt8>,
        _ offset: inout Int,
        _ receiver: ConnectionID
    ) {
        let count = bytes.count - offset
        if count == 0 { return }
        if progress.rewrite == .chunk {
            let start = outbox.count
            outbox.append(hexadecimal: UInt64(count))
            outbox.append("\r\n")
            actions.append(.send(receiver, offset: start, count: outbox.count - start))
            forward(receiver, offset, count)
            sendText(receiver, "\r\n")
        } else {
            forward(receiver, offset, count)
        }
        offset = bytes.count
    }

    /// Chunks are passed on as they came, without their extensions (RFC 9112 §7.1.1 lets a proxy drop
    /// them); for an HTTP/1.0 client their frames are taken off.
    private mutating func relayChunks(
        _ progress: inout BodyProgress,
        _ bytes: Span<UInt8>,
        _ offset: inout Int,
        _ receiver: ConnectionID
    ) throws(WireError) {
        var start = offset
        defer { forward(receiver, start, offset - start) }
        while offset < bytes.count && actions.count < ProxyEngine.actionsPerOffer {
            let limit = configuration.chunkExtensions
            switch try progress.decoder.next(bytes.extracting(offset...), extensionLimit: limit) {
            case .content(let count):
                offset += count
            case .framing(let count):
                offset += count
                if progress.rewrite == .unchunk {
                    forward(receiver, start, offset - count - start)
                    start = offset
                }
            case .ext(let count):
                forward(receiver, start, offset - start)
                offset += count
                start = offset
            case .trailers:
                progress.kind = .trailers
                progress.scanned = 0
                return
            }
        }
    }

    private mutating func relayTrailers(
        _ progress: inout BodyProgress,
        _ bytes: Span<UInt8>,
        _ offset: inout Int,
        _ receiver: ConnectionID
    ) throws(WireError) {
        if offset == bytes.count { return }
        var scanned = Int(progress.scanned)
        let section = bytes.extracting(offset...)
        let length = try HeadParser.parseTrailers(
            section,
            ofResponse: receiver.side == .client,
            scanned: &scanned,
            limits: configuration.heads,
            fields: &fields
        )
        progress.scanned = UInt32(scanned)
        guard let length else { return }
        if progress.rewrite != .unchunk {
            dropNominatedTrailers(section, receiver)
            let start = outbox.count
            HeadWriter.appendTrailers(section, fields, to: &outbox)
            actions.append(.send(receiver, offset: start, count: outbox.count - start))
        }
        offset += length
        progress.kind = .none
    }

    /// Keeps the names that a head's Connection fields nominate: fields of these names are hop-by-hop in the
    /// trailers too (RFC 9110 §7.6.1), and by then the head is gone. -1 where there are none.
    mutating func keepNominations(_ bytes: Span<UInt8>, _ options: ConnectionOptions) -> Int32 {
        guard options.contains(.nominated) else { return -1 }
        let index = heads.take()
        ConnectionOptions.appendNominated(bytes, fields, to: &heads[index])
        return index
    }

    private mutating func dropNominatedTrailers(_ section: Span<UInt8>, _ receiver: ConnectionID) {
        let nominations =
            switch receiver.side {
            case .client: exchanges[receiver.id].responseNominations
            case .upstream: exchanges[links[receiver.id.index].client].requestNominations
            }
        if nominations < 0 { return }
        ConnectionOptions.dropNominated(heads[nominations].span, from: &fields, in: section)
    }

    /// Passes on bytes of the span that came with the event.
    mutating func forward(_ receiver: ConnectionID, _ offset: Int, _ count: Int) {
        if count > 0 { actions.append(.forward(receiver, offset: offset, count: count)) }
    }

    /// Sends a text of our own.
    mutating func sendText(_ receiver: ConnectionID, _ text: String) {
        let start = outbox.count
        outbox.append(text)
        actions.append(.send(receiver, offset: start, count: outbox.count - start))
    }

    // MARK: Pause and resume; each is told to the shell only when it changes something.

    mutating func pauseClient(_ id: SlotID) {
        if clients[id].isPaused { return }
        clients[id].isPaused = true
        actions.append(.pauseReading(.client(id)))
    }

    mutating func resumeClient(_ id: SlotID) {
        if !clients[id].isPaused || clients[id].peerFinished { return }
        clients[id].isPaused = false
        actions.append(.resumeReading(.client(id)))
    }

    mutating func pause(_ upstream: UpstreamID) {
        if links[upstream.id.index].isPaused { return }
        links[upstream.id.index].isPaused = true
        actions.append(.pauseReading(.upstream(upstream)))
    }

    mutating func resume(_ upstream: UpstreamID) {
        if !links[upstream.id.index].isPaused { return }
        links[upstream.id.index].isPaused = false
        actions.append(.resumeReading(.upstream(upstream)))
    }
}
