internal import Glibc

/// Tells when something comes to or goes from directories (inotify(7)).
public final class DirectoryWatch {
    private let descriptor: Int32
    private let watch: DescriptorWatch
    private var watched: [String: Int32] = [:]

    /// Calls `onChange` on the loop's thread, once for any number of changes. Ends with ``invalidate()``.
    ///
    /// - Throws: `SystemError`: EMFILE (fs.inotify.max_user_instances) and its kind.
    public init(loop: EventLoop, onChange: @escaping () -> Void) throws(SystemError) {
        descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        if descriptor < 0 { throw SystemError("watch directories", code: errno) }
        let descriptor = descriptor
        watch = DescriptorWatch(loop: loop, descriptor: descriptor) { _, _ in
            DirectoryWatch.drain(descriptor)
            onChange()
        }
        watch.setReading(true)
    }

    /// Watches these, and no others any more. Those that do not exist or cannot be watched are passed over. A
    /// directory that was removed and made again must be named anew.
    public func set(_ directories: Set<String>) {
        for (path, number) in watched where !directories.contains(path) {
            inotify_rm_watch(descriptor, number)
            watched[path] = nil
        }
        for path in directories {
            // The same number for a directory that is watched already.
            let mask = UInt32(IN_CREATE) | UInt32(IN_DELETE) | UInt32(IN_MOVE) | UInt32(IN_DELETE_SELF)
            let number = inotify_add_watch(descriptor, path, mask | UInt32(IN_ONLYDIR))
            watched[path] = number >= 0 ? number : nil
        }
    }

    /// Ends the watch.
    public func invalidate() {
        watch.invalidate()
        Sockets.close(descriptor)
    }

    /// What happened is looked at afterwards, so the kernel's account of it is not needed.
    private static func drain(_ descriptor: Int32) {
        var room = [UInt8](repeating: 0, count: 16_384)
        for _ in 0..<64 {
            let count = read(descriptor, &room, room.count)
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { return }
        }
    }
}
