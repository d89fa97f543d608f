import Basics
import Dialling
import Glibc
import Testing

@testable import Reactor

extension ReactorSuite {
    /// The resolver against a real name server on loopback.
    @Suite("resolver")
    struct ResolverTests {
        private typealias Server = ResolverTestServer

        /// One loop with a server and a resolver that asks it.
        private final class World {
            let loop: EventLoop
            let server: ResolverTestServer
            let resolver: Resolver
            private(set) var answers: [UInt64: Result<NameCache.Answer, DialFailure>] = [:]

            init(
                timeout: Interval = .seconds(5),
                resolvConf: String? = nil,
                reply: @escaping (ResolverTestServer.Question) -> ResolverTestServer.Reply
            ) throws {
                loop = try EventLoop()
                server = try ResolverTestServer(loop, reply: reply)
                var options = Resolver.Options(servers: [server.address], timeout: timeout)
                options.resolvConf = resolvConf ?? "/dev/null"
                resolver = try Resolver(loop: loop, options: options)
                resolver.onFinished = { [unowned self] token, answer in
                    if answers.updateValue(answer, forKey: token) != nil { Issue.record("answered twice") }
                }
            }

            deinit {
                resolver.close()
                server.close()
            }

            /// Turns the loop until the condition holds; the timer keeps a lost answer from hanging the test.
            func turn(until condition: () -> Bool) {
                var isOver = false
                let guardTimer = LoopTimer(loop: loop) { isOver = true }
                guardTimer.arm(at: loop.now + .seconds(20))
                while !condition() && !isOver { loop.turn() }
                if isOver { Issue.record("nothing happened for 20 seconds") }
            }

            func resolve(_ name: String, token: UInt64 = 1) -> Result<NameCache.Answer, DialFailure>? {
                resolver.lookUp(name, token: token)
                if answers[token] != nil { Issue.record("answered from inside lookUp") }
                turn { answers[token] != nil }
                return answers[token]
            }
        }

        private let four = Endpoint.Address.v4(0xC000_0201)
        private let six = Endpoint.Address.v6(high: 0x2001_0db8 << 32, low: 1, scope: 0)

        /// Both families of any name, with these times to live.
        private static func both(_ question: Server.Question, four: UInt32, six: UInt32) -> Server.Reply {
            .answer(
                question.type == Server.typeA
                    ? [Server.four(question.name, 1, ttl: four)] : [Server.six(question.name, 1, ttl: six)]
            )
        }

