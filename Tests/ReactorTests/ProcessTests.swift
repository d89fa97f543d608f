import Basics
import Dialling
import Glibc
import Testing

@testable import Reactor

extension ReactorSuite {
    @Suite("control groups, processes and users")
    struct ProcessTests {
        @Test("a client's control group and process are found from its connection")
        func client() throws {
            let group = TemporaryGroup()
            defer { group.remove() }
            let listener = try Sockets.listen(on: Loopback.anyPort, backlog: 8)
            let endpoint = try #require(Sockets.localEndpoint(listener))
            let child = try ShellClient(port: endpoint.port, group: group.directory)
            try Loopback.wait(listener, for: POLLIN)
            guard case .accepted(let accepted, let peer) = Sockets.accept(listener) else {
                throw UnexpectedResult(what: "nothing to accept")
            }
            defer { for descriptor in [listener, accepted] { Sockets.close(descriptor) } }
            let source = try #require(peer.endpoint)
            let report = try #require(SocketDiagnostics().report(from: source, to: endpoint))
            #expect(report.uid == geteuid())

            // Without cgroup2 the kernel knows the root only; where no group could be made, it is our own.
            if let groups = ControlGroups(), let id = report.cgroup, let path = group.path {
                #expect(id == group.id)
                #expect(groups.path(of: id) == path)
                #expect(groups.pathBySearch(id, maxDirectories: 20_000) == path)
                // A filter of system calls might end the test.
                if ControlGroups.mayAskKernel { #expect(groups.pathByHandle(id) == .found(path)) }
                if group.isNew {
                    #expect(UnitName.of(path) == "payments.service")
                    #expect(groups.population(of: id, uid: geteuid()) == 1)
                    #expect(groups.population(of: id, uid: geteuid() + 1) == 0)
                    #expect(groups.population(of: id, uid: geteuid(), limit: 0) == 0)
                }
            }

            let search = ProcessTable.find([report.inode, 1, 0])
            #expect(search.isComplete)
            let finding = try #require(search.findings.first)
            #expect(search.findings.count == 1)
            #expect(finding.pid == child.pid)
            #expect(finding.inodes == [report.inode])
            #expect(finding.command == "bash")
            #expect(finding.executable?.hasSuffix("/bash") == true)
            #expect(finding.program == finding.executable)
            #expect(ProcessTable.program(of: child.pid) == finding.executable)
            child.end()
            #expect(ProcessTable.find([report.inode]).findings.isEmpty)
            if group.isNew, let groups = ControlGroups(), let id = report.cgroup {
                group.remove()
                #expect(groups.path(of: id) == nil, "the group is gone")
                #expect(groups.population(of: id, uid: geteuid()) == nil)
            }
            #expect(ProcessTable.program(of: child.pid) == nil)
        }

        @Test("holders are counted without those that only inherited a socket, and only if all are known")
        func holders() {
            func finding(_ pid: Int32, _ inodes: Set<UInt64>) -> ProcessFinding {
                ProcessFinding(pid: pid, command: "app", executable: nil, inodes: inodes)
            }
            let search = ProcessSearch(findings: [
                finding(3, [1]), finding(1, [1, 2, 3]), finding(2, [4]), finding(4, [2, 3]),
            ])
            #expect(search.holders(of: [1, 2, 3, 4]) == 2)
            #expect(search.holders(of: [1]) == 1)
            #expect(search.holders(of: [1, 9]) == nil)
            #expect(search.holders(of: []) == 0)
        }

        @Test("a socket of its own is found last, and one of nobody's not at all")
        func own() throws {
            let (near, far) = try Loopback.pair()
            // Not always at once: a program that another test is about to start has all descriptors too.
            let isFound = (0..<20).contains { _ in
                let findings = ProcessTable.find([inode(near), inode(far)]).findings
                return findings.map(\.pid) == [getpid()] && findings[0].inodes == [inode(near), inode(far)]
            }
            #expect(isFound)
            #expect(ProcessTable.find([]) == ProcessSearch())
            #expect(ProcessTable.find([0]) == ProcessSearch())
            let number = inode(near)
            for descriptor in [near, far] { Sockets.close(descriptor) }
            #expect(ProcessTable.find([number]).findings.isEmpty)
        }

        @Test("a search ends at its bound, and says so")
        func bound() {
            let search = ProcessTable.find([1], maxDescriptors: 0)
            #expect(!search.isComplete)
            #expect(search.findings.isEmpty)
        }

        @Test("processes that may not be read are counted, and are called by their command")
        func unreadable() {
            // Unprivileged, the first process is somebody else's; privileged, nothing is refused.
            let search = ProcessTable.find([1])
            if access("/proc/1/fd", R_OK) != 0 { #expect(search.unreadable > 0) }
            #expect(ProcessTable.program(of: 1)?.isEmpty == false)
            #expect(ProcessFinding(pid: 1, command: "a", executable: nil, inodes: []).program == "a")
        }

        @Test("users have names, or else numbers")
        func users() {
            #expect(UserNames.name(of: 0) == "root")
            #expect(UserNames.name(of: 3_999_999_999) == "3999999999")
        }

        @Test("the root, an unknown group and a search that is too long are told apart from a find")
        func groupEdges() throws {
            guard let groups = ControlGroups() else { return }
            var status = stat()
            #expect(stat(groups.mountPoint, &status) == 0)
            #expect(groups.path(of: UInt64(status.st_ino)) == groups.root)
            #expect(groups.path(of: .max) == nil)
            #expect(groups.path(of: .max, maxDirectories: 0) == nil)
            #expect(groups.pathBySearch(UInt64(status.st_ino), maxDirectories: 0) == groups.root)
        }

        @Test("the kernel is asked with the capability, and where no filter could end the process for it")
        func permission() {
            func may(_ capabilities: String, _ seccomp: String) -> Bool {
                ControlGroups.mayAskKernel("Name:\tweir\nCapEff:\t\(capabilities)\n\(seccomp)Threads:\t1\n")
            }
            #expect(may("000001ffffffffff", "Seccomp:\t0\n"))
            #expect(may("0000000000000004", ""))
            #expect(!may("000001ffffffffff", "Seccomp:\t2\n"))
            #expect(!may("000001fffffffffb", "Seccomp:\t0\n"))
            #expect(!may("", ""))
            #expect(!ControlGroups.mayAskKernel(""))
        }

        @Test("a tree is searched to its bound, and a part of it is named from the root")
        func search() throws {
            // Any tree of directories will do, as only their numbers are looked at.
            let tree = try TemporaryTree(["a", "b/c", "b/d/e"])
            defer { tree.remove() }
            let groups = ControlGroups(mountPoint: tree.root, root: "/")
            let deep = try #require(tree.inode("b/d/e"))
            #expect(groups.pathBySearch(deep, maxDirectories: 20_000) == "/b/d/e")
            #expect(groups.pathBySearch(deep, maxDirectories: 1) == nil)
            let part = ControlGroups(mountPoint: tree.root + "/b", root: "/docker/x")
            #expect(part.pathBySearch(deep, maxDirectories: 9) == "/docker/x/d/e")
            #expect(part.pathBySearch(try #require(tree.inode("b")), maxDirectories: 9) == "/docker/x")
            #expect(part.pathBySearch(try #require(tree.inode("a")), maxDirectories: 9) == nil)
        }

        @Test("the mount is found in mountinfo, the whole tree before a part, with its blanks")
        func mounts() {
            let hybrid = """
                31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
                32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:7 - cgroup cgroup rw,cpu
                41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 master:1 - cgroup2 cgroup2 rw
                """
            let unified = ControlGroups(mountPoint: "/sys/fs/cgroup/unified", root: "/")
            #expect(ControlGroups.find(in: hybrid) == unified)
            let part = "41 31 0:38 /docker/x /a\\040b\\134 rw - cgroup2 cgroup2 rw\n"
            #expect(ControlGroups.find(in: part) == ControlGroups(mountPoint: "/a b\\", root: "/docker/x"))
            #expect(ControlGroups.find(in: part + hybrid) == unified)
            for none in [
                "", "\n\n", "cgroup2", "41 31 0:38 / /x rw - ", "41 31 0:38 / /x rw cgroup2 cgroup2 rw",
            ] {
                #expect(ControlGroups.find(in: none) == nil)
            }
        }
    }
}

/// A group of cgroup2 for a client: a new one where that is permitted, otherwise the test's own.
private struct TemporaryGroup {
    /// Where it lies in the file system; nil without cgroup2.
    let directory: String?
    /// Its path in the tree.
    let path: String?
    let isNew: Bool

