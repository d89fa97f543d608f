import Basics

/// Bytes in order, taken from the front.
struct ByteQueue {
    private var bytes: [UInt8] = []
    private var start = 0

    var count: Int { bytes.count - start }
    var isEmpty: Bool { count == 0 }
    var slice: ArraySlice<UInt8> { bytes[start...] }

    mutating func append(_ more: ArraySlice<UInt8>) { bytes.append(contentsOf: more) }

    mutating func take(_ count: Int) -> [UInt8] {
        let taken = Array(bytes[start..<start + count])
        drop(count)
        return taken
    }

    mutating func drop(_ count: Int) {
        start += count
        if start == bytes.count {
            bytes.removeAll(keepingCapacity: true)
            start = 0
        } else if start > 16 * 1024 {
            bytes.removeFirst(start)
            start = 0
        }
    }

    mutating func removeAll() {
        bytes.removeAll()
        start = 0
    }
}

/// One direction of a simulated TCP connection: the sender's and the receiver's kernel buffers and the
/// way between them. It splits, coalesces, delays, fills up, ends by FIN or RST, or goes silent.
final class Pipe {
    unowned let world: World
    /// How many bytes the two kernels hold for this direction.
    let capacity: Int
    /// The network forgot the flow: nothing arrives any more, and nobody is told.
    var isDead = false
    /// Bytes, a FIN or a reset can be read.
    var onReadable: () -> Void = {}
    /// There is room again after `write` took less than it was given.
    var onWritable: () -> Void = {}
    /// Bytes arrived although the reader has closed its socket: its kernel answers with RST.
    var onRefused: () -> Void = {}

    private var queue = ByteQueue()
    private var arrived = 0
    private var lastArrival = MonotonicTime.zero
    private var isWriterWaiting = false
    private(set) var isFinishSent = false
    private(set) var isFinishArrived = false
    private(set) var isResetSent = false
    private(set) var isResetArrived = false
    /// The reader has closed its socket.
    private(set) var isReaderGone = false

    init(world: World, capacity: Int) {
        self.world = world
        self.capacity = capacity
    }

    /// Bytes that could be read now.
    var readable: Int { arrived }
    /// Bytes sent that the receiver has not read; as in the kernel, a FIN counts as one.
    var unread: Int { queue.count + (isFinishSent ? 1 : 0) }
    /// FIN was received and nothing is before it.
    var isAtEnd: Bool { isFinishArrived && arrived == 0 && queue.isEmpty }
    /// Bytes sent that the receiver's kernel has not acknowledged; those of a dead flow stay.
    var unacknowledged: Int { isDead ? queue.count - arrived : 0 }

    /// Takes as much as fits and returns how many bytes that was.
    func write(_ bytes: ArraySlice<UInt8>) -> Int {
        if isFinishSent || isResetSent { return bytes.count }
        let count = min(capacity - queue.count, bytes.count)
        if count < bytes.count { isWriterWaiting = true }
        if count == 0 { return 0 }
        queue.append(bytes.prefix(count))
        world.schedule(at: arrival()) { [self] in
            if isDead || isResetArrived { return }
            arrived += count
            if isReaderGone {
                discard()
                onRefused()
            } else {
                onReadable()
            }
        }
        return count
    }

    /// FIN behind everything written.
    func finish() {
        if isFinishSent || isResetSent { return }
        isFinishSent = true
        world.schedule(at: arrival()) { [self] in
            if isDead || isResetArrived { return }
            isFinishArrived = true
            onReadable()
        }
    }

    /// RST. Depending on the receiver's system, what it has not read yet is lost.
    func reset(isLosingUnread: Bool) {
        if isResetSent { return }
        isResetSent = true
        world.schedule(at: arrival()) { [self] in
            if isDead { return }
            isResetArrived = true
            if isLosingUnread { discard() }
            onReadable()
        }
    }

    /// Reads at most `limit` of the bytes that have arrived.
    func read(_ limit: Int) -> [UInt8] {
        let bytes = queue.take(min(limit, arrived))
        arrived -= bytes.count
        if isWriterWaiting && !bytes.isEmpty {
            isWriterWaiting = false
            world.schedule(after: world.delay()) { [self] in onWritable() }
        }
        return bytes
    }

    /// The reader closes its socket. True if it left bytes unread, upon which its kernel sends RST.
    func closeReader() -> Bool {
        isReaderGone = true
        let hadUnread = arrived > 0
        discard()
        return hadUnread
    }

    private func discard() {
        _ = queue.take(arrived)
        arrived = 0
    }

    /// In order: never before what was sent earlier.
    private func arrival() -> MonotonicTime {
        let time = max(world.now + world.delay(), lastArrival + Interval(nanoseconds: 1))
        lastArrival = time
        return time
    }
}

/// A connection between a peer and the proxy.
final class Link {
    let toProxy: Pipe
    let toPeer: Pipe

    init(world: World, capacity: Int) {
        toProxy = Pipe(world: world, capacity: capacity)
        toPeer = Pipe(world: world, capacity: capacity)
        toProxy.onRefused = { [unowned self] in toPeer.reset(isLosingUnread: world.random.oneIn(2)) }
        toPeer.onRefused = { [unowned self] in toProxy.reset(isLosingUnread: world.random.oneIn(2)) }
    }

    /// The flow is forgotten by something between the two ends.
    func die() {
        toProxy.isDead = true
        toPeer.isDead = true
    }
}
