import Basics
import Dialling
import Glibc
import ProxyServer
import Reactor
import Testing

/// The dialer where ports are scarce: in a network namespace of its own, which takes privilege to make.
@Suite("Dialer in a namespace", .serialized)
struct DialerNamespaceTests {
    @Test(
        "exhausted ports are reported as such, and another source address still has some",
        .enabled(if: NetworkNamespace.isAvailable)
    )
    func portsExhausted() throws {
        let outcome = try NetworkNamespace.run {
            try NetworkNamespace.set("/proc/sys/net/ipv4/ip_local_port_range", "40000 40001")
            let world = try DialerWorld()
            let listener = try world.listen(port: 9000)
            var results = (1...3).map { world.dial("127.0.0.1", listener.port, token: $0) }
            // Only IPv4 lacks ports: what was learnt is not that the name's other address refused.
            results.append(world.dial("localhost", listener.port, token: 4))
            var options = Dialer.Options()
            options.sources = [.v4(0x7F00_0001), .v4(0x7F00_0002)]
            world.dialer.reconfigure(options)
            results += (5...7).map { world.dial("127.0.0.1", listener.port, token: $0) }
            return results.map(\.failure)
        }
        let full = DialFailure.portsExhausted
        #expect(outcome == [nil, nil, full, full, nil, nil, full])
    }

    @Test(
        "an IPv6 that is switched off is unreachable, not out of ports",
        .enabled(if: NetworkNamespace.isAvailable)
    )
    func disabledIPv6() throws {
        let outcome = try NetworkNamespace.run {
            try NetworkNamespace.set("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "1")
            let world = try DialerWorld()
            return [world.dial("::1", 9000, token: 1), world.dial("localhost", 9000, token: 2)].map(\.failure)
        }
        #expect(outcome == [.unreachable, .connectionRefused])
    }
}

extension Result where Failure == DialFailure {
    fileprivate var failure: DialFailure? {
        guard case .failure(let cause) = self else { return nil }
        return cause
    }
}

/// Runs code on a thread of its own in a network namespace of its own, with nothing but loopback in it.
private enum NetworkNamespace {
    private final class Job {
        var body: () throws -> [DialFailure?]
        var result: Result<[DialFailure?], any Error>?

        init(_ body: @escaping () throws -> [DialFailure?]) { self.body = body }
    }

    struct SetUpFailure: Error { var what: String }

    static let isAvailable: Bool = (try? run { [] }) != nil

    static func run(_ body: @escaping () throws -> [DialFailure?]) throws -> [DialFailure?] {
        let job = Job {
            // Only the calling thread moves, and its namespace goes with it.
            guard unshareNetwork() == 0 else { throw SetUpFailure(what: "unshare") }
            try bringLoopbackUp()
            return try body()
        }
        var thread = pthread_t()
        let context = Unmanaged.passRetained(job).toOpaque()
        let status = pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                let job = Unmanaged<Job>.fromOpaque(context).takeRetainedValue()
                job.result = Result { try job.body() }
                return nil
            },
            context
        )
        guard status == 0 else { throw SetUpFailure(what: "pthread_create") }
        pthread_join(thread, nil)
        guard let result = job.result else { throw SetUpFailure(what: "no result") }
        return try result.get()
    }

    static func set(_ path: String, _ value: String) throws {
        guard let file = fopen(path, "w") else { throw SetUpFailure(what: path) }
        fputs(value, file)
        if fclose(file) != 0 { throw SetUpFailure(what: path) }
    }

    /// The C library declares unshare(2) only for _GNU_SOURCE, which its Swift module does not set.
    private static func unshareNetwork() -> Int32 {
        guard let symbol = dlsym(nil, "unshare") else { return -1 }
        let newNetworkNamespace: Int32 = 0x4000_0000
        return unsafeBitCast(symbol, to: (@convention(c) (Int32) -> Int32).self)(newNetworkNamespace)
    }

    private static func bringLoopbackUp() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(descriptor) }
        var request = ifreq()
        withUnsafeMutableBytes(of: &request.ifr_ifrn) { $0.copyBytes(from: "lo".utf8) }
        request.ifr_ifru.ifru_flags = Int16(IFF_UP | IFF_RUNNING)
        guard ioctl(descriptor, UInt(SIOCSIFFLAGS), &request) == 0 else { throw SetUpFailure(what: "lo") }
    }
}
