import Basics
import Glibc
import Testing

@testable import Reactor

extension ReactorSuite {
    @Suite("Unix sockets")
    struct UnixSocketTests {
        /// A directory that is removed with all that lies in it.
        private final class Folder {
            let path: String

            init() throws {
                var template = Array("/tmp/weir-unix-XXXXXX".utf8CString)
                guard mkdtemp(&template) != nil else { throw SystemError("make a directory", code: errno) }
                path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            }

            deinit {
                for name in ["a.sock", "b.sock", "c.sock"] { unlink(path + "/" + name) }
                rmdir(path)
            }

            var socket: String { path + "/a.sock" }
        }

        private static func connect(_ path: String) throws -> Int32 {
            let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue)
            let descriptor = socket(AF_UNIX, type, 0)
            let address = try #require(SocketAddress(path: path))
            let code = address.lend { Glibc.connect(descriptor, $0, $1) == 0 ? 0 : errno }
            if code == 0 { return descriptor }
            Sockets.close(descriptor)
            throw SystemError("connect", code: code)
        }

        private static func mode(_ path: String) -> UInt32? {
            var status = stat()
            return lstat(path, &status) == 0 ? status.st_mode : nil
        }

        private static func pair(_ path: String) throws -> (listener: Int32, client: Int32, served: Int32) {
            let (listener, _) = try SocketFile.listen(at: path, mode: 0o600, backlog: 8)
            let client = try connect(path)
            guard case .accepted(let served, let peer) = Sockets.accept(listener) else {
                throw UnexpectedResult(what: "nothing to accept")
            }
            #expect(peer == .local(PeerCredentials(pid: getpid(), uid: geteuid())))
            #expect(peer.endpoint == nil)
            return (listener, client, served)
        }

        @Test("the file has the mode that was asked for, whatever the mask, and goes when it is told to")
        func file() throws {
            let folder = try Folder()
            let former = umask(0o077)
            let (descriptor, file) = try SocketFile.listen(at: folder.socket, mode: 0o662, backlog: 8)
            #expect(umask(former) == 0o077, "the mask is what it was")
            #expect(Self.mode(folder.socket) == UInt32(S_IFSOCK) | 0o662)
            file.remove()
            #expect(Self.mode(folder.socket) == nil)
            file.remove()
            Sockets.close(descriptor)
        }

        @Test("a file that nobody serves is taken over")
        func stale() throws {
            let folder = try Folder()
            let (descriptor, old) = try SocketFile.listen(at: folder.socket, mode: 0o666, backlog: 8)
            Sockets.close(descriptor)
            #expect(throws: SystemError("connect", code: ECONNREFUSED)) { try Self.connect(folder.socket) }
            let (second, new) = try SocketFile.listen(at: folder.socket, mode: 0o666, backlog: 8)
            Sockets.close(try Self.connect(folder.socket))
            #expect(old.path == new.path)
            Sockets.close(second)
        }

