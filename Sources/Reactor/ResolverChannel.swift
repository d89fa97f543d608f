internal import Basics
internal import CAres
internal import Dialling
internal import Glibc

/// One c-ares channel on the loop: its sockets are watched, its time-outs are kept, and every name given to
/// it is answered exactly once.
///
/// A channel's servers and times never change; a reload makes a new channel and lets this one finish what it
/// has begun. It must be closed before it is let go, and never by its own answer.
final class ResolverChannel {
    typealias Answer = Result<NameCache.Answer, DialFailure>

    /// c-ares asks every server this often, doubling its patience each time.
    private static let tries = 3

    private let loop: EventLoop
    private let onAnswer: (_ serial: UInt64, Answer) -> Void
    private var channel: ares_channel?
    private var watches: [Int32: DescriptorWatch] = [:]
    private var timer: LoopTimer?
    /// SO_MARK of the sockets; 0 for none.
    fileprivate private(set) var mark: UInt32 = 0
    /// Names that have not been answered yet.
    private(set) var pending = 0

    /// A channel after the system's configuration as it is now, and the options.
    init(
        loop: EventLoop,
        options: Resolver.Options,
        onAnswer: @escaping (UInt64, Answer) -> Void
    ) throws(ResolverError) {
        self.loop = loop
        self.onAnswer = onAnswer
        try ResolverChannel.check(ares_library_init(ARES_LIB_INIT_ALL))
        // How patient one try may be depends on how many servers there are, which only c-ares knows.
        try open(options, tryTimeout: options.timeout)
        let total = ResolverChannel.tryUnits(servers: serverCount)
        ares_destroy(channel)
        channel = nil
        // A tenth is left over, so that an address that did arrive is reported by c-ares when the other
        // family's query gives up, before the look-up's own deadline cuts it off.
        try open(options, tryTimeout: options.timeout.scaled(by: 9, over: 10 * total))
        timer = LoopTimer(loop: loop) { [unowned self] in process(descriptor: -1, false, false) }
    }

    deinit { precondition(channel == nil, "a resolver channel was released before it was closed") }

    /// How many first-try time-outs pass until c-ares gives up: n servers are each asked with T, 2T, 4T.
    private static func tryUnits(servers: Int) -> Int64 {
        Int64(max(servers, 1)) * (1 << Int64(tries) - 1)
    }

    private static func check(_ status: Int32) throws(ResolverError) {
        if status != ARES_SUCCESS { throw ResolverError(status: status) }
    }

    private func open(_ options: Resolver.Options, tryTimeout: Interval) throws(ResolverError) {
        var settings = ares_options()
        // 1232 bytes fit every path without fragments (DNS flag day 2020); what does not fit comes over TCP,
        // which c-ares does unless told otherwise.
        settings.flags = Int32(ARES_FLAG_EDNS | ARES_FLAG_NOALIASES)
        settings.ednspsz = 1232
        settings.timeout = Int32(clamping: max(tryTimeout.inMilliseconds, 50))
        settings.tries = Int32(ResolverChannel.tries)
        settings.lookups = strdup("fb")
        settings.sock_state_cb = socketStateChanged
        settings.sock_state_cb_data = Unmanaged.passUnretained(self).toOpaque()
        var mask =
            ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS
            | ARES_OPT_SOCK_STATE_CB
        if let path = options.resolvConf {
            settings.resolvconf_path = strdup(path)
            mask |= ARES_OPT_RESOLVCONF
        }
        defer {
            free(settings.lookups)
            free(settings.resolvconf_path)
        }
        try ResolverChannel.check(ares_init_options(&channel, &settings, Int32(mask)))
        mark = options.mark
        if mark != 0 {
            let context = Unmanaged.passUnretained(self).toOpaque()
            ares_set_socket_configure_callback(channel, socketOpened, context)
        }
        if options.servers.isEmpty { return }
        let list = options.servers.map(ResolverChannel.withoutIdleBrackets).joined(separator: ",")
        let status = ares_set_servers_ports_csv(channel, list)
        if status != ARES_SUCCESS {
            ares_destroy(channel)
            channel = nil
            throw ResolverError(status: status)
        }
    }

    /// c-ares takes brackets only where a port follows them.
    private static func withoutIdleBrackets(_ server: String) -> String {
        server.hasPrefix("[") && server.hasSuffix("]") ? String(server.dropFirst().dropLast()) : server
    }

    private var serverCount: Int {
        var first: UnsafeMutablePointer<ares_addr_port_node>?
        guard ares_get_servers_ports(channel, &first) == ARES_SUCCESS else { return 1 }
        defer { ares_free_data(first) }
        var count = 0
        var node = first
        while let server = node {
            count += 1
            node = server.pointee.next
        }
        return count
    }

    /// Asks for all addresses of a name. The answer may come before this returns.
    func lookUp(_ name: String, serial: UInt64) {
        var hints = ares_addrinfo_hints()
        // One question for both families: with two, a search list could answer them from different domains.
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        // The order is the connect race's business; sorting costs four system calls an address.
        hints.ai_flags = Int32(ARES_AI_NOSORT)
        pending += 1
        let context = Unmanaged.passRetained(LookUpContext(channel: self, serial: serial)).toOpaque()
        ares_getaddrinfo(channel, name, nil, &hints, addressesFound, context)
        rearm()
    }

