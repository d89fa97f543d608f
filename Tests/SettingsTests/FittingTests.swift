import Basics
import Testing

@testable import Settings

@Suite("settings that have to fit each other and the host")
struct FittingTests {
    private func host(descriptors: Int = 20_000, ports: ClosedRange<Int> = 32768...60999) -> HostFacts {
        HostFacts(descriptorLimit: descriptors, ephemeralPorts: ports)
    }

    @Test(
        "automatic limits share the descriptors and stay within half of the ports",
        arguments: [
            (descriptors: 66, ports: 28_232, client: 1, upstream: 1),
            (1024, 28_232, 480, 480), (4096, 28_232, 2016, 2016), (20_000, 28_232, 14_116, 4096),
            (20_000, 500, 250, 4096), (Int.max, 28_232, 14_116, 4096), (1024, 2, 1, 480),
        ]
    )
    func automatic(_ row: (descriptors: Int, ports: Int, client: Int, upstream: Int)) throws {
        let facts = host(descriptors: row.descriptors, ports: 10_000...(9_999 + row.ports))
        let settings = try Settings.defaults(for: facts)
        #expect(settings.client.maxConnections.count == row.client)
        #expect(settings.upstream.maxConnections.count == row.upstream)
        #expect(settings.client.maxConnections.isAutomatic && settings.upstream.maxConnections.isAutomatic)
    }

    @Test("an automatic limit takes what an explicit one leaves")
    func remainder() throws {
        let left = try load(set: [("client.max_connections", "900")], on: host(descriptors: 1024))
        #expect(left.settings.upstream.maxConnections.count == 60)
        let right = try load(set: [("upstream.max_connections", "900")], on: host(descriptors: 1024))
        #expect(right.settings.client.maxConnections.count == 60)
        let twice = try load(set: [("listen", "127.0.0.1:1,127.0.0.2:1")], on: host(ports: 1...500))
        #expect(twice.settings.client.maxConnections.count == 500)
    }