        @Test("a live socket stays, and its second server is told so")
        func live() throws {
            let folder = try Folder()
            let (descriptor, _) = try SocketFile.listen(at: folder.socket, mode: 0o666, backlog: 8)
            defer { Sockets.close(descriptor) }
            let expected = SystemError(
                "listen on unix:\(folder.socket), where another process serves",
                code: EADDRINUSE
            )
            #expect(throws: expected) {
                _ = try SocketFile.listen(at: folder.socket, mode: 0o666, backlog: 8)
            }
            Sockets.close(try Self.connect(folder.socket))
        }

        @Test("what is no socket stays, a link to a socket too, and a missing directory is told")
        func otherFiles() throws {
            let folder = try Folder()
            close(open(folder.socket, O_CREAT | O_WRONLY, 0o600))
            #expect(symlink(folder.path + "/c.sock", folder.path + "/b.sock") == 0)
            for path in [folder.socket, folder.path + "/b.sock"] {
                let expected = SystemError(
                    "listen on unix:\(path), where a file lies that is no socket",
                    code: EEXIST
                )
                #expect(throws: expected) { _ = try SocketFile.listen(at: path, mode: 0o666, backlog: 8) }
                #expect(Self.mode(path) != nil)
            }
            let lost = folder.path + "/none/a.sock"
            #expect(
                throws: SystemError("listen on unix:\(lost), whose directory does not exist", code: ENOENT)
            ) { _ = try SocketFile.listen(at: lost, mode: 0o666, backlog: 8) }
            #expect(SocketAddress(path: "/" + String(repeating: "x", count: 107)) == nil)
            #expect(SocketAddress(path: "/" + String(repeating: "x", count: 106)) != nil)
        }

        @Test("a successor's file is not removed")
        func successor() throws {
            let folder = try Folder()
            let (first, file) = try SocketFile.listen(at: folder.socket, mode: 0o666, backlog: 8)
            unlink(folder.socket)
            let (second, _) = try SocketFile.listen(at: folder.socket, mode: 0o666, backlog: 8)
            file.remove()
            #expect(Self.mode(folder.socket) != nil)
            for descriptor in [first, second] { Sockets.close(descriptor) }
        }

        @Test("what the far end has not read is told until it has read all")
        func unread() throws {
            let folder = try Folder()
            let (listener, client, served) = try Self.pair(folder.socket)
            #expect(Sockets.unreadByPeer(served) == 0)
            Loopback.write(served, "hello")
            #expect((Sockets.unreadByPeer(served) ?? 0) >= 5)
            _ = Loopback.read(client, 2)
            // More than the one that a FIN counts for in TCP.
            #expect((Sockets.unreadByPeer(served) ?? 0) > 1)
            _ = Loopback.read(client)
            #expect(Sockets.unreadByPeer(served) == 0)
            Sockets.shutdownWrite(served)
            #expect(Sockets.unreadByPeer(served) == 0)
            for descriptor in [listener, client, served] { Sockets.close(descriptor) }
        }

        @Test("options of TCP change nothing, and a close takes nothing that was sent")
        func options() throws {
            let folder = try Folder()
            let (listener, client, served) = try Self.pair(folder.socket)
            Sockets.setNoDelay(served)
            Sockets.setUserTimeout(served, .seconds(1))
            Sockets.setKeepalive(served, idle: .seconds(1), interval: .seconds(1), count: 1)
            #expect(Sockets.unacknowledged(served) == nil)
            Loopback.write(served, "all of it")
            Sockets.closeWithReset(served)
            #expect(Loopback.drain(client) == Array("all of it".utf8))
            #expect(Loopback.read(client).result == .endOfFile)
            for descriptor in [listener, client] { Sockets.close(descriptor) }
        }

        @Test("a process is known to run by its socket, and its group and program by its number")
        func process() throws {
            let folder = try Folder()
            let (listener, client, served) = try Self.pair(folder.socket)
            #expect(Sockets.isPeerRunning(served))
            for descriptor in [listener, client, served] { Sockets.close(descriptor) }
            let found = try #require(ProcessTable.describe([getpid(), -1]).first)
            #expect(found.pid == getpid() && found.executable == ProcessTable.program(of: getpid()))
            guard let groups = ControlGroups(), let group = groups.group(of: getpid()) else { return }
            let text = try #require(SmallFile.read("/proc/self/cgroup", limit: 65_536))
            #expect(text.split(separator: "\n").contains("0::\(groups.path(of: group) ?? "?")"))
            #expect(groups.group(of: .max) == nil)
        }

        @Test("a process's group is found below what is mounted, and nowhere else")
        func groups() {
            let whole = ControlGroups(mountPoint: "/sys/fs/cgroup", root: "/")
            #expect(whole.directory(named: "4:memory:/x\n0::/a/b.service\n") == "/sys/fs/cgroup/a/b.service")
            #expect(whole.directory(named: "0::/\n") == "/sys/fs/cgroup/")
            #expect(whole.directory(named: "0::/../other\n") == nil)
            #expect(whole.directory(named: "4:memory:/x\n") == nil)
            let part = ControlGroups(mountPoint: "/cg", root: "/docker/x")
            #expect(part.directory(named: "0::/docker/x/y\n") == "/cg/y")
            #expect(part.directory(named: "0::/docker/x\n") == "/cg")
            #expect(part.directory(named: "0::/docker/xy\n") == nil)
        }
    }
}
