/// One loop's pipes. Bounded, so that what waits in the kernel for receivers that do not read is, too; a connection
/// has one only while bytes are in it.
public final class SplicePipePool {
    /// Bytes that a pipe is asked to take with one call.
    public static let capacity = 262_144

    private var most: Int
    /// Empty pipes that are kept: one serves all connections whose receivers read.
    private var mostIdle: Int
    private var idle: [SplicePipe] = []
    /// Pipes with bytes in them, or about to be filled.
    public private(set) var lent = 0
    /// Empty pipes.
    public var idleCount: Int { idle.count }

    /// A pool without pipes.
    public init(most: Int = 32, idle: Int = 4) {
        self.most = most
        mostIdle = idle
    }

    /// An empty pipe; nil where the bound is reached or there are no descriptors. It must be given back, see
    /// ``SplicePipe/giveBack()``.
    public func take() -> SplicePipe? {
        if lent >= most { return nil }
        guard let pipe = idle.popLast() ?? SplicePipe(capacity: Self.capacity, pool: self) else { return nil }
        lent += 1
        return pipe
    }

    /// One with bytes in it is closed.
    func takeBack(_ pipe: SplicePipe) {
        precondition(lent > 0)
        lent -= 1
        if pipe.count == 0 && idle.count < mostIdle { idle.append(pipe) }
    }

    /// Lends none any more: they are of no use here.
    func giveUp() {
        most = 0
        mostIdle = 0
        closeIdle()
    }

    /// Closes the empty ones: somebody lacks descriptors.
    public func closeIdle() { idle.removeAll() }
}