    /// Gives up whatever is under way, without answers, and closes all sockets.
    func close() {
        guard let open = channel else { return }
        channel = nil
        timer = nil
        ares_destroy(open)
        precondition(pending == 0 && watches.isEmpty, "c-ares kept something back")
    }

    fileprivate func process(descriptor: Int32, _ readable: Bool, _ writable: Bool) {
        guard let channel else { return }
        ares_process_fd(channel, readable ? descriptor : -1, writable ? descriptor : -1)
        rearm()
    }

    private func rearm() {
        var time = timeval()
        guard ares_timeout(channel, nil, &time) != nil else {
            timer?.disarm()
            return
        }
        // c-ares rounds down to a millisecond; without the extra one it would be woken a little too early,
        // several times over.
        let wait = Interval.milliseconds(time.tv_sec * 1000 + time.tv_usec / 1000 + 1)
        timer?.arm(at: loop.now + wait)
    }

    fileprivate func watch(_ descriptor: Int32, _ readable: Bool, _ writable: Bool) {
        guard readable || writable else {
            // Said before c-ares closes the socket.
            watches.removeValue(forKey: descriptor)?.invalidate()
            return
        }
        let known = watches[descriptor]
        let watch =
            known
            ?? DescriptorWatch(loop: loop, descriptor: descriptor) { [unowned self] readable, writable in
                process(descriptor: descriptor, readable, writable)
            }
        watches[descriptor] = watch
        // Where the kernel has no room to watch it, the query runs into its time-out.
        watch.setReading(readable)
        watch.setWriting(writable)
    }

    fileprivate func answer(_ serial: UInt64, _ status: Int32, _ found: UnsafeMutablePointer<ares_addrinfo>?)
    {
        pending -= 1
        let answer = ResolverChannel.answer(status, found)
        ares_freeaddrinfo(found)
        // During close nobody wants to know any more.
        if channel != nil { onAnswer(serial, answer) }
    }

    private static func answer(_ status: Int32, _ found: UnsafeMutablePointer<ares_addrinfo>?) -> Answer {
        guard status == ARES_SUCCESS, let found else { return .failure(cause(of: status)) }
        var addresses: [Endpoint.Address] = []
        var timeToLive = Int32.max
        var node = found.pointee.nodes
        while let current = node {
            if let address = address(of: current.pointee.ai_addr) { addresses.append(address) }
            timeToLive = min(timeToLive, current.pointee.ai_ttl)
            node = current.pointee.ai_next
        }
        var alias = found.pointee.cnames
        while let current = alias {
            timeToLive = min(timeToLive, current.pointee.ttl)
            alias = current.pointee.next
        }
        if addresses.isEmpty { return .failure(.dnsNotFound) }
        // RFC 2181 §8: a time to live with its top bit set is zero.
        let life = Interval.seconds(Int(max(timeToLive, 0)))
        return .success(NameCache.Answer(addresses: addresses, timeToLive: life))
    }

    private static func address(of pointer: UnsafeMutablePointer<sockaddr>?) -> Endpoint.Address? {
        guard let pointer else { return nil }
        let raw = UnsafeRawPointer(pointer)
        switch Int32(pointer.pointee.sa_family) {
        case AF_INET:
            return .v4(UInt32(bigEndian: raw.load(as: sockaddr_in.self).sin_addr.s_addr))
        case AF_INET6:
            let six = raw.load(as: sockaddr_in6.self)
            return six.sin6_addr.address(scope: six.sin6_scope_id)
        default:
            return nil
        }
    }

    private static func cause(of status: Int32) -> DialFailure {
        switch status {
        case ARES_ENODATA, ARES_ENOTFOUND, ARES_EBADNAME: .dnsNotFound
        case ARES_ETIMEOUT: .dnsTimeout
        default: .dnsFailed
        }
    }
}

/// What c-ares carries through one look-up.
private final class LookUpContext {
    /// Closed, and with that rid of every look-up, before it goes.
    unowned let channel: ResolverChannel
    let serial: UInt64

    init(channel: ResolverChannel, serial: UInt64) {
        self.channel = channel
        self.serial = serial
    }
}

private func socketStateChanged(
    _ context: UnsafeMutableRawPointer?,
    _ descriptor: Int32,
    _ readable: Int32,
    _ writable: Int32
) {
    guard let context else { fatalError("c-ares lost the channel") }
    Unmanaged<ResolverChannel>.fromOpaque(context).takeUnretainedValue()
        .watch(descriptor, readable != 0, writable != 0)
}

/// Called for each socket before it is connected.
private func socketOpened(_ descriptor: Int32, _ type: Int32, _ context: UnsafeMutableRawPointer?) -> Int32 {
    guard let context else { fatalError("c-ares lost the channel") }
    let channel = Unmanaged<ResolverChannel>.fromOpaque(context).takeUnretainedValue()
    // Whether that is allowed was found out at start.
    Sockets.setMark(descriptor, channel.mark)
    return Int32(ARES_SUCCESS)
}

private func addressesFound(
    _ context: UnsafeMutableRawPointer?,
    _ status: Int32,
    _ timeouts: Int32,
    _ found: UnsafeMutablePointer<ares_addrinfo>?
) {
    guard let context else { fatalError("c-ares lost a look-up") }
    // c-ares calls exactly once for every look-up, also when the channel is destroyed.
    let lookUp = Unmanaged<LookUpContext>.fromOpaque(context).takeRetainedValue()
    lookUp.channel.answer(lookUp.serial, status, found)
}
