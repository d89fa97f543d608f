import Basics
import HTTPWire
import Testing

/// Prints what a typical request costs; asserts only that it is read. Figures mean something in a release
/// build on an otherwise idle machine.
@Suite struct ParsingSpeedTests {
    @Test("the cost of a typical request of 300 bytes is printed")
    func requestHead() throws {
        let bytes = wire(
            "GET http://service.internal:8080/api/v1/items?limit=50 HTTP/1.1\r\n"
                + "Host: service.internal:8080\r\nUser-Agent: Go-http-client/1.1\r\n"
                + "Accept: application/json, text/plain, */*\r\nAccept-Encoding: gzip, deflate\r\n"
                + "X-Request-Id: 7f3e9a52-8c1d-4b6e-9f0a-2d5c8e7b1a34\r\n"
                + "Proxy-Connection: Keep-Alive\r\nConnection: keep-alive\r\n\r\n"
        )
        var fields = FieldTable(capacity: 32)
        var out = ByteBuffer(capacity: 1024)
        let rounds = 2_000
        let parsing = try nanoseconds(rounds) { _ = try parse(bytes.span, &fields) }
        let whole = try nanoseconds(rounds) {
            let head = try #require(try parse(bytes.span, &fields))
            _ = try RequestTarget.parse(bytes.span, head: head)
            _ = try ConnectionOptions.read(bytes.span, &fields)
            _ = try Framing.ofRequest(bytes.span, head, fields)
            out.removeAll()
            HeadWriter.appendFields(bytes.span, fields, to: &out)
        }
        print(
            "request head of \(bytes.count) bytes: \(parsing) ns to parse, \(whole) ns to parse and rewrite"
        )
        #expect(out.count > 0)
    }

    private func parse(_ bytes: Span<UInt8>, _ fields: inout FieldTable) throws(WireError) -> RequestHead? {
        var scanned = 0
        return try HeadParser.parseRequest(bytes, scanned: &scanned, limits: roomyLimits, fields: &fields)
    }

    /// The best of five averages, in nanoseconds for one call.
    private func nanoseconds(_ rounds: Int, _ body: () throws -> Void) throws -> Int {
        var best = Int.max
        for _ in 0..<5 {
            let time = try ContinuousClock().measure { for _ in 0..<rounds { try body() } }
            best = min(best, Int(time / .nanoseconds(1)) / rounds)
        }
        return best
    }
}
