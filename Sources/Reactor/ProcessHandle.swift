internal import CLinux
internal import Glibc

/// A running process by a descriptor of its own: unlike its number, that never comes to mean another one.
public final class ProcessHandle {
    /// Readable once the process has ended.
    public let descriptor: Int32

    /// Nil where there is no such process, or the kernel (before 5.3) or a sandbox has no such descriptors.
    public init?(_ pid: Int32) {
        let opened = pid > 0 ? weir_pidfd_open(pid) : -1
        // Before anything is stored: an object that has all of its parts would be taken apart again.
        if opened < 0 { return nil }
        descriptor = opened
    }

    deinit { Sockets.close(descriptor) }

    /// Whether it has ended.
    public var hasEnded: Bool { wait(milliseconds: 0) }

    /// Waits for its end; false where it goes on.
    public func wait(milliseconds: Int32) -> Bool {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&polled, 1, milliseconds) > 0
    }

    /// Asks it to end (SIGTERM). 0 or the `errno`.
    public func askToEnd() -> Int32 { send(SIGTERM) }

    /// Ends it.
    func kill() { _ = send(SIGKILL) }

    /// Sends it a signal. 0 or the `errno`.
    public func send(_ signal: Int32) -> Int32 {
        weir_pidfd_send_signal(descriptor, signal) == 0 ? 0 : errno
    }

    /// Of a process: its user, and whether its program is called so; nil where it is not there.
    public static func identity(of pid: Int32) -> (uid: UInt32, command: String)? {
        guard let status = SmallFile.read("/proc/\(pid)/status", limit: 16_384) else { return nil }
        func words(_ key: String) -> [Substring] {
            status.split(separator: "\n").first { $0.hasPrefix(key + ":") }?.split(separator: "\t") ?? []
        }
        // Real, effective, saved and of the file system: the second is what sockets are opened by.
        guard let uid = words("Uid").dropFirst(2).first.flatMap({ UInt32($0) }), let name = words("Name").last
        else { return nil }
        return (uid, String(name))
    }
}
