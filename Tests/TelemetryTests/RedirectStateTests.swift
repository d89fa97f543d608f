import Foundation
import ProxyCore
import Telemetry
import Testing
import UpstreamPool

@Suite("Redirected connections")
struct RedirectStateTests {
    private func redirect(_ state: RedirectState) throws -> [String: Any] {
        var snapshot = Fixture.snapshot()
        snapshot.redirect = state
        let text = Fixture.text { StatusJSON.write(snapshot, to: &$0) }
        let status = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        return try #require(status?["redirect"] as? [String: Any])
    }

    @Test("the status says where they are taken, and by what weir's own are told from others")
    func on() throws {
        let told = try redirect(
            RedirectState(
                listen: ["127.0.0.1:3129", "[::1]:3129"],
                mark: 4_294_967_295,
                user: 997,
                controlGroup: "/system.slice/weir.service"
            )
        )
        #expect(told["listen"] as? [String] == ["127.0.0.1:3129", "[::1]:3129"])
        #expect(told["mark"] as? Int == 4_294_967_295 && told["uid"] as? Int == 997)
        #expect(told["cgroup"] as? String == "/system.slice/weir.service")
        #expect(told["pid"] as? Int == 42 && told.count == 5)
    }

    @Test("where none are taken the list is empty, and what is not known is null")
    func off() throws {
        let told = try redirect(RedirectState(user: 5))
        #expect(told["listen"] as? [String] == [] && told["mark"] as? Int == 0)
        #expect(told["cgroup"] is NSNull && told["uid"] as? Int == 5)
    }

    @Test("they are counted by what their first bytes were, and by refusal")
    func metrics() {
        var snapshot = Fixture.snapshot()
        for kind in InterceptedKind.allCases {
            snapshot.engine.intercepted[Int(kind.rawValue)] = 10 + Int(kind.rawValue)
        }
        snapshot.redirect.refused = 7
        let text = Fixture.text { PrometheusText.write(snapshot, to: &$0) }
        for (kind, count) in [("http", 10), ("tls", 11), ("http2", 12), ("raw", 13), ("refused", 7)] {
            #expect(text.contains("\nweir_intercepted_connections_total{kind=\"\(kind)\"} \(count)\n"))
        }
    }

    @Test("the pool shows their Host beside the address")
    func origin() {
        var snapshot = Fixture.snapshot()
        snapshot.origins = [Fixture.origin("192.0.2.7", 80, idle: 1)]
        snapshot.origins[0].kind = .intercepted
        snapshot.origins[0].name = "a.example"
        let text = Fixture.text { StatusJSON.write(snapshot, to: &$0) }
        #expect(text.contains(#"{"origin":"192.0.2.7:80","kind":"intercepted","host":"a.example","#))
    }

    @Test("an access record has the address that was dialled, and others have none")
    func record() {
        let request = Array("TLS a.example:443".utf8)
        let original = Array("192.0.2.7:443".utf8)
        let text = Fixture.text {
            AccessRecordFormat.appendText(
                Fixture.record(),
                text: request.span,
                client: "127.0.0.1:5000",
                original: original.span,
                at: Fixture.time,
                to: &$0
            )
        }
        #expect(text.contains(#" request="TLS a.example:443" original=192.0.2.7:443 status="#))
        let json = Fixture.text {
            AccessRecordFormat.appendJSON(
                Fixture.record(),
                text: request.span,
                client: "127.0.0.1:5000",
                original: original.span,
                at: Fixture.time,
                to: &$0
            )
        }
        #expect(json.contains(#","target":"a.example:443","original":"192.0.2.7:443","status":"#))
    }
}