    @Test("defaults give way on any host, however small, and say so")
    func defaultsAdapt() throws {
        for descriptors in 66...400 {
            for ports in [1, 2, 9, 10, 100, 300] {
                let settings = try Settings.defaults(for: host(descriptors: descriptors, ports: 1...ports))
                let upstream = settings.upstream
                #expect(upstream.maxPerDestination <= max(1, ports - ports / 10))
                #expect(upstream.maxPerDestination <= upstream.maxConnections.count)
                #expect(upstream.maxIdle <= upstream.maxConnections.count)
                #expect(upstream.maxIdlePerDestination <= min(upstream.maxIdle, upstream.maxPerDestination))
                #expect(upstream.maxDialsPerDestination <= upstream.maxPerDestination)
                #expect(
                    settings.tunnel.max
                        <= min(settings.client.maxConnections.count, upstream.maxConnections.count)
                )
                #expect(
                    settings.client.maxConnections.count + upstream.maxConnections.count + 64 <= descriptors
                )
                #expect(settings.tunnel.max >= 1 && upstream.maxIdlePerDestination >= 1)
            }
        }
        let loaded = try load(set: [("upstream.max_connections", "20")])
        #expect(loaded.settings.upstream.maxPerDestination == 20)
        #expect(
            loaded.provenance(of: "upstream.max_per_destination").description
                == "default 256, adapted to upstream.max_connections"
        )
        let timeouts = try load(set: [("client.request_timeout", "5s"), ("dns.max_ttl", "500ms")]).settings
        #expect(timeouts.client.headerTimeout == .seconds(5))
        #expect(timeouts.dns.minTTL == .milliseconds(500) && timeouts.dns.negativeTTL == .milliseconds(500))
    }

    @Test("a host with too few descriptors is refused with the way out")
    func tooSmall() {
        let lines = refusal(on: host(descriptors: 65))
        #expect(lines.count == 1)
        #expect(lines.first?.contains("weir needs at least 66: raise it with LimitNOFILE=") == true)
    }

    @Test(
        "explicit values that cannot work together are refused, with both named",
        arguments: [
            ("upstream.max_per_destination", "300", "upstream.max_connections", "200"),
            ("upstream.max_idle", "300", "upstream.max_connections", "200"),
            ("upstream.max_idle_per_destination", "50", "upstream.max_per_destination", "40"),
            ("upstream.max_idle_per_destination", "50", "upstream.max_idle", "40"),
            ("upstream.max_dials_per_destination", "50", "upstream.max_per_destination", "40"),
            ("tunnel.max", "50", "client.max_connections", "40"),
            ("tunnel.max", "50", "upstream.max_connections", "40"),
            ("limits.uri_size", "8KiB", "limits.head_size", "4KiB"),
            ("client.header_timeout", "20s", "client.request_timeout", "10s"),
            ("dns.min_ttl", "20s", "dns.max_ttl", "10s"), ("dns.negative_ttl", "20s", "dns.max_ttl", "10s"),
        ]
    )
    func contradiction(_ small: String, _ value: String, _ large: String, _ bound: String) {
        let expected =
            "--set: \(small): \(value) is more than \(large) \(bound) (flag --set);"
            + " write at most \(bound), or raise \(large)"
        #expect(refusal(set: [(small, value), (large, bound)]) == [expected])
    }

    @Test("an explicit value above a default is refused: a default is never raised")
    func neverRaised() {
        let lines = refusal(yaml: "dns:\n  min_ttl: 10m\n")
        #expect(
            lines == [
                "weir.yaml:2:12: dns.min_ttl: 10m is more than dns.max_ttl 300s (default);"
                    + " write at most 300s, or raise dns.max_ttl"
            ]
        )
    }

    @Test("a pool larger than the port range is refused, and more source addresses make room")
    func ports() throws {
        let narrow = host(ports: 40_000...40_499)
        let lines = refusal(yaml: "upstream:\n  max_per_destination: 451\n", on: narrow)
        #expect(
            lines == [
                "weir.yaml:2:24: upstream.max_per_destination: 451 is more than the port range 40000-40499 less 10 %;"
                    + " write at most 450, or widen net.ipv4.ip_local_port_range, or set upstream.source_ports or upstream.source_addresses"
            ]
        )
        let fits = try load(set: [("upstream.max_per_destination", "450")], on: narrow)
        #expect(fits.settings.upstream.maxPerDestination == 450)
        let two = [
            ("upstream.max_per_destination", "900"), ("upstream.source_addresses", "192.0.2.1,192.0.2.2"),
        ]
        #expect(try load(set: two, on: narrow).settings.upstream.maxPerDestination == 900)
    }

    @Test("limits larger than the descriptors are refused, with what would fit")
    func descriptors() throws {
        let small = host(descriptors: 1024)
        let fits = [("client.max_connections", "900"), ("upstream.max_connections", "60")]
        #expect(try load(set: fits, on: small).settings.client.maxConnections.count == 900)
        for limits in [
            [("client.max_connections", "900"), ("upstream.max_connections", "61")],
            [("client.max_connections", "960")], [("upstream.max_connections", "100000")],
        ] {
            let lines = refusal(set: limits, on: small)
            #expect(lines.count == 1)
            #expect(lines.first?.contains("exceed the descriptor limit of 1024") == true)
            #expect(lines.first?.contains("write at most 960 for both together") == true)
        }
    }

    @Test("listen and admin cannot be one address, unless the kernel chooses the port")
    func sameAddress() throws {
        #expect(
            refusal(set: [("admin", "127.0.0.1:3128")]).first?.contains("are both 127.0.0.1:3128") == true
        )
        #expect(refusal(set: [("listen", "127.0.0.1:9128")]).first?.hasPrefix("--set: listen: ") == true)
        let free = try load(set: [("listen", "127.0.0.1:0"), ("admin", "127.0.0.1:0")])
        #expect(free.settings.admin?.network?.port == 0)
    }

    @Test("a value refused on its own is not compared with others")
    func noFollowUp() {
        #expect(
            refusal(set: [("upstream.max_connections", "many"), ("upstream.max_idle", "5000")]).count == 1
        )
        #expect(refusal(set: [("dns.max_ttl", "10"), ("dns.min_ttl", "1h")]).count == 1)
    }

    @Test("the kernel's range of ports is read")
    func portRange() {
        #expect(HostFacts.portRange("32768\t60999\n") == 32768...60999)
        #expect(HostFacts.portRange("60999\t32768\n") == nil)
        #expect(HostFacts.portRange("") == nil)
        let facts = HostFacts.measured()
        #expect(facts.descriptorLimit > 0 && facts.ephemeralPorts.lowerBound > 0)
    }
}
