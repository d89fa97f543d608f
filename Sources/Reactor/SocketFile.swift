internal import CLinux
internal import Glibc

/// The file of a Unix socket that this process listens on.
public struct SocketFile: Hashable, Sendable {
    /// Where it lies.
    public let path: String
    private let device: UInt64
    private let inode: UInt64

    /// The file that lies there now; nil where there is nothing.
    init?(_ path: String) {
        var status = stat()
        if lstat(path, &status) != 0 { return nil }
        self.path = path
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }

    /// Removes the file, unless another lies there by now. To be called while the socket is still open: until
    /// then nobody takes the file for a stale one, and its number is not given to another.
    public func remove() {
        if SocketFile(path) == self { unlink(path) }
    }

    /// Whether the file is still there, and not another.
    public var isInPlace: Bool { SocketFile(path) == self }

    /// The permissions of the file; nil where it is gone.
    public var mode: UInt32? {
        var status = stat()
        return isInPlace && lstat(path, &status) == 0 ? status.st_mode & 0o777 : nil
    }

    /// Gives the file other permissions; ENOENT where it is gone, or another lies there by now.
    public func setMode(_ mode: UInt32) throws(SystemError) {
        let operation = "change the permissions of unix:\(path)"
        // By its path it could be another file by then: the handle is looked at, and then changed.
        let handle = open(path, Int32(WEIR_O_PATH) | O_NOFOLLOW | O_CLOEXEC)
        if handle < 0 { throw SystemError(operation, code: errno) }
        defer { Sockets.close(handle) }
        var status = stat()
        guard fstat(handle, &status) == 0, UInt64(status.st_dev) == device, UInt64(status.st_ino) == inode
        else { throw SystemError(operation, code: ENOENT) }
        let code = SystemCall.perform("chmod") { chmod("/proc/self/fd/\(handle)", mode) }
        if code != 0 { throw SystemError(operation, code: code) }
    }

    /// Listens at a path of 1 to 107 bytes.
    ///
    /// A socket's file outlives its process. One that nobody listens on is removed; any other stays, and is an
    /// error. Whoever starts at the same time waits, so that none removes what another has just made.
    ///
    /// - Parameters:
    ///   - mode: the permissions of the file, which it has from the first moment on.
    ///   - backlog: capped by `net.core.somaxconn`.
    /// - Throws: `SystemError`: EADDRINUSE where somebody serves there, EEXIST where the file is no socket,
    ///   ENOENT without the directory, EACCES, EROFS, ENAMETOOLONG, EMFILE and its kind.
    public static func listen(
        at path: String,
        mode: UInt32,
        backlog: Int32
    ) throws(SystemError) -> (descriptor: Int32, file: SocketFile) {
        guard let address = SocketAddress(path: path) else {
            throw SystemError("listen on unix:\(path)", code: ENAMETOOLONG)
        }
        let lock = lockDirectory(of: path)
        defer { if let lock { Sockets.close(lock) } }
        try removeStale(path, address)
        return try bind(path, address, mode, backlog)
    }

    private static func bind(
        _ path: String,
        _ address: SocketAddress,
        _ mode: UInt32,
        _ backlog: Int32
    ) throws(SystemError) -> (descriptor: Int32, file: SocketFile) {
        let descriptor = socket(AF_UNIX, Sockets.streamType, 0)
        if descriptor < 0 { throw SystemError("open a socket", code: errno) }
        // The file gets what the mask leaves; to change it by its path afterwards could hit another file.
        let former = umask(~mode & 0o777)
        var code = SystemCall.perform("bind") { address.lend { Glibc.bind(descriptor, $0, $1) } }
        umask(former)
        let file = code == 0 ? SocketFile(path) : nil
        if code == 0 { code = SystemCall.perform("listen") { Glibc.listen(descriptor, backlog) } }
        if code == 0, let file { return (descriptor, file) }
        file?.remove()
        Sockets.close(descriptor)
        let reason = code == ENOENT ? ", whose directory does not exist" : ""
        // Whoever removed the file at once does not want it.
        throw SystemError("listen on unix:\(path)\(reason)", code: code == 0 ? ENOENT : code)
    }

    /// Removes the file of a socket that nobody listens on.
    private static func removeStale(_ path: String, _ address: SocketAddress) throws(SystemError) {
        var status = stat()
        // What else keeps the file from being made, bind(2) tells.
        if lstat(path, &status) != 0 { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw SystemError("listen on unix:\(path), where a file lies that is no socket", code: EEXIST)
        }
        switch probe(address) {
        // EAGAIN: its backlog is full. EPROTOTYPE: somebody has it open for datagrams.
        case 0, EAGAIN, EPROTOTYPE:
            throw SystemError("listen on unix:\(path), where another process serves", code: EADDRINUSE)
        case ECONNREFUSED:
            if unlink(path) == 0 || errno == ENOENT { return }
            throw SystemError("remove the socket unix:\(path) that nobody serves any more", code: errno)
        case ENOENT: return
        case let code: throw SystemError("find out whether unix:\(path) is still served", code: code)
        }
    }

    /// Connects, and leaves again: 0 or the `errno`.
    private static func probe(_ address: SocketAddress) -> Int32 {
        let descriptor = socket(AF_UNIX, Sockets.streamType, 0)
        if descriptor < 0 { return errno }
        defer { Sockets.close(descriptor) }
        return SystemCall.perform("connect") { address.lend { connect(descriptor, $0, $1) } }
    }

    /// Makes those wait who also start to listen in this directory, for a moment: between its look at a stale
    /// file and its removal another could have put a live one there. The lock leaves no file behind, and ends
    /// with the descriptor. Nil where the directory may not be read, or somebody keeps the lock: then it goes
    /// without.
    private static func lockDirectory(of path: String) -> Int32? {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let directory = slash == path.startIndex ? "/" : String(path[..<slash])
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0 { return nil }
        for _ in 0..<200 {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return descriptor }
            if errno != EWOULDBLOCK && errno != EINTR { break }
            usleep(5000)
        }
        Sockets.close(descriptor)
        return nil
    }
}