    init() {
        guard let groups = ControlGroups(), let text = SmallFile.read("/proc/self/cgroup", limit: 65_536),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("0::") })
        else {
            (directory, path, isNew) = (nil, nil, false)
            return
        }
        let own = line.dropFirst(3) == "/" ? "" : String(line.dropFirst(3))
        let fresh = own + "/weir-test-\(getpid()).slice"
        // The child writes its number there, which takes more than making the directory does.
        let isNew = groups.root == "/" && mkdir(groups.mountPoint + fresh, 0o755) == 0
        let path = isNew ? fresh + "/payments.service" : own
        if isNew { mkdir(groups.mountPoint + path, 0o755) }
        self.isNew = isNew
        self.path = path.isEmpty ? "/" : path
        directory = groups.mountPoint + path
    }

    var id: UInt64? {
        var status = stat()
        guard let directory, stat(directory, &status) == 0 else { return nil }
        return UInt64(status.st_ino)
    }

    func remove() {
        guard isNew, let directory else { return }
        // A process that was waited for may count as a member a moment longer.
        var tries = 0
        while rmdir(directory) != 0 && errno == EBUSY && tries < 1000 {
            tries += 1
            usleep(1000)
        }
        if let slash = directory.lastIndex(of: "/") { rmdir(String(directory[..<slash])) }
    }
}

/// A process that joins a group, connects, and waits.
private final class ShellClient {
    let pid: pid_t
    private var isEnded = false

    init(port: UInt16, group: String?) throws {
        let join = group.map { "echo $$ > '\($0)/cgroup.procs' 2>&-; " } ?? ""
        // A shell that reads: so it is this process, and no child of it, that has the socket.
        let script = join + "exec 3<>/dev/tcp/127.0.0.1/\(port); read -r -u 3 line"
        let words = ["bash", "-c", script]
        var arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid = pid_t()
        let code = posix_spawnp(&pid, "bash", nil, nil, &arguments, environ)
        if code != 0 { throw SystemError("run bash", code: code) }
        self.pid = pid
    }

    deinit { end() }

    func end() {
        if isEnded { return }
        isEnded = true
        kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
    }
}

/// Directories in a temporary one.
private struct TemporaryTree {
    let root: String
    private let made: [String]

    init(_ paths: [String]) throws {
        var template = Array("/tmp/weir-tree-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("make a directory", code: errno) }
        root = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var made: [String] = []
        for path in paths {
            var part = root
            for name in path.split(separator: "/") {
                part += "/" + name
                if mkdir(part, 0o755) == 0 { made.append(part) }
            }
        }
        self.made = made
    }

    func inode(_ path: String) -> UInt64? {
        var status = stat()
        return stat(root + "/" + path, &status) == 0 ? UInt64(status.st_ino) : nil
    }

    func remove() { for path in made.reversed() + [root] { rmdir(path) } }
}
