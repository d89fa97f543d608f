public import Dialling
internal import Glibc

/// Where a listening socket is reached.
public enum SocketPlace: Hashable, Sendable, CustomStringConvertible {
    /// TCP on an address.
    case network(Endpoint)
    /// A Unix socket by its path; an abstract name begins with `@`.
    case unix(String)

    /// `127.0.0.1:3128` or `unix:/run/weir/proxy.sock`.
    public var description: String {
        switch self {
        case .network(let endpoint): endpoint.description
        case .unix(let path): "unix:\(path)"
        }
    }

    /// The address; nil for a Unix socket.
    public var endpoint: Endpoint? {
        if case .network(let endpoint) = self { endpoint } else { nil }
    }
}

/// A socket on which this process listens, whoever opened it.
public struct ListeningSocket: Hashable, Sendable {
    /// The socket, non-blocking.
    public let descriptor: Int32
    /// Where it is reached; the port is the real one where the kernel chose it.
    public let place: SocketPlace
    /// The file of a Unix socket that ends with this process; nil where it is somebody else's.
    public let file: SocketFile?
    /// Whether the service manager has it open as well: what waits in its backlog when this process ends is
    /// served by the next one.
    public let isKeptByManager: Bool

    /// Puts the parts together.
    init(descriptor: Int32, place: SocketPlace, file: SocketFile? = nil, isKeptByManager: Bool = false) {
        self.descriptor = descriptor
        self.place = place
        self.file = file
        self.isKeptByManager = isKeptByManager
    }

    /// Capped by `net.core.somaxconn`.
    public static let usualBacklog: Int32 = 4096

    /// Listens on an address.
    ///
    /// - Parameter sharing: listen although a socket of this user's listens there that was made to
    ///   ``setShared(_:)``; for the moment in which one takes the place of the other.
    public static func open(
        on endpoint: Endpoint,
        backlog: Int32 = usualBacklog,
        sharing: Bool = false
    ) throws(SystemError) -> ListeningSocket {
        let descriptor = try Sockets.listen(on: endpoint, backlog: backlog, sharing: sharing)
        let place = SocketPlace.network(Sockets.localEndpoint(descriptor) ?? endpoint)
        return ListeningSocket(descriptor: descriptor, place: place)
    }

    /// Listens at a path, as ``SocketFile/listen(at:mode:backlog:)`` does.
    public static func open(
        at path: String,
        mode: UInt32,
        backlog: Int32 = usualBacklog
    ) throws(SystemError) -> ListeningSocket {
        let (descriptor, file) = try SocketFile.listen(at: path, mode: mode, backlog: backlog)
        return ListeningSocket(descriptor: descriptor, place: .unix(path), file: file)
    }

    /// The same socket under another descriptor: connections go to whoever accepts them first.
    public func duplicate() throws(SystemError) -> ListeningSocket {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        if copy < 0 { throw SystemError("share \(place)", code: errno) }
        return ListeningSocket(descriptor: copy, place: place, isKeptByManager: isKeptByManager)
    }

    /// Whether other sockets of this user's may listen on the same address (SO_REUSEPORT).
    public func setShared(_ isShared: Bool) {
        if place.endpoint != nil {
            Sockets.setOption(descriptor, SOL_SOCKET, SO_REUSEPORT, isShared ? 1 : 0)
        }
    }

    /// Removes the file, if it is ours, and closes; the kernel resets what waits in the backlog, unless another
    /// process has the socket open too.
    public func close() {
        file?.remove()
        Sockets.close(descriptor)
    }
}
