import Basics
import ProxyCore
import Telemetry
import Testing

@Suite("Prometheus text")
struct PrometheusTextTests {
    private let lines = Fixture.text { PrometheusText.write(Fixture.snapshot(), to: &$0) }
        .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)

    @Test("the figures of a snapshot are found under their names")
    func golden() {
        let expected = [
            #"weir_build_info{version="0.1.0",libevent="2.1.12-stable"} 1"#, "weir_draining 0",
            "process_open_fds 17", "process_max_fds 1024", "process_resident_memory_bytes 8388608",
            "process_virtual_memory_bytes 16777216", "weir_settings_last_reload_successful 1",
            "weir_settings_applied_timestamp_seconds 1795381314",
            "process_cpu_seconds_total 0.250000", "process_start_time_seconds 1795381314",
            #"weir_client_connections{state="parked"} 3"#, #"weir_client_connections{state="fresh"} 0"#,
            #"weir_client_connections_ended_total{reason="idle_too_long"} 11"#,
            #"weir_upstream_connections{state="idle"} 2"#, #"weir_upstream_connections{state="leased"} 1"#,
            #"weir_upstream_leases_total{kind="reused"} 80"#, #"weir_upstream_leases_total{kind="fresh"} 14"#,
            #"weir_pool_refusals_total{reason="idle_too_long"} 9"#, "weir_requests_total 102",
            #"weir_exchanges_total{outcome="completed"} 91"#,
            #"weir_exchanges_total{outcome="upstream_gone"} 3"#, "weir_tunnels 2",
            #"weir_limits_reached_total{limit="request_head_size"} 21"#,
            "weir_tunnels_opened_total 7", "weir_retries_total 6", #"weir_bytes_total{direction="up"} 1000"#,
            #"weir_bytes_total{direction="down"} 2000000"#, #"weir_responses_total{class="2xx"} 90"#,
            #"weir_dials_total{outcome="connected"} 13"#, #"weir_dials_total{outcome="connect_refused"} 8"#,
        ]
        for line in expected { #expect(lines.contains(line), "\(line)") }
        #expect(lines.last == "", "the last line must end")
    }

    @Test("every family has its help and type once, directly before its samples")
    func families() {
        var family = ""
        var seen: Set<String> = []
        var samples: Set<String> = []
        for line in lines.dropLast() {
            let words = line.split(separator: " ")
            if line.hasPrefix("# HELP ") {
                family = String(words[2])
                #expect(seen.insert(family).inserted, "\(family) twice")
                #expect(words.count > 3, "\(family) without help")
            } else if line.hasPrefix("# TYPE ") {
                #expect(words[2] == family)
                #expect(["counter", "gauge", "histogram"].contains(words[3]))
                #expect((words[3] == "counter") == family.hasSuffix("_total"), "\(family)")
            } else {
                #expect(line.hasPrefix(family), "\(line) outside its family")
                #expect(samples.insert(String(words[0])).inserted, "\(line) twice")
                #expect(words.count == 2 && Double(words[1]) != nil, "\(line)")
            }
        }
    }

    @Test("every cause is an outcome of exchanges")
    func everyOutcome() {
        for cause in Cause.allCases {
            let start = "weir_exchanges_total{outcome=\"\(cause.name)\"} "
            #expect(lines.contains { $0.hasPrefix(start) })
        }
    }

    @Test("a histogram's buckets are cumulative, rise to the count, and end with +Inf")
    func histogram() {
        let name = "weir_exchange_duration_seconds"
        let buckets = lines.filter { $0.hasPrefix("\(name)_bucket") }
        let counts = buckets.compactMap { Int($0.split(separator: " ")[1]) }
        #expect(counts == counts.sorted())
        #expect(buckets.count == DurationHistogram.bucketCount)
        #expect(buckets[0] == #"weir_exchange_duration_seconds_bucket{le="0.00025"} 1"#)
        // A bound belongs to its bucket.
        #expect(buckets[2] == #"weir_exchange_duration_seconds_bucket{le="0.001"} 5"#)
        #expect(buckets[5] == #"weir_exchange_duration_seconds_bucket{le="0.008"} 5"#)
        #expect(buckets[6] == #"weir_exchange_duration_seconds_bucket{le="0.016"} 7"#)
        #expect(buckets[12] == #"weir_exchange_duration_seconds_bucket{le="1.024"} 7"#)
        #expect(buckets[20] == #"weir_exchange_duration_seconds_bucket{le="262.144"} 7"#)
        #expect(buckets[21] == #"weir_exchange_duration_seconds_bucket{le="+Inf"} 8"#)
        #expect(lines.contains("\(name)_sum 300.03"))
        #expect(lines.contains("\(name)_count 8"))
    }

    @Test("five thousand origins and owners make no more lines than twenty")
    func boundedCardinality() {
        func count(_ named: NamedConnections) -> Int {
            Fixture.text { PrometheusText.write(Fixture.snapshot(), named: named, to: &$0) }
                .split(separator: "\n").count
        }
        var many = NamedConnections()
        many.update(
            origins: (0..<5000).map { Fixture.origin("host\($0)", idle: 1) },
            owners: (0..<5000).map { Fixture.owner("192.0.2.\($0)", held: 1) },
            now: .zero
        )
        // Three states and the waiters of an origin, one line for an owner.
        #expect(count(many) == lines.count - 1 + 20 * 4 + 20)
    }

    @Test("what has no bound has no limit in the text")
    func unlimited() {
        var snapshot = Fixture.snapshot()
        snapshot.configuration.maxTunnels = .max
        let text = Fixture.text { PrometheusText.write(snapshot, to: &$0) }
        #expect(text.contains("# TYPE weir_tunnels_limit gauge\n# HELP"))
        #expect(!text.contains("\nweir_tunnels_limit "))
    }

    @Test("figures that the system does not tell are left out")
    func unknownFigures() {
        var snapshot = Fixture.snapshot()
        snapshot.process.openDescriptors = nil
        snapshot.process.residentBytes = nil
        let text = Fixture.text { PrometheusText.write(snapshot, to: &$0) }
        #expect(!text.contains("process_open_fds") && !text.contains("process_resident_memory_bytes"))
    }

    @Test("a version cannot leave its label")
    func labelEscaping() {
        var snapshot = Fixture.snapshot()
        snapshot.process.version = "1\"\\\n2"
        let text = Fixture.text { PrometheusText.write(snapshot, to: &$0) }
        #expect(text.contains(#"weir_build_info{version="1\"\\\n2",libevent="2.1.12-stable"} 1"#))
    }
}
