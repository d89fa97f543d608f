import Basics
import Dialling
import Glibc
import Testing

@testable import Reactor

extension ReactorSuite {
    @Suite("programs that are run")
    struct ChildProcessTests {
        private func run(_ script: String, input: String = "", seconds: Int = 10, limit: Int = 1 << 20) throws
            -> ChildResult
        {
            try ChildProcess.run(
                "/bin/sh",
                ["-c", script],
                input: Array(input.utf8),
                timeout: .seconds(seconds),
                outputLimit: limit
            )
        }

        @Test("input, output, errors and status")
        func all() throws {
            let result = try run("cat; echo bad >&2; exit 3", input: "good\n")
            #expect(
                result == ChildResult(status: 3, output: Array("good\n".utf8), errors: Array("bad\n".utf8))
            )
            #expect(try run("kill -9 $$").status == 137)
            // More than a pipe holds, both ways.
            let much = String(repeating: "x", count: 300_000)
            #expect(try run("cat; cat /dev/null", input: much).output.count == 300_000)
        }

        @Test("arguments are not a shell's, and messages are in English")
        func arguments() throws {
            let words = try ChildProcess.run(
                "/usr/bin/printf",
                ["[%s]", "a b", "$HOME;"],
                timeout: .seconds(10)
            )
            #expect(String(decoding: words.output, as: UTF8.self) == "[a b][$HOME;]")
            #expect(String(decoding: try run("echo $LC_ALL $HOME").output, as: UTF8.self) == "C\n")
        }

