internal import CLinux
public import Dialling
internal import Glibc

/// How many sockets there are, by state.
public struct TCPStateCounts: Hashable, Sendable {
    private var counts = [Int](repeating: 0, count: 16)

    /// None yet.
    public init() {}

    /// How many sockets are in a state.
    public subscript(state: TCPState) -> Int {
        get { counts[Int(state.rawValue)] }
        set { counts[Int(state.rawValue)] = newValue }
    }

    /// Sockets in any state.
    public var total: Int { counts.reduce(0, +) }
}

/// Which sockets are meant; what is nil or empty is any.
public struct SocketFilter: Hashable, Sendable {
    /// States, none for all of them.
    public var states: Set<TCPState>
    /// The socket's own address and port, chosen by the kernel or not.
    public var sourceAddress: Endpoint.Address?
    /// The socket's own port.
    public var sourcePort: UInt16?
    /// The address of the far end.
    public var destinationAddress: Endpoint.Address?
    /// The port of the far end.
    public var destinationPort: UInt16?

    /// Puts conditions together, all of which must hold.
    public init(
        states: Set<TCPState> = [],
        sourceAddress: Endpoint.Address? = nil,
        sourcePort: UInt16? = nil,
        destinationAddress: Endpoint.Address? = nil,
        destinationPort: UInt16? = nil
    ) {
        self.states = states
        self.sourceAddress = sourceAddress
        self.sourcePort = sourcePort
        self.destinationAddress = destinationAddress
        self.destinationPort = destinationPort
    }

    /// Sockets towards one destination.
    public static func towards(_ destination: Endpoint, states: Set<TCPState> = []) -> SocketFilter {
        SocketFilter(
            states: states,
            destinationAddress: destination.address,
            destinationPort: destination.port
        )
    }

    /// The part that the kernel filters by: states and ports.
    fileprivate func apply(to request: inout weir_socket_request) {
        if !states.isEmpty { request.body.idiag_states = states.reduce(0) { $0 | 1 << $1.rawValue } }
        request.body.id.idiag_sport = (sourcePort ?? 0).bigEndian
        request.body.id.idiag_dport = (destinationPort ?? 0).bigEndian
    }

    /// The rest, on addresses as the kernel's messages are read: IPv4 where they are mapped.
    fileprivate func admits(_ source: Endpoint.Address, _ destination: Endpoint.Address) -> Bool {
        (sourceAddress == nil || sourceAddress?.unmapped == source)
            && (destinationAddress == nil || destinationAddress?.unmapped == destination)
    }
}

extension SocketDiagnostics {
    /// The kernel fills datagrams up to this size.
    private static let listRoom = 32 * 1024

    /// Hands out the TCP sockets of this network namespace, of both families, TIME_WAIT included: own end, far
    /// end (IPv4 where they are IPv4-mapped) and report.
    ///
    /// The kernel walks all of its sockets for it, whatever the filter: milliseconds at ten thousand, so on a
    /// helper thread where it might be called often. It opens a socket of its own for it. What opens and
    /// closes meanwhile may be missed, or told twice.
    ///
    /// - Parameters:
    ///   - activity: whether reports tell what the sockets did, which makes it half as fast again.
    ///   - limit: sockets that fit, after which it ends.
    /// - Returns: whether these were all.
    /// - Throws: `SystemError` where there is no descriptor to be had, or where the kernel refuses.
    @discardableResult
    public static func forEachTCP(
        _ filter: SocketFilter = SocketFilter(),
        activity: Bool = false,
        limit: Int = 1_000_000,
        _ body: (_ from: Endpoint, _ to: Endpoint, SocketReport) -> Void
    ) throws(SystemError) -> Bool {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: listRoom, alignment: 8)
        defer { buffer.deallocate() }
        var left = limit
        for family in DiagnosticFamily.allCases {
            // A listing that is given up halfway leaves its rest with the socket, so each has its own.
            let socket = try DiagnosticSocket()
            var request = weir_socket_request(family: family, flags: NLM_F_DUMP, activity: activity)
            filter.apply(to: &request)
            let refusal = socket.send(&request)
            if refusal != 0 { throw SystemError("list sockets", code: refusal) }
            while true {
                let answer = socket.receive(into: buffer)
                guard case .bytes(let count) = answer else { return false }
                let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
                let result = read(bytes.bytes, filter, &left, body)
                // A kernel without IPv6 knows no sockets of that family.
                if let code = result.end, code != 0, family == .v4 || code != ENOENT {
                    throw SystemError("list sockets", code: code)
                }
                if result.isFull { return false }
                if result.end != nil { break }
            }
        }
        return true
    }

    /// Reads one datagram; `end` is set by the listing's last message.
    private static func read(
        _ bytes: RawSpan,
        _ filter: SocketFilter,
        _ left: inout Int,
        _ body: (Endpoint, Endpoint, SocketReport) -> Void
    ) -> (end: Int32?, isFull: Bool) {
        var offset = 0
        while let (_, message) = DiagnosticMessage.next(in: bytes, at: &offset) {
            switch message {
            case .end(let code): return (code, false)
            case .other: continue
            case .socket(let from, let to, let report):
                if !filter.admits(from.address, to.address) { continue }
                if left == 0 { return (nil, true) }
                left -= 1
                body(from, to, report)
            }
        }
        return (nil, false)
    }

    /// Counts the TCP sockets that fit, by state; see ``forEachTCP(_:activity:limit:_:)``.
    public static func countTCP(_ filter: SocketFilter = SocketFilter()) throws(SystemError) -> TCPStateCounts
    {
        var counts = TCPStateCounts()
        try forEachTCP(filter) { _, _, report in counts[report.state] += 1 }
        return counts
    }
}
