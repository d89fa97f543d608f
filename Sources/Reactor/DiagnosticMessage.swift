internal import Basics
internal import CLibevent
internal import CLinux
internal import Dialling

// What is said over NETLINK_SOCK_DIAG: netlink(7), sock_diag(7), <linux/inet_diag.h>.

extension weir_socket_request {
    /// A question for TCP sockets.
    ///
    /// - Parameters:
    ///   - family: of the sockets looked for.
    ///   - flags: `NLM_F_DUMP` for all sockets that fit; without it for the very one.
    ///   - activity: whether to tell what the sockets did, which doubles the answer.
    init(family: DiagnosticFamily, flags: Int32, activity: Bool = false) {
        self.init()
        header.nlmsg_len = UInt32(MemoryLayout<weir_socket_request>.size)
        header.nlmsg_type = UInt16(SOCK_DIAG_BY_FAMILY)
        header.nlmsg_flags = UInt16(NLM_F_REQUEST | flags)
        body.sdiag_family = family.rawValue
        body.sdiag_protocol = 6
        body.idiag_states = .max
        if activity { body.idiag_ext = 1 << UInt8(INET_DIAG_INFO - 1) }
        // Any socket: a cookie would ask for one that an earlier answer told of.
        body.id.idiag_cookie = (.max, .max)
    }

    /// Names the very socket, or any where there is no number.
    mutating func setCookie(_ cookie: UInt64?) {
        let cookie = cookie ?? .max
        body.id.idiag_cookie = (UInt32(truncatingIfNeeded: cookie), UInt32(cookie >> 32))
    }

    /// Names both ends. IPv4-mapped addresses are asked for as IPv4: the kernel then finds sockets of either
    /// family, and only then where it runs without IPv6.
    mutating func setEnds(from: Endpoint, to: Endpoint) {
        body.id.idiag_sport = from.port.bigEndian
        body.id.idiag_dport = to.port.bigEndian
        if case .v4(let source) = from.address.unmapped, case .v4(let destination) = to.address.unmapped {
            body.sdiag_family = DiagnosticFamily.v4.rawValue
            body.id.idiag_src = (source.bigEndian, 0, 0, 0)
            body.id.idiag_dst = (destination.bigEndian, 0, 0, 0)
            body.id.idiag_if = 0
        } else {
            body.sdiag_family = DiagnosticFamily.v6.rawValue
            body.id.idiag_src = from.address.words
            body.id.idiag_dst = to.address.words
            // A socket with a link-local end is bound to its interface, and is found by it only.
            body.id.idiag_if = max(from.address.scope, to.address.scope)
        }
    }
}

/// Which sockets a question is about; one of IPv6 may well talk IPv4.
enum DiagnosticFamily: UInt8, CaseIterable {
    case v4 = 2
    case v6 = 10
}

/// One message of the kernel's.
enum DiagnosticMessage: Equatable {
    /// A socket: its own end, and the far one. IPv4-mapped addresses are told as IPv4.
    case socket(from: Endpoint, to: Endpoint, SocketReport)
    /// No more sockets, or none at all: 0 or the `errno`.
    case end(Int32)
    /// Anything else: other types, unknown states, and what is too short for what it claims to be.
    case other

    /// Reads the message at `offset`, which is moved behind it.
    ///
    /// - Returns: nil at the end of the bytes, or where what follows is cut or is no message at all; then
    ///   nothing more is to be had.
    static func next(
        in bytes: RawSpan,
        at offset: inout Int
    ) -> (sequence: UInt32, message: DiagnosticMessage)? {
        guard let header: nlmsghdr = bytes.read(at: offset) else { return nil }
        let start = offset + MemoryLayout<nlmsghdr>.size
        let length = Int(header.nlmsg_len)
        guard length >= MemoryLayout<nlmsghdr>.size, length <= bytes.byteCount - offset else { return nil }
        let payload = bytes.extracting(start..<offset + length)
        // The last message of a datagram may lack its padding.
        offset = min(offset + aligned(length), bytes.byteCount)
        return (header.nlmsg_seq, parse(Int32(header.nlmsg_type), payload))
    }

    private static func parse(_ type: Int32, _ payload: RawSpan) -> DiagnosticMessage {
        switch type {
        case NLMSG_ERROR, NLMSG_DONE:
            guard let code: Int32 = payload.read(at: 0) else { return .other }
            // Negative by the kernel's habit; the distance does not trap, whatever came.
            return .end(code == .min ? .max : abs(code))
        case Int32(SOCK_DIAG_BY_FAMILY):
            return socket(payload) ?? .other
        default:
            return .other
        }
    }

