import Basics

/// A peer's end of a link: paced writing, paced reading, and the ways to end.
final class PeerSocket {
    unowned let world: World
    let link: Link
    private var outgoing = ByteQueue()
    private var wantsFinish = false
    private var writes: Pace
    private var reads: Pace
    private var isWriting = false
    private var isReading = false
    private var isEndReported = false
    private(set) var isClosed = false
    /// Bytes came.
    var onBytes: ([UInt8]) -> Void = { _ in }
    /// The proxy's FIN, or its RST.
    var onEnd: (_ isReset: Bool) -> Void = { _ in }
    /// Everything given to `send` is with the kernel.
    var onSent: () -> Void = {}

    init(world: World, link: Link, reads: Pace, writes: Pace) {
        self.world = world
        self.link = link
        self.reads = reads
        self.writes = writes
        link.toPeer.onReadable = { [unowned self] in readSoon() }
        link.toProxy.onWritable = { [unowned self] in write() }
    }

    var hasUnsent: Bool { !outgoing.isEmpty }

    /// Lets go of what holds this object, at the end of the run.
    func cut() {
        onBytes = { _ in }
        onEnd = { _ in }
        onSent = {}
        link.toPeer.onReadable = {}
        link.toProxy.onWritable = {}
    }

    func send(_ bytes: [UInt8]) {
        outgoing.append(bytes[...])
        write()
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    /// FIN behind everything given to `send`.
    func finish() {
        wantsFinish = true
        write()
    }

    /// close(2). Bytes that are still unread make the kernel send RST; later ones too.
    func close() {
        if isClosed { return }
        isClosed = true
        outgoing.removeAll()
        if link.toPeer.closeReader() {
            link.toProxy.reset(isLosingUnread: world.random.oneIn(2))
        } else {
            link.toProxy.finish()
            // A closed socket's kernel answers the keepalive probes with RST once it has forgotten it.
            world.schedule(after: .seconds(75)) { [self] in link.toProxy.reset(isLosingUnread: false) }
        }
    }

    func reset() {
        if isClosed { return }
        isClosed = true
        outgoing.removeAll()
        _ = link.toPeer.closeReader()
        link.toProxy.reset(isLosingUnread: world.random.oneIn(2))
    }

    private func write() {
        if isWriting || isClosed { return }
        if outgoing.isEmpty {
            if wantsFinish { link.toProxy.finish() }
            return
        }
        let count = min(writes.bytes, writes.stopsAfter, outgoing.count)
        let taken = link.toProxy.write(outgoing.slice.prefix(count))
        outgoing.drop(taken)
        if writes.stopsAfter < .max { writes.stopsAfter -= taken }
        if outgoing.isEmpty {
            if wantsFinish { link.toProxy.finish() }
            onSent()
        } else if taken > 0 && writes.stopsAfter > 0 {
            isWriting = true
            world.schedule(after: writes.pause) { [self] in
                isWriting = false
                write()
            }
        }
    }

    private func readSoon() {
        if isReading || isClosed { return }
        isReading = true
        world.schedule(after: reads.pause) { [self] in
            isReading = false
            read()
        }
    }

    private func read() {
        if isClosed { return }
        let limit = min(reads.bytes, reads.stopsAfter)
        let bytes = limit > 0 ? link.toPeer.read(limit) : []
        if reads.stopsAfter < .max { reads.stopsAfter -= bytes.count }
        if !bytes.isEmpty { onBytes(bytes) }
        if isClosed || reads.stopsAfter == 0 { return }
        if link.toPeer.readable > 0 {
            readSoon()
        } else if (link.toPeer.isAtEnd || link.toPeer.isResetArrived) && !isEndReported {
            isEndReported = true
            onEnd(link.toPeer.isResetArrived)
        }
    }
}
