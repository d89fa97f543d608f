public import Basics
internal import Glibc

/// Tells the service manager how the process is doing, by the datagram protocol of sd_notify(3).
public struct ServiceNotifier: Sendable {
    private let path: [UInt8]

    /// A notifier for the socket that `NOTIFY_SOCKET` names; nil where no service manager listens, or the
    /// name is none: neither a path nor abstract (`@name`), or too long for a socket address.
    public init?() {
        guard let value = getenv("NOTIFY_SOCKET") else { return nil }
        self.init(socket: String(cString: value))
    }

    /// A notifier for a socket path, or for an abstract socket where it begins with `@`.
    public init?(socket: String) {
        var path = Array(socket.utf8)
        guard let first = path.first, first == UInt8(ascii: "/") || first == UInt8(ascii: "@"),
            path.count > 1, path.count < MemoryLayout.size(ofValue: sockaddr_un().sun_path)
        else { return nil }
        // The kernel knows an abstract name by its leading NUL, and by its length instead of a final one.
        if first == UInt8(ascii: "@") { path[0] = 0 }
        self.path = path
    }

    /// Start-up is complete and connections are accepted; `status` is what `systemctl status` shows.
    @discardableResult
    public func ready(status: String) -> Bool { send("READY=1\nSTATUS=\(oneLine(status))") }

    /// Settings are being read again; ``ready(status:)`` must follow. `now` lets the manager pair the two.
    @discardableResult
    public func reloading(now: MonotonicTime) -> Bool {
        send("RELOADING=1\nMONOTONIC_USEC=\(now.nanoseconds / 1000)")
    }

    /// The process is draining.
    @discardableResult
    public func stopping(status: String) -> Bool { send("STOPPING=1\nSTATUS=\(oneLine(status))") }

    /// A new status line.
    @discardableResult
    public func status(_ text: String) -> Bool { send("STATUS=\(oneLine(text))") }

    func oneLine(_ text: String) -> String {
        text.contains("\n") ? String(text.map { $0 == "\n" ? " " : $0 }) : text
    }

    /// Sends assignments, one a line. False where nobody takes them: the service goes on all the same.
    @discardableResult
    public func send(_ assignments: String) -> Bool {
        let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_UNIX, type, 0)
        if descriptor < 0 { return false }
        defer { Sockets.close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
        let length = socklen_t(offset + path.count + (path[0] == 0 ? 0 : 1))
        let bytes = Array(assignments.utf8)
        let outcome = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { target in
                SystemCall.attempt("notify the service manager") {
                    // Not to wait: a manager that does not read must not stop the data plane.
                    let flags = Int32(MSG_NOSIGNAL | MSG_DONTWAIT)
                    return sendto(descriptor, bytes, bytes.count, flags, target, length)
                }
            }
        }
        if case .value(bytes.count) = outcome { return true }
        return false
    }
}
