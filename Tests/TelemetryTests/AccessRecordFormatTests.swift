import Basics
import ProxyCore
import Telemetry
import Testing

@Suite("Access records")
struct AccessRecordFormatTests {
    private func text(_ record: AccessRecord, _ request: [UInt8], client: String = "127.0.0.1:5000") -> String
    {
        Fixture.text {
            AccessRecordFormat.appendText(
                record,
                text: request.span,
                client: client,
                at: Fixture.time,
                to: &$0
            )
        }
    }

    private func json(_ record: AccessRecord, _ request: [UInt8]) -> String {
        Fixture.text {
            AccessRecordFormat.appendJSON(
                record,
                text: request.span,
                client: "[::1]:5000",
                at: Fixture.time,
                to: &$0
            )
        }
    }

    @Test("an exchange is one line of text")
    func goldenText() {
        #expect(
            text(Fixture.record(), Array("GET http://a.example/".utf8)) == """
                2026-11-22T21:01:54.123Z client=127.0.0.1:5000 kind=exchange request="GET http://a.example/" \
                status=200 up=78 down=512 total=0.012345 waited=0.000000 first_byte=0.010000 upstream=reused \
                retried=no outcome=completed/content

                """
        )
    }

    @Test("an exchange is one JSON object")
    func goldenJSON() {
        #expect(
            json(Fixture.record(), Array("GET http://a.example/".utf8)) == """
                {"time":"2026-11-22T21:01:54.123Z","client":"[::1]:5000","kind":"exchange","method":"GET",\
                "target":"http://a.example/","status":200,"up":78,"down":512,"total":0.012345,\
                "waited":0.000000,"first_byte":0.010000,"upstream":"reused","retried":false,\
                "cause":"completed","phase":"content"}

                """
        )
    }

    @Test("a tunnel that never got an upstream says so")
    func refusedTunnel() {
        var record = Fixture.record()
        record.isTunnel = true
        record.hasUpstream = false
        record.isReused = false
        record.status = 502
        record.cause = .connectRefused
        record.phase = .connect
        let line = text(record, Array("CONNECT a.example:443".utf8))
        #expect(line.contains(" kind=tunnel "))
        #expect(line.hasSuffix(" upstream=none retried=no outcome=connect_refused/connect\n"))
    }

    @Test("a request that was sent again on a fresh connection says so")
    func retried() {
        var record = Fixture.record()
        record.isReused = false
        record.isRetried = true
        #expect(text(record, Array("GET http://a/".utf8)).contains(" upstream=dialled retried=yes "))
    }

    @Test("every outcome is a token of its own without white space")
    func outcomes() {
        var seen: Set<String> = []
        for cause in Cause.allCases {
            for phase in Phase.allCases {
                var record = Fixture.record()
                record.cause = cause
                record.phase = phase
                let token = Fixture.text { AccessRecordFormat.appendOutcome(record, to: &$0) }
                #expect(token.split(whereSeparator: \.isWhitespace).count == 1)
                #expect(seen.insert(token).inserted)
            }
        }
    }

    @Test("nothing that a client sends breaks a line of text or a JSON string")
    func hostileRequests() {
        let every = Array(UInt8.min...UInt8.max)
        let requests: [[UInt8]] = [
            every, every.reversed(), [], [32], Array("GET".utf8), [10, 10, 34, 92, 34],
        ]
        for request in requests {
            let line = text(Fixture.record(), request)
            #expect(line.utf8.filter { $0 == 10 }.count == 1 && line.hasSuffix("\n"))
            #expect(line.utf8.dropLast().allSatisfy { $0 >= 0x20 && $0 < 0x7F })
            let object = json(Fixture.record(), request)
            #expect(object.utf8.filter { $0 < 0x20 }.count == 1 && object.hasSuffix("}\n"))
        }
    }

    @Test("a request without a target has an empty one")
    func noTarget() {
        #expect(json(Fixture.record(), Array("GET".utf8)).contains(#""method":"GET","target":"","#))
    }
}
