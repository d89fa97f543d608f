internal import Dialling
internal import Glibc

/// The kernel's form of an ``Endpoint``, or of a Unix socket's path.
struct SocketAddress {
    private var storage = sockaddr_storage()
    private var length = socklen_t(MemoryLayout<sockaddr_storage>.size)

    /// An empty address for the kernel to fill in.
    init() {}

    init(_ endpoint: Endpoint) {
        switch endpoint.address {
        case .v4(let bits):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = endpoint.port.bigEndian
            address.sin_addr.s_addr = bits.bigEndian
            self.init(copying: address)
        case .v6(let high, let low, let scope):
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = endpoint.port.bigEndian
            address.sin6_addr = in6_addr(high: high, low: low)
            address.sin6_scope_id = scope
            self.init(copying: address)
        }
    }

    /// The address of a Unix socket; nil where the path is empty, has a NUL or is too long (unix(7)).
    init?(path: String) {
        var address = sockaddr_un()
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, !bytes.contains(0), bytes.count < MemoryLayout.size(ofValue: address.sun_path)
        else { return nil }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        self.init(copying: address)
    }

    /// Copies a `sockaddr_in`, `sockaddr_in6` or `sockaddr_un`: all are plain bytes and smaller than the storage.
    private init<Address>(copying address: Address) {
        withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: address, as: Address.self) }
        length = socklen_t(MemoryLayout<Address>.size)
    }

    /// The address family, for socket(2).
    var family: Int32 { Int32(storage.ss_family) }

    /// What the kernel filled in; nil for other families than IP.
    var endpoint: Endpoint? {
        switch family {
        case AF_INET:
            let address = withUnsafeBytes(of: storage) { $0.load(as: sockaddr_in.self) }
            return Endpoint(
                address: .v4(UInt32(bigEndian: address.sin_addr.s_addr)),
                port: UInt16(bigEndian: address.sin_port)
            )
        case AF_INET6:
            let address = withUnsafeBytes(of: storage) { $0.load(as: sockaddr_in6.self) }
            return Endpoint(
                address: address.sin6_addr.address(scope: address.sin6_scope_id),
                port: UInt16(bigEndian: address.sin6_port)
            )
        default:
            return nil
        }
    }

    /// The path of a Unix socket's address, an abstract name with `@` for its NUL; nil for other families, and
    /// for a socket without a name.
    var unixPath: String? {
        let start = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
        guard family == AF_UNIX, Int(length) > start else { return nil }
        return withUnsafeBytes(of: storage) { bytes in
            var name = Array(bytes[start..<min(Int(length), bytes.count)])
            if name[0] == 0 { name[0] = UInt8(ascii: "@") }
            return String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    /// Lends the address to a system call that reads it.
    @inline(__always)
    func lend<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        // sockaddr_storage is defined to be usable as any sockaddr.
        withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }

    /// Lends the address to a system call that writes it and its length.
    @inline(__always)
    mutating func fill<Result>(
        _ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Result
    ) -> Result {
        length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, &length) }
        }
    }
}

extension in6_addr {
    /// The 16 bytes of an IPv6 address from its two halves.
    init(high: UInt64, low: UInt64) {
        self.init()
        withUnsafeMutableBytes(of: &self) { bytes in
            bytes.storeBytes(of: high.bigEndian, toByteOffset: 0, as: UInt64.self)
            bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
    }

    /// The two halves of the 16 bytes.
    func address(scope: UInt32) -> Endpoint.Address {
        withUnsafeBytes(of: self) { bytes in
            // An in6_addr is aligned to four bytes only.
            let high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self))
            let low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            return .v6(high: high, low: low, scope: scope)
        }
    }
}