    private static func socket(_ payload: RawSpan) -> DiagnosticMessage? {
        guard let body: inet_diag_msg = payload.read(at: 0), let state = TCPState(rawValue: body.idiag_state),
            let family = DiagnosticFamily(rawValue: body.idiag_family)
        else { return nil }
        let id = body.id
        // "0" is also what is said where there is no owner left to ask for.
        let isHeld = body.idiag_inode != 0 || body.idiag_uid != 0
        let report = SocketReport(
            uid: isHeld ? body.idiag_uid : nil,
            inode: UInt64(body.idiag_inode),
            cgroup: attribute(INET_DIAG_CGROUP_ID, 8, in: payload).flatMap { payload.read(at: $0) },
            state: state,
            receiveQueue: Int(body.idiag_rqueue),
            sendQueue: Int(body.idiag_wqueue),
            cookie: UInt64(id.idiag_cookie.1) << 32 | UInt64(id.idiag_cookie.0),
            activity: state == .timeWait ? nil : activity(in: payload)
        )
        return .socket(
            from: endpoint(id.idiag_src, id.idiag_sport, family, id.idiag_if),
            to: endpoint(id.idiag_dst, id.idiag_dport, family, id.idiag_if),
            report
        )
    }

    private static func activity(in payload: RawSpan) -> SocketActivity? {
        // Newer kernels tell more; older ones that tell less are not read.
        let size = MemoryLayout<weir_tcp_info>.size
        guard let offset = attribute(INET_DIAG_INFO, size, orMore: true, in: payload),
            let info: weir_tcp_info = payload.read(at: offset)
        else { return nil }
        return SocketActivity(
            sinceSent: .milliseconds(Int(info.since_data_sent)),
            sinceReceived: .milliseconds(Int(info.since_data_received)),
            bytesAcknowledged: info.bytes_acknowledged,
            bytesReceived: info.bytes_received,
            segmentsSent: info.data_segments_out,
            roundTrip: Interval(nanoseconds: Int64(info.round_trip) * 1000)
        )
    }

    /// Where the content of the attribute begins; nil where there is none of that size.
    private static func attribute(
        _ type: Int,
        _ size: Int,
        orMore: Bool = false,
        in payload: RawSpan
    ) -> Int? {
        var offset = aligned(MemoryLayout<inet_diag_msg>.size)
        while let attribute: nlattr = payload.read(at: offset) {
            let length = Int(attribute.nla_len)
            guard length >= MemoryLayout<nlattr>.size, length <= payload.byteCount - offset else {
                return nil
            }
            if Int(attribute.nla_type) == type {
                let content = length - MemoryLayout<nlattr>.size
                guard content == size || orMore && content > size else { return nil }
                return offset + MemoryLayout<nlattr>.size
            }
            offset += aligned(length)
        }
        return nil
    }

    private static func endpoint(
        _ words: Endpoint.Address.Words,
        _ port: UInt16,
        _ family: DiagnosticFamily,
        _ interface: UInt32
    ) -> Endpoint {
        let address =
            switch family {
            case .v4: Endpoint.Address.v4(UInt32(bigEndian: words.0))
            case .v6: Endpoint.Address(words, interface: interface).unmapped
            }
        return Endpoint(address: address, port: UInt16(bigEndian: port))
    }

    /// Messages and attributes begin at multiples of four bytes.
    private static func aligned(_ length: Int) -> Int { (length + 3) & ~3 }
}

extension RawSpan {
    /// The plain bytes of a value, wherever they lie; nil where they are not all there.
    @inline(__always)
    fileprivate func read<Value: BitwiseCopyable>(at offset: Int) -> Value? {
        guard offset >= 0, byteCount - offset >= MemoryLayout<Value>.size else { return nil }
        // Unsafe as not every type takes any bits: these are integers and C structures of integers.
        return unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self)
    }
}

extension Endpoint.Address {
    /// An address as four words, each in network byte order.
    typealias Words = (UInt32, UInt32, UInt32, UInt32)

    /// Four words of an IPv6 address; only a link-local one belongs to an interface.
    fileprivate init(_ words: Words, interface: UInt32) {
        let high = UInt64(UInt32(bigEndian: words.0)) << 32 | UInt64(UInt32(bigEndian: words.1))
        let low = UInt64(UInt32(bigEndian: words.2)) << 32 | UInt64(UInt32(bigEndian: words.3))
        self = .v6(high: high, low: low, scope: high >> 54 == 0xfe80 >> 6 ? interface : 0)
    }

    /// The words of the IPv6 address; those of an IPv4 address are its mapped form.
    fileprivate var words: Words {
        switch self {
        case .v4(let bits):
            return (0, 0, UInt32(0xffff).bigEndian, bits.bigEndian)
        case .v6(let high, let low, _):
            func word(_ half: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: half).bigEndian }
            return (word(high >> 32), word(high), word(low >> 32), word(low))
        }
    }

    /// The interface of a link-local address, 0 for all others.
    fileprivate var scope: UInt32 {
        if case .v6(_, _, let scope) = self { scope } else { 0 }
    }
}
