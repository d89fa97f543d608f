import Reactor

/// One connection to the admin server, for one request.
final class AdminConnection {
    /// What the connection is doing.
    enum Phase {
        case readingHead
        /// The answer is being put together.
        case waiting
        case sending
        /// All is sent and finished; what still comes is discarded, for a close with unread bytes would be a
        /// reset that can destroy the response on its way.
        case lingering
    }

    let slot: Int
    let descriptor: Int32
    let watch: DescriptorWatch
    var phase = Phase.readingHead
    var peerFinished = false
    var output = OutputQueue()
    var request = AdminRequestReader()

    /// Takes over an accepted socket and watches it for reading; nil where the kernel will not watch it.
    init?(
        loop: EventLoop,
        slot: Int,
        descriptor: Int32,
        onReady: @escaping (AdminConnection, Bool, Bool) -> Void
    ) {
        self.slot = slot
        self.descriptor = descriptor
        var report: (Bool, Bool) -> Void = { _, _ in }
        watch = DescriptorWatch(loop: loop, descriptor: descriptor) { report($0, $1) }
        report = { [unowned self] in onReady(self, $0, $1) }
        if !watch.setReading(true) {
            watch.invalidate()
            return nil
        }
    }

    /// Ends the watch and closes the socket; with a reset where something went wrong.
    func close(reset: Bool) {
        watch.invalidate()
        if reset { Sockets.closeWithReset(descriptor) } else { Sockets.close(descriptor) }
    }
}