        @Test("nobody waits for ever, and nobody is told a book")
        func bounds() throws {
            let began = EventLoop.readClock()
            #expect {
                try ChildProcess.run("/bin/sleep", ["60"], timeout: .milliseconds(100))
            } throws: { ($0 as? SystemError)?.code == ETIMEDOUT }
            // Says nothing more, but lives.
            #expect {
                try ChildProcess.run(
                    "/bin/sh",
                    ["-c", "exec >&- 2>&-; exec sleep 60"],
                    timeout: .milliseconds(100)
                )
            } throws: { ($0 as? SystemError)?.code == ETIMEDOUT }
            #expect {
                try run("yes", limit: 100_000)
            } throws: { ($0 as? SystemError)?.code == EMSGSIZE }
            #expect(EventLoop.readClock().since(began) < .seconds(8))
            #expect {
                try ChildProcess.run("/nowhere", [], timeout: .seconds(1))
            } throws: { ($0 as? SystemError)?.code == ENOENT }
        }

        @Test("programs are found, also where no path leads")
        func found() {
            #expect(ChildProcess.find("sh")?.hasSuffix("/sh") == true)
            #expect(ChildProcess.find("no-such-program") == nil)
        }

        @Test("a process that is launched lives on, and says what it has to say first")
        func launched() throws {
            let (pid, text) = try ChildProcess.launch(
                "/bin/sh",
                ["-c", "echo ready; exec >/dev/null 2>&1; exec sleep 60"],
                timeout: .seconds(10)
            )
            #expect(text == "ready\n")
            let handle = try #require(ProcessHandle(pid))
            #expect(!handle.hasEnded && getsid(pid) == pid)
            #expect(handle.askToEnd() == 0)
            #expect(handle.wait(milliseconds: 5000) && handle.hasEnded)
            waitpid(pid, nil, 0)
            #expect(ProcessHandle(pid) == nil && ProcessHandle(0) == nil && ProcessHandle(-1) == nil)
            #expect(ProcessHandle.identity(of: pid) == nil)
        }

        @Test("who a process is")
        func identity() throws {
            let own = try #require(ProcessHandle.identity(of: getpid()))
            #expect(own.uid == geteuid() && !own.command.isEmpty)
        }
    }

    @Suite("nftables' sets")
    struct NetfilterTests {
        /// Read by nft --debug=netlink and by the kernel; this is to see it change.
        @Test("a transaction of two steps, byte for byte")
        func bytes() {
            let message = NetfilterMessage.replacing(
                "s",
                of: "t",
                by: [NetfilterElement(key: [6], milliseconds: 0x0102)]
            )
            let expected: [[UInt8]] = [
                [20, 0, 0, 0, 0x10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10],
                [36, 0, 0, 0, 14, 10, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
                [6, 0, 1, 0, 0x74, 0, 0, 0, 6, 0, 2, 0, 0x73, 0, 0, 0],
                [68, 0, 0, 0, 12, 10, 5, 4, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
                [6, 0, 1, 0, 0x74, 0, 0, 0, 6, 0, 2, 0, 0x73, 0, 0, 0],
                [32, 0, 3, 0x80, 28, 0, 1, 0x80, 12, 0, 1, 0x80, 5, 0, 1, 0, 6, 0, 0, 0],
                [12, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 2],
                [20, 0, 0, 0, 0x11, 0, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10],
            ]
            #expect(message.bytes.count == expected.reduce(0) { $0 + $1.count })
            var offset = 0
            for part in expected {
                #expect(Array(message.bytes[offset..<min(offset + part.count, message.bytes.count)]) == part)
                offset += part.count
            }
            #expect(NetfilterMessage.replacing("s", of: "t", by: []).bytes.count == 20 + 36 + 20)
        }

        @Test("a set that nobody has is not changed")
        func missing() throws {
            let code = try NetfilterSets().replace("none", of: "weir-none", by: [NetfilterElement(key: [6])])
            // The kernel may lack nftables, and a test may lack the privilege.
            #expect([ENOENT, EPERM, EINVAL, EOPNOTSUPP].contains(code), "\(SystemError.name(of: code))")
            if geteuid() == 0 { #expect(code == ENOENT) }
        }
    }

    @Suite("directories and units")
    struct UnitGroupTests {
        @Test("what comes and goes is told, until other directories are named")
        func directories() throws {
            var template = Array("/tmp/weir-test-XXXXXX".utf8CString)
            let base = try #require(mkdtemp(&template).map { String(cString: $0) })
            defer { for name in ["/a", "/b/c", "/b", ""] { rmdir(base + name) } }
            let loop = try EventLoop()
            var changes = 0
            let watch = try DirectoryWatch(loop: loop) { changes += 1 }
            defer { watch.invalidate() }
            watch.set([base, "/nowhere/at/all"])
            mkdir(base + "/a", 0o700)
            loop.turn { changes > 0 }
            changes = 0
            rmdir(base + "/a")
            loop.turn { changes > 0 }
            mkdir(base + "/b", 0o700)
            changes = 0
            watch.set([base + "/b"])
            loop.turn(waiting: false)
            changes = 0
            mkdir(base + "/a", 0o700)
            loop.turn(waiting: false)
            #expect(changes == 0)
            mkdir(base + "/b/c", 0o700)
            loop.turn { changes > 0 }
        }

        @Test(
            "where units usually are",
            arguments: [
                ("payments.service", "/system.slice/payments.service"),
                ("foo-bar@1.service", "/system.slice/system-foo\\x2dbar.slice/foo-bar@1.service"),
                ("apps.slice", "/apps.slice"),
                ("apps-web-blue.slice", "/apps.slice/apps-web.slice/apps-web-blue.slice"),
                ("x.scope", "/system.slice/x.scope"),
            ]
        )
        func usual(unit: String, path: String) {
            #expect(ControlGroups.usualPaths(ofUnit: unit).first == path)
        }

        @Test("a unit is found wherever it is, but for those of users' managers")
        func found() throws {
            var template = Array("/tmp/weir-test-XXXXXX".utf8CString)
            let base = try #require(mkdtemp(&template).map { String(cString: $0) })
            let made = [
                "/user.slice", "/user.slice/user@1.service", "/user.slice/user@1.service/own.service",
                "/apps.slice",
                "/apps.slice/payments.service", "/system.slice", "/system.slice/_memory.service",
            ]
            for path in made { mkdir(base + path, 0o700) }
            defer { for path in made.reversed() + [""] { rmdir(base + path) } }
            let tree = ControlGroups(mountPoint: base, root: "/")
            #expect(tree.path(ofUnit: "payments.service") == "/apps.slice/payments.service")
            #expect(tree.path(ofUnit: "memory.service") == "/system.slice/_memory.service")
            #expect(tree.path(ofUnit: "own.service") == nil)
            #expect(tree.path(ofUnit: "none.service") == nil)
            #expect(tree.path(ofUnit: "payments.service", maxDirectories: 1) == nil)
            var status = stat()
            stat(base + "/apps.slice", &status)
            #expect(tree.id(of: "/apps.slice") == UInt64(status.st_ino))
            #expect(tree.id(of: "/none") == nil)
            let part = ControlGroups(mountPoint: base, root: "/pod")
            #expect(part.directory(of: "/pod/apps.slice") == base + "/apps.slice")
            #expect(part.directory(of: "/podium") == nil && part.id(of: "/apps.slice") == nil)
        }

        @Test("who listens is known without a connection")
        func listening() throws {
            let diagnostics = try SocketDiagnostics()
            for address in [Endpoint.Address.v4(0x7f00_0001), .v4(0)] {
                let listener = try Sockets.listen(on: Endpoint(address: address, port: 0), backlog: 8)
                let port = try #require(Sockets.localEndpoint(listener)).port
                let place = Endpoint(address: .v4(0x7f00_0001), port: port)
                #expect(diagnostics.isListening(at: place))
                #expect(Sockets.accept(listener) == .wouldBlock)
                Sockets.close(listener)
                #expect(!diagnostics.isListening(at: place))
            }
        }

        @Test("names of groups of users")
        func names() {
            #expect(GroupNames.gid(of: "root") == 0 && GroupNames.gid(of: "61") == 61)
            #expect(GroupNames.gid(of: "no-such-group") == nil && GroupNames.gid(of: "-1") == nil)
        }
    }
}