        /// Descriptors of this process whose far end has this port; other tests run beside this one, so a
        /// count of all would tell nothing.
        private func descriptors(connectedTo port: UInt16) throws -> Int {
            let directory = try #require(opendir("/proc/self/fd"))
            defer { closedir(directory) }
            var count = 0
            while let entry = readdir(directory) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
                var peer = sockaddr_in()
                var length = socklen_t(MemoryLayout<sockaddr_in>.size)
                let status = withUnsafeMutablePointer(to: &peer) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        getpeername(Int32(name) ?? -1, $0, &length)
                    }
                }
                if status == 0 && UInt16(bigEndian: peer.sin_port) == port { count += 1 }
            }
            return count
        }

        @Test("both families are found, with the least time to live of all")
        func findsBoth() throws {
            let world = try World { Self.both($0, four: 300, six: 60) }
            let answer = try #require(try world.resolve("both.test")?.get())
            #expect(Set(answer.addresses) == [four, six])
            #expect(answer.timeToLive == .seconds(60))
            #expect(world.resolver.pendingCount == 0)
        }

        @Test("an alias' time to live counts when it is the least")
        func aliasTimeToLive() throws {
            let world = try World { question in
                guard question.type == Server.typeA else { return .answer([]) }
                return .answer([
                    Server.alias(question.name, of: "middle.test", ttl: 100),
                    Server.alias("middle.test", of: "end.test", ttl: 7),
                    Server.four("end.test", 1, ttl: 300),
                ])
            }
            let answer = try #require(try world.resolve("alias.test")?.get())
            #expect(answer == NameCache.Answer(addresses: [four], timeToLive: .seconds(7)))
        }

        @Test(
            "names without addresses and servers in trouble are told apart",
            arguments: [
                (.error(3), .dnsNotFound), (.answer([]), .dnsNotFound), (.error(2), .dnsFailed),
                (.error(5), .dnsFailed),
            ] as [(ResolverTestServer.Reply, DialFailure)]
        )
        func failures(reply: ResolverTestServer.Reply, cause: DialFailure) throws {
            let world = try World { _ in reply }
            #expect(world.resolve("missing.test") == .failure(cause))
        }

        @Test("a silent server ends the look-up within the timeout")
        func silence() throws {
            let world = try World(timeout: .milliseconds(700)) { _ in .silence }
            let start = world.loop.now
            #expect(world.resolve("silent.test") == .failure(.dnsTimeout))
            #expect(world.loop.now.since(start) >= .milliseconds(500))
            #expect(world.loop.now.since(start) < .milliseconds(1500))
            #expect(world.server.questions.count == 6, "three tries for each family")
        }

        @Test("a server that answers nobody for AAAA does not hide the A record")
        func silentFamily() throws {
            let world = try World(timeout: .milliseconds(700)) { question in
                question.type == Server.typeA ? .answer([Server.four(question.name, 1, ttl: 9)]) : .silence
            }
            let answer = try #require(try world.resolve("half.test")?.get())
            #expect(answer.addresses == [four])
        }

        @Test("a truncated answer is asked for again over TCP")
        func truncation() throws {
            let world = try World { question in
                guard question.overTCP else { return .truncated }
                guard question.type == Server.typeA else { return .answer([]) }
                return .answer((0..<200).map { Server.four(question.name, $0, ttl: 50) })
            }
            let answer = try #require(try world.resolve("big.test")?.get())
            #expect(answer.addresses.count == 200)
            #expect(world.server.questions.contains { $0.overTCP })
            #expect(world.server.offeredPayload == 1232)
        }

        @Test("a name of the hosts file is answered from there, without asking anybody")
        func hostsFile() throws {
            let (name, address) = try #require(try hostsEntry())
            let world = try World { _ in .error(3) }
            let answer = try #require(try world.resolve(name.lowercased())?.get())
            #expect(answer.addresses.contains(address))
            #expect(answer.timeToLive == .zero)
            #expect(world.server.questions.isEmpty)
        }

        /// Some name of this machine's hosts file.
        private func hostsEntry() throws -> (String, Endpoint.Address)? {
            let file = try #require(fopen("/etc/hosts", "r"))
            defer { fclose(file) }
            var line = [CChar](repeating: 0, count: 1024)
            while fgets(&line, Int32(line.count), file) != nil {
                let text = String(
                    decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) },
                    as: UTF8.self
                )
                let words = text.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" || $0 == "\n" }
                if words.count >= 2, let address = Endpoint.Address(literal: String(words[0])) {
                    return (String(words[1]), address)
                }
            }
            return nil
        }

        @Test("many look-ups at once are each answered once")
        func manyAtOnce() throws {
            let world = try World { Self.both($0, four: 1, six: 1) }
            for token in UInt64(0)..<64 { world.resolver.lookUp("name\(token).test", token: token) }
            #expect(world.resolver.pendingCount == 64)
            world.turn { world.answers.count == 64 }
            #expect(world.answers.values.allSatisfy { (try? $0.get().addresses.count) == 2 })
        }

        @Test("closing with look-ups under way answers nobody and leaves no descriptor")
        func closes() throws {
            let world = try World { $0.overTCP ? .silence : .truncated }
            for token in UInt64(0)..<8 { world.resolver.lookUp("name\(token).test", token: token) }
            world.turn { world.server.questions.contains { $0.overTCP } }
            #expect(try descriptors(connectedTo: world.server.port) > 0)
            world.resolver.close()
            world.loop.turn(waiting: false)
            #expect(world.answers.isEmpty)
            #expect(try descriptors(connectedTo: world.server.port) == 0)
        }

        @Test(
            "after a reload new look-ups go by the new configuration, and those under way are still answered"
        )
        func reloads() throws {
            let path = "/tmp/resolver-test-\(getpid()).conf"
            defer { unlink(path) }
            try write("search one.test\n", to: path)
            var isAnswering = false
            let world = try World(timeout: .seconds(3), resolvConf: path) { question in
                isAnswering ? Self.both(question, four: 5, six: 5) : .silence
            }
            world.resolver.lookUp("old", token: 1)
            world.turn { world.server.questions.count >= 2 }
            try write("search two.test\n", to: path)
            var options = Resolver.Options(servers: [world.server.address], timeout: .seconds(3))
            options.resolvConf = path
            try world.resolver.reconfigure(options)
            isAnswering = true
            #expect((try? world.resolve("new", token: 2)?.get()) != nil)
            #expect(world.server.questions.contains { $0.name == "new.two.test" })
            // Its retry is answered, on the channel of before the reload.
            world.turn { world.answers[1] != nil }
            #expect((try? world.answers[1]?.get()) != nil)
            #expect(world.server.questions.contains { $0.name == "old.one.test" })
            #expect(!world.server.questions.contains { $0.name == "old.two.test" })
        }

        private func write(_ text: String, to path: String) throws {
            let file = try #require(fopen(path, "w"))
            fputs(text, file)
            fclose(file)
        }

        @Test("a look-up that outlasts its timeout ends there, and the late answer is ignored")
        func lateAnswer() throws {
            let path = "/tmp/resolver-late-\(getpid()).conf"
            defer { unlink(path) }
            // Each search domain is within c-ares' own time; all of them together are not.
            let domains = (1...12).map { "d\($0).test" }.joined(separator: " ")
            try write("search \(domains)\n", to: path)
            var asked: [Server.Question: Int] = [:]
            let world = try World(timeout: .milliseconds(700), resolvConf: path) { question in
                asked[question, default: 0] += 1
                return asked[question] == 1 ? .silence : .error(3)
            }
            let start = world.loop.now
            #expect(world.resolve("late") == .failure(.dnsTimeout))
            #expect(world.loop.now.since(start) < .milliseconds(1000))
            #expect(world.resolver.pendingCount == 0)
            // The name as it was given is what c-ares asks for last.
            world.turn { asked[Server.Question(name: "late", type: Server.typeA, overTCP: false)] == 2 }
            world.loop.turn()
            #expect(world.answers == [1: .failure(.dnsTimeout)])
        }

        @Test(
            "server addresses of both families are taken with and without a port",
            arguments: ["192.0.2.1", "192.0.2.1:53", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:5353"]
        )
        func serverForms(server: String) throws {
            let loop = try EventLoop()
            let resolver = try Resolver(loop: loop, options: Resolver.Options(servers: [server]))
            resolver.close()
        }

        @Test("a malformed server address is refused")
        func malformedServer() throws {
            let loop = try EventLoop()
            #expect(throws: ResolverError.self) {
                _ = try Resolver(loop: loop, options: Resolver.Options(servers: ["not an address"]))
            }
        }
    }
}
