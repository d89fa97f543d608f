internal import CLinux
public import Dialling
internal import Glibc

/// The kernel's account of connections (nf_conntrack), in which the translation of each is kept.
///
/// It remembers a connection for a while after its end: ten seconds after a reset, two minutes where the end that
/// opened it closed first. Whatever the rules say by then, a new connection between the same ports is translated
/// as the former was.
public enum ConnectionTracking {
    /// Has the kernel forget TCP connections that were translated to a destination of this host. Takes
    /// CAP_NET_ADMIN, and time in proportion to all connections of the network namespace.
    ///
    /// - Parameters:
    ///   - destinations: what they were translated to.
    ///   - onlyEnded: spares those that are open.
    /// - Returns: how many were forgotten.
    /// - Throws: `SystemError`, as where the kernel has no such account.
    @discardableResult
    public static func forget(translatedTo destinations: [Endpoint], onlyEnded: Bool) throws(SystemError)
        -> Int
    {
        let descriptor = socket(
            AF_NETLINK,
            Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue),
            NETLINK_NETFILTER
        )
        if descriptor < 0 { throw SystemError("open a socket to netfilter", code: errno) }
        defer { Sockets.close(descriptor) }
        var limit = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var forgotten = 0
        for family in DiagnosticFamily.allCases {
            let wanted = destinations.compactMap { TrackedEnd($0, family) }
            if wanted.isEmpty { continue }
            for one in try list(descriptor, family)
            where wanted.contains(one.repliesFrom) && !(onlyEnded && one.isOpen) {
                let code = ask(descriptor, NetfilterMessage.forgetting(one.original, one.id, family))
                // Gone by itself meanwhile.
                if code == 0 {
                    forgotten += 1
                } else if code != ENOENT {
                    throw SystemError("forget", code: code)
                }
            }
        }
        return forgotten
    }

    private static func list(
        _ descriptor: Int32,
        _ family: DiagnosticFamily
    ) throws(SystemError) -> [TrackedConnection] {
        let question = NetfilterMessage.listing(family).bytes
        if send(descriptor, question, question.count, 0) < 0 {
            throw SystemError("list connections", code: errno)
        }
        var found: [TrackedConnection] = []
        var room = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &room, room.count, 0)
            if count < 0 && errno == EINTR { continue }
            if count < 0 { throw SystemError("list connections", code: errno == EAGAIN ? ETIMEDOUT : errno) }
            for (type, payload) in NetfilterReader.messages(room[..<count]) {
                switch Int32(type) {
                case NLMSG_DONE: return found
                case NLMSG_ERROR: throw SystemError("list connections", code: NetfilterReader.code(payload))
                default: if let one = TrackedConnection(payload.dropFirst(4)) { found.append(one) }
                }
            }
        }
    }

    private static func ask(_ descriptor: Int32, _ message: NetfilterMessage) -> Int32 {
        if send(descriptor, message.bytes, message.bytes.count, 0) < 0 { return errno }
        var room = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &room, room.count, 0)
        if count < 0 { return errno }
        for (type, payload) in NetfilterReader.messages(room[..<count]) where Int32(type) == NLMSG_ERROR {
            return NetfilterReader.code(payload)
        }
        return EPROTO
    }
}

/// An address and a port in network byte order, as the kernel has them.
private struct TrackedEnd: Equatable {
    var address: [UInt8]
    var port: [UInt8]

    init(address: [UInt8], port: [UInt8]) { (self.address, self.port) = (address, port) }

    /// Nil for an address of the other family.
    init?(_ endpoint: Endpoint, _ family: DiagnosticFamily) {
        func bytes(_ value: some FixedWidthInteger & BitwiseCopyable) -> [UInt8] {
            withUnsafeBytes(of: value.bigEndian, Array.init)
        }
        switch (endpoint.address, family) {
        case (.v4(let bits), .v4): address = bytes(bits)
        case (.v6(let high, let low, _), .v6): address = bytes(high) + bytes(low)
        default: return nil
        }
        port = bytes(endpoint.port)
    }
}

/// One TCP connection of the account.
private struct TrackedConnection {
    /// The attribute that names it, as it came.
    var original: [UInt8]
    var id: [UInt8]
    var repliesFrom: TrackedEnd
    var isOpen: Bool

    /// Reads the attributes of one; nil for other protocols and what is incomplete.
    init?(_ attributes: ArraySlice<UInt8>) {
        var reply: ArraySlice<UInt8>?
        var state: UInt8 = 0
        (original, id) = ([], [])
        for (type, content) in NetfilterReader.attributes(attributes) {
            switch Int(type) {
            case Int(CTA_TUPLE_ORIG.rawValue): original = Array(content)
            case Int(CTA_TUPLE_REPLY.rawValue): reply = content
            case Int(CTA_ID.rawValue): id = Array(content)
            case Int(CTA_PROTOINFO.rawValue):
                state =
                    NetfilterReader.value(
                        [CTA_PROTOINFO_TCP.rawValue, CTA_PROTOINFO_TCP_STATE.rawValue],
                        in: content
                    )?
                    .first ?? 0
            default: break
            }
        }
        guard let reply, !original.isEmpty, !id.isEmpty,
            NetfilterReader.value([CTA_TUPLE_PROTO.rawValue, CTA_PROTO_NUM.rawValue], in: reply)?.first == 6,
            let port = NetfilterReader.value(
                [CTA_TUPLE_PROTO.rawValue, CTA_PROTO_SRC_PORT.rawValue],
                in: reply
            ),
            let address = NetfilterReader.value([CTA_TUPLE_IP.rawValue, CTA_IP_V4_SRC.rawValue], in: reply)
                ?? NetfilterReader.value([CTA_TUPLE_IP.rawValue, CTA_IP_V6_SRC.rawValue], in: reply)
        else { return nil }
        repliesFrom = TrackedEnd(address: Array(address), port: Array(port))
        // TIME_WAIT and CLOSE are the last of the states that a connection has.
        isOpen = state < UInt8(TCP_CONNTRACK_TIME_WAIT.rawValue)
    }
}
