internal import CLinux
internal import Glibc

/// A listening socket that this process was started with, and what it is called.
public struct InheritedSocket: Hashable, Sendable {
    /// The socket.
    public var socket: ListeningSocket
    /// `FileDescriptorName=` of the socket unit; by default that is the name of the unit.
    public var name: String

    /// Puts the two together.
    public init(socket: ListeningSocket, name: String) {
        self.socket = socket
        self.name = name
    }
}

/// Why what a process was started with cannot be used; one line for people.
public struct InheritanceError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// What a process was started with: listening sockets of the service manager (sd_listen_fds(3)), or those of the
/// process that it takes over from.
public struct Inheritance: Sendable {
    /// The sockets, in the order of their descriptors.
    public var sockets: [InheritedSocket] = []
    /// The process to take over from; nil where there is none.
    public var predecessor: Predecessor?

    /// Nothing was inherited.
    public init() {}

    static let firstDescriptor: Int32 = 3
    private static let mostSockets = 256

    /// Takes what the environment tells of, and removes that from the environment, so that no other program
    /// takes it for its own. To be called once, before descriptors are opened and threads are started.
    public static func take() throws(InheritanceError) -> Inheritance {
        let pid = variable("LISTEN_PID")
        let count = variable("LISTEN_FDS")
        let names = variable("LISTEN_FDNAMES")?.split(separator: ":", omittingEmptySubsequences: false) ?? []
        let handover = variable(Handover.variable)
        for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID", Handover.variable] {
            unsetenv(name)
        }
        if let handover {
            guard let handover = Handover(handover) else {
                throw InheritanceError("the process before this one hands over in a way unknown here")
            }
            return try take(handover, names.map(String.init))
        }
        // Meant for another process, which left its environment to this one.
        guard let pid, let count, Int32(pid) == getpid() else { return Inheritance() }
        guard let count = Int(count), (0...mostSockets).contains(count) else {
            throw InheritanceError("LISTEN_FDS says '\(count)', which is no number from 0 to \(mostSockets)")
        }
        var result = Inheritance()
        for index in 0..<count {
            let name = index < names.count ? String(names[index]) : ""
            let descriptor = firstDescriptor + Int32(index)
            result.sockets.append(try socket(descriptor, name, file: false, isKept: true))
        }
        return result
    }

    private static func take(
        _ handover: Handover,
        _ names: [String]
    ) throws(InheritanceError) -> Inheritance {
        guard names.count == handover.sockets.count || handover.sockets.isEmpty else {
            throw InheritanceError("the process before this one hands over sockets without names")
        }
        var result = Inheritance()
        result.predecessor = try Predecessor(
            channel: firstDescriptor + Int32(handover.sockets.count),
            handover
        )
        for (index, kind) in handover.sockets.enumerated() {
            let descriptor = firstDescriptor + Int32(index)
            result.sockets.append(
                try socket(descriptor, names[index], file: kind == .withFile, isKept: kind == .keptByManager)
            )
        }
        return result
    }

    private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// Looks at a descriptor, which must be a stream socket that listens.
    private static func socket(
        _ descriptor: Int32,
        _ name: String,
        file: Bool,
        isKept: Bool
    ) throws(InheritanceError) -> InheritedSocket {
        let shown = name.isEmpty ? "descriptor \(descriptor)" : "descriptor \(descriptor) (\(name))"
        let flags = fcntl(descriptor, F_GETFD)
        guard flags >= 0 else { throw InheritanceError("\(shown) of LISTEN_FDS is not open") }
        _ = fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC)
        guard let type = Sockets.option(descriptor, SO_TYPE) else {
            throw InheritanceError("\(shown) of LISTEN_FDS is no socket; weir takes ListenStream= only")
        }
        guard type == Int32(SOCK_STREAM.rawValue) else {
            throw InheritanceError(
                "\(shown) of LISTEN_FDS is no stream socket; weir takes ListenStream= only"
            )
        }
        guard Sockets.option(descriptor, SO_ACCEPTCONN) == 1 else {
            throw InheritanceError("\(shown) of LISTEN_FDS does not listen; weir takes Accept=no only")
        }
        guard let place = Sockets.place(descriptor) else {
            throw InheritanceError("\(shown) of LISTEN_FDS is neither TCP nor a Unix socket")
        }
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        // Inherited by what is accepted, as with sockets that are opened here.
        if place.endpoint != nil { Sockets.setNoDelay(descriptor) }
        var ours: SocketFile?
        if file, case .unix(let path) = place { ours = SocketFile(path) }
        let socket = ListeningSocket(
            descriptor: descriptor,
            place: place,
            file: ours,
            isKeptByManager: isKept
        )
        return InheritedSocket(socket: socket, name: name)
    }
}

extension Sockets {
    /// A whole-number option of the socket level; nil where the descriptor is no socket.
    static func option(_ descriptor: Int32, _ name: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
    }

    /// Where a socket of TCP or a named Unix socket is reached.
    static func place(_ descriptor: Int32) -> SocketPlace? {
        var address = SocketAddress()
        let code = SystemCall.perform("getsockname") { address.fill { getsockname(descriptor, $0, $1) } }
        if code != 0 { return nil }
        if let endpoint = address.endpoint { return .network(endpoint) }
        return address.unixPath.map { .unix($0) }
    }
}
