public import Dialling
internal import Glibc

// What the kernel tells of connections that it redirected: <linux/netfilter_ipv4.h>, ip(7), socket(7).
extension Sockets {
    /// Where the client wanted to go, of an accepted connection that the kernel may have redirected.
    ///
    /// What was translated (nftables `redirect`, `dnat`) is asked of the connection tracking
    /// (`SO_ORIGINAL_DST`); what was handed over as it was (`tproxy`) has the original address for its own.
    /// Where neither happened this is the address at which the connection was accepted, which is the
    /// listener's.
    public static func originalDestination(_ descriptor: Int32) -> Endpoint? {
        guard let local = localEndpoint(descriptor) else { return nil }
        // The same number for both families, under the level of each.
        let originalDestination: Int32 = 80
        var address = SocketAddress()
        var level = Int32(IPPROTO_IP)
        if case .v6 = local.address { level = Int32(IPPROTO_IPV6) }
        // ENOENT where the connection is not tracked, ENOPROTOOPT where nothing is.
        let code = SystemCall.perform("getsockopt") {
            address.fill { getsockopt(descriptor, level, originalDestination, $0, $1) }
        }
        return code == 0 ? address.endpoint ?? local : local
    }

    /// Lets a listening socket be handed connections to addresses that are not this host's (`tproxy`). It takes
    /// CAP_NET_ADMIN or CAP_NET_RAW.
    ///
    /// - Returns: false where the kernel refuses.
    public static func setTransparent(_ descriptor: Int32) -> Bool {
        let ipTransparent: Int32 = 19
        let ipv6Transparent: Int32 = 75
        guard let local = localEndpoint(descriptor) else { return false }
        if case .v6 = local.address {
            return option(descriptor, Int32(IPPROTO_IPV6), ipv6Transparent, 1) == 0
        }
        return option(descriptor, Int32(IPPROTO_IP), ipTransparent, 1) == 0
    }

    /// Marks what the socket sends. It takes CAP_NET_ADMIN, or CAP_NET_RAW since Linux 5.17.
    ///
    /// - Returns: 0 or the `errno`, EPERM above all.
    @discardableResult
    public static func setMark(_ descriptor: Int32, _ mark: UInt32) -> Int32 {
        option(descriptor, SOL_SOCKET, SO_MARK, Int32(bitPattern: mark))
    }

    /// Whether this process may mark its sockets: nil, or why not.
    public static func obstacle(toMark mark: UInt32) -> SystemError? {
        let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_INET, type, 0)
        if descriptor < 0 { return SystemError("open a socket", code: errno) }
        defer { close(descriptor) }
        let code = setMark(descriptor, mark)
        return code == 0 ? nil : SystemError("set SO_MARK", code: code)
    }

    /// Takes a connection that stands back with RST and starts it anew on the same socket: from the same port
    /// where nobody else has that too, otherwise from another.
    ///
    /// - Returns: 0 where it stands or is being made, as after ``openStream(to:from:ports:mark:)``; else the
    ///   `errno`.
    public static func connectAgain(_ descriptor: Int32, to destination: Endpoint) -> Int32 {
        let local = localEndpoint(descriptor)
        // connect(2): AF_UNSPEC dissolves the association. It also gives up a port that the kernel had chosen.
        let nowhere = SocketAddress()
        var code = SystemCall.perform("connect") { nowhere.lend { connect(descriptor, $0, $1) } }
        if code != 0 { return code }
        if let local {
            _ = SystemCall.perform("bind") { SocketAddress(local).lend { bind(descriptor, $0, $1) } }
        }
        let address = SocketAddress(destination)
        code = SystemCall.perform("connect") { address.lend { connect(descriptor, $0, $1) } }
        return code == EINPROGRESS ? 0 : code
    }

    /// Whether the address is one of this host's, or of this network namespace's.
    public static func isLocal(_ address: Endpoint.Address) -> Bool {
        let own = SocketAddress(Endpoint(address: address, port: 0))
        let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(own.family, type, 0)
        if descriptor < 0 { return false }
        defer { close(descriptor) }
        return SystemCall.perform("bind") { own.lend { bind(descriptor, $0, $1) } } == 0
    }

    private static func option(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) -> Int32 {
        var value = value
        let length = socklen_t(MemoryLayout<Int32>.size)
        return SystemCall.perform("setsockopt") { setsockopt(descriptor, level, name, &value, length) }
    }
}
