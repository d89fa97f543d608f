internal import CLinux
public import Dialling
internal import Glibc

/// Who is at the far end of an accepted connection.
public enum Peer: Hashable, Sendable {
    /// A TCP socket, by its address.
    case network(Endpoint)
    /// A Unix socket, by who connected it.
    case local(PeerCredentials)

    /// The address; nil over a Unix socket.
    public var endpoint: Endpoint? {
        if case .network(let endpoint) = self { endpoint } else { nil }
    }
}

extension Peer: CustomStringConvertible {
    /// `192.0.2.1:80`, `[2001:db8::1]:80`, or `unix:uid=1000,pid=4711` (without the pid where it is not known).
    public var description: String {
        switch self {
        case .network(let endpoint): endpoint.description
        case .local(let who): who.pid == 0 ? "unix:uid=\(who.uid)" : "unix:uid=\(who.uid),pid=\(who.pid)"
        }
    }
}

/// Who connected a Unix socket: what the kernel noted at connect(2), whoever holds the socket since.
public struct PeerCredentials: Hashable, Sendable {
    /// The process; 0 where it is in a PID namespace that is not seen from here.
    public var pid: Int32
    /// The user, as this process's user namespace has it (65534 where that does not know the user).
    public var uid: UInt32

    /// Puts both together.
    public init(pid: Int32, uid: UInt32) {
        self.pid = pid
        self.uid = uid
    }
}

extension Sockets {
    /// Who connected the far end of an accepted Unix socket; nil for other sockets.
    static func peerCredentials(_ descriptor: Int32) -> PeerCredentials? {
        var who = weir_peer_credentials()
        var length = socklen_t(MemoryLayout<weir_peer_credentials>.size)
        let code = SystemCall.perform("getsockopt") {
            getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &who, &length)
        }
        return code == 0 ? PeerCredentials(pid: who.pid, uid: who.uid) : nil
    }

    /// Whether the process that connected the far end of a Unix socket still runs, so that its number is not
    /// another's by now. Kernels before 6.5 do not tell: then it is taken to run.
    public static func isPeerRunning(_ descriptor: Int32) -> Bool {
        let soPeerPIDFD: Int32 = 77
        var process: Int32 = -1
        var length = socklen_t(MemoryLayout<Int32>.size)
        let code = SystemCall.perform("getsockopt") {
            getsockopt(descriptor, SOL_SOCKET, soPeerPIDFD, &process, &length)
        }
        switch code {
        case 0: break
        // Reaped: EINVAL at first, ESRCH in later kernels.
        case EINVAL, ESRCH, ENODATA: return false
        default: return true
        }
        defer { close(process) }
        var entry = pollfd(fd: process, events: Int16(POLLIN), revents: 0)
        // Readable is a process that has ended (pidfd_open(2)).
        return poll(&entry, 1, 0) == 0
    }

    /// What was sent over a Unix socket and its far end has not read: 0 where it has read all. Not a count of
    /// bytes: the kernel tells the memory that holds them, which is charged to the sender until they are read.
    /// Nil for other sockets, where it would tell what is not acknowledged.
    public static func unreadByPeer(_ descriptor: Int32) -> Int? {
        var amount: Int32 = 0
        let code = SystemCall.perform("ioctl") { ioctl(descriptor, UInt(TIOCOUTQ), &amount) }
        return code == 0 ? Int(amount) : nil
    }
}
