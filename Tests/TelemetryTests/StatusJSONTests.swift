import Basics
import Foundation
import ProxyCore
import Telemetry
import Testing

@Suite("Status")
struct StatusJSONTests {
    private func parse(_ snapshot: ProxySnapshot) throws -> [String: Any] {
        let text = Fixture.text { StatusJSON.write(snapshot, to: &$0) }
        #expect(text.hasSuffix("}\n"))
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
        return try #require(object as? [String: Any])
    }

    private func part(_ name: String, of object: [String: Any]) throws -> [String: Any] {
        try #require(object[name] as? [String: Any])
    }

    @Test("the beginning of a status is stable")
    func golden() {
        let text = Fixture.text { StatusJSON.write(Fixture.snapshot(), to: &$0) }
        let expected = """
            {"version":"0.1.0","pid":42,"state":"running","listen":[],"started_at":"2026-11-22T21:01:54.123Z",\
            "uptime":61.500000,"process":{"descriptors":17,"descriptor_limit":1024,"resident_bytes":8388608,\
            "processor_time":0.250000,"log_lines_dropped":0,"reloads":0,"reloads_refused":0},\
            "lifecycle":{"generation":1,"reload_error":null,"settings_changed":0,"needs_restart":[],"upgrading":false,\
            "upgrades_failed":0,"upgrade_error":null},"workers":[],"clients":\
            {"total":4,"limit":4096,"fresh":0,"reading_head":0,"waiting":0,"exchanging":1,"parked":3,"unread":0,\
            "tunnel":0,"ending":0,"owners":1,"owners_healthy":0,"owners_churning":0,"owners_leaking":0,\
            "stalled":0},"tunnels":{"open":2,"limit":1024},"queue":{"waiting":0,\
            "limit":1024},"leaks":[],"ports":{"client":{"used":0,"limit":null,"growth_per_second":0.000,\
            "seconds_to_exhaustion":null,"time_waits":0},"upstream":{"used":0,"limit":null,\
            "growth_per_second":0.000,"seconds_to_exhaustion":null,"time_waits":0}},"pool":{"connections":3,"limit":1024,"dialling":0,"leased":1,"idle":2,"peak":12,\
            "origins":1,"origins_left_out":0,"by_origin":[{"origin":"origin.example:80","kind":"http",\
            "dialling":0,"leased":1,"idle":2,"waiting":0}]},"counters":{
            """.split(separator: "\n").joined()
        #expect(text.hasPrefix(expected))
    }

    @Test("a JSON parser reads it, with every counter and limit")
    func parses() throws {
        var snapshot = Fixture.snapshot()
        snapshot.isDraining = true
        let status = try parse(snapshot)
        #expect(status["state"] as? String == "draining")
        let counters = try part("counters", of: status)
        let outcomes = try part("outcomes", of: counters)
        #expect(Set(outcomes.keys) == Set(Cause.allCases.map(\.name)))
        #expect(outcomes["upstream_gone"] as? Int == 3)
        let limits = try part("limits", of: status)
        #expect(limits["upstream.max_idle"] as? Int == 100)
        #expect(limits["upstream.response_timeout"] is NSNull, "switched off")
        #expect(limits["client.idle_timeout"] as? Double == 60)
    }

    @Test("the largest origins are shown, and how many are not")
    func manyOrigins() throws {
        var snapshot = Fixture.snapshot()
        snapshot.origins = (0..<1500).map {
            Fixture.origin("host\($0)", idle: $0 % 7, leased: $0 == 77 ? 50 : 0)
        }
        let pool = try part("pool", of: try parse(snapshot))
        let rows = try #require(pool["by_origin"] as? [[String: Any]])
        #expect(rows.count == StatusJSON.maxOrigins)
        #expect(pool["origins"] as? Int == 1500)
        #expect(pool["origins_left_out"] as? Int == 500)
        #expect(rows[0]["origin"] as? String == "host77:80")
        let sizes = rows.compactMap { ($0["idle"] as? Int ?? 0) + ($0["leased"] as? Int ?? 0) }
        #expect(sizes == sizes.sorted(by: >))
    }

    @Test("an IPv6 origin stands in brackets, and a strange name stays within its string")
    func strangeOrigins() throws {
        var snapshot = Fixture.snapshot()
        snapshot.origins = [Fixture.origin("2001:db8::1", 443, idle: 2), Fixture.origin("a\"b\\c", idle: 1)]
        let pool = try part("pool", of: try parse(snapshot))
        let rows = try #require(pool["by_origin"] as? [[String: Any]])
        #expect(rows.map { $0["origin"] as? String } == ["[2001:db8::1]:443", "a\"b\\c:80"])
    }

    @Test("an engine that has done nothing has a status")
    func freshEngine() throws {
        let engine = ProxyEngine(configuration: EngineConfiguration(), seed: 1)
        let status = try parse(ProxySnapshot(engine, ProcessFigures(), withOrigins: true))
        #expect(try part("clients", of: status)["total"] as? Int == 0)
        #expect(try part("process", of: status)["descriptor_limit"] is NSNull)
    }
}
