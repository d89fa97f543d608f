public import Basics
internal import CAres
public import Dialling

/// The resolver could not be set up.
public struct ResolverError: Error, Hashable, Sendable, CustomStringConvertible {
    /// c-ares' status.
    let status: Int32

    /// c-ares' sentence for it.
    public var description: String {
        guard let text = ares_strerror(status) else { return "resolver: status \(status)" }
        return "resolver: \(String(cString: text))"
    }
}

/// Finds the addresses of names without blocking: first in the hosts file, then with the name servers, over
/// UDP and, where an answer does not fit, over TCP. Remembers nothing; see `NameCache`.
///
/// Every look-up is answered exactly once through ``onFinished``, unless the resolver is closed before.
public final class Resolver {
    /// Whom to ask, and for how long.
    public struct Options: Hashable, Sendable {
        /// Name servers as `address`, `address:port` or `[address]:port`, in the order in which they are
        /// asked; empty: the system's. The search list is the system's in either case.
        public var servers: [String]
        /// One look-up at most, all servers, retries and search domains included; more than zero.
        public var timeout: Interval
        /// SO_MARK of the sockets to name servers, where this process may set it; 0 for none.
        public var mark: UInt32 = 0
        /// Read instead of `/etc/resolv.conf`; for tests.
        var resolvConf: String?

        /// The system's servers and five seconds unless told otherwise.
        public init(servers: [String] = [], timeout: Interval = .seconds(5)) {
            self.servers = servers
            self.timeout = timeout
        }
    }

    private struct LookUp {
        var token: UInt64
        var deadline: MonotonicTime
    }

    private let loop: EventLoop
    private var options: Options
    private var channel: ResolverChannel?
    /// Channels from before a reload that still have answers to give.
    private var retiring: [ResolverChannel] = []
    /// Look-ups without an answer, by their serial number; an answer to any other is late and ignored.
    private var lookUps: [UInt64: LookUp] = [:]
    private var lastSerial: UInt64 = 0
    private var finished: [(token: UInt64, ResolverChannel.Answer)] = []
    private var isDeliveryPlanned = false
    private var timer: LoopTimer?

    /// Told the answer to every look-up; never called from inside a call of the resolver's, always at the
    /// end of a turn of the loop.
    public var onFinished: (_ token: UInt64, Result<NameCache.Answer, DialFailure>) -> Void = { _, _ in }

    /// A resolver after the system's configuration as it is now.
    ///
    /// - Throws: `ResolverError` for a malformed server address, or where memory or descriptors are short.
    public init(loop: EventLoop, options: Options = Options()) throws(ResolverError) {
        self.loop = loop
        self.options = options
        channel = try makeChannel(options)
        timer = LoopTimer(loop: loop) { [unowned self] in deadlinePassed() }
    }

    deinit { close() }

    /// How many look-ups wait for an answer.
    public var pendingCount: Int { lookUps.count }

    private func makeChannel(_ options: Options) throws(ResolverError) -> ResolverChannel {
        try ResolverChannel(loop: loop, options: options) { [unowned self] serial, answer in
            answered(serial, answer)
        }
    }

    /// Looks up all addresses of a name.
    ///
    /// - Parameters:
    ///   - name: in the form that `NameCache` hands out, which is checked; not an address literal.
    ///   - token: what ``onFinished`` is told; not that of a look-up that is still without an answer.
    public func lookUp(_ name: String, token: UInt64) {
        loop.assertOnThread()
        guard let channel else { preconditionFailure("the resolver is closed") }
        lastSerial += 1
        lookUps[lastSerial] = LookUp(token: token, deadline: loop.now + options.timeout)
        rearm()
        channel.lookUp(name, serial: lastSerial)
    }

    /// Takes over other options and reads the system's configuration anew. Look-ups under way go on with
    /// what they began with.
    ///
    /// - Throws: `ResolverError`; then everything stays as it was.
    public func reconfigure(_ options: Options) throws(ResolverError) {
        loop.assertOnThread()
        let fresh = try makeChannel(options)
        if let old = channel { retiring.append(old) }
        channel = fresh
        self.options = options
        closeRetired()
    }

    /// Ends every look-up without an answer and closes all sockets. Not to be called from ``onFinished``.
    public func close() {
        channel?.close()
        channel = nil
        for old in retiring { old.close() }
        retiring = []
        lookUps = [:]
        finished = []
        timer = nil
    }

    private func answered(_ serial: UInt64, _ answer: ResolverChannel.Answer) {
        guard let lookUp = lookUps.removeValue(forKey: serial) else { return deliverLater() }
        finished.append((lookUp.token, answer))
        deliverLater()
        rearm()
    }

    private func deadlinePassed() {
        let now = loop.now
        for (serial, lookUp) in lookUps where lookUp.deadline <= now {
            lookUps[serial] = nil
            finished.append((lookUp.token, .failure(.dnsTimeout)))
        }
        if !finished.isEmpty { deliverLater() }
        rearm()
    }

    /// At most as many look-ups as `NameCache` lets run are walked here.
    private func rearm() {
        timer?.arm(at: lookUps.values.map(\.deadline).min() ?? .never)
    }

    /// c-ares answers from inside its own calls, where neither it nor its channel may be touched.
    private func deliverLater() {
        if isDeliveryPlanned { return }
        isDeliveryPlanned = true
        loop.afterTurn { [weak self] in self?.deliver() }
    }

    private func deliver() {
        isDeliveryPlanned = false
        closeRetired()
        while !finished.isEmpty {
            let batch = finished
            finished = []
            for (token, answer) in batch { onFinished(token, answer) }
        }
    }

    private func closeRetired() {
        retiring.removeAll { old in
            if old.pending > 0 { return false }
            old.close()
            return true
        }
    }
}
