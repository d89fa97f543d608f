import Basics
import HTTPWire
import Testing

@Suite struct HeadLimitTests {
    private let head = "GET /abc HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n"

    private func limits(head: Int = 1000, fields: Int = 100, uri: Int = 1000) -> HeadLimits {
        HeadLimits(headSize: head, fields: fields, uriSize: uri)
    }

    @Test("a head of exactly the limit passes and one byte more is 431")
    func headSize() {
        let size = head.utf8.count
        HeadRow("limit", head).check(.request, limits: limits(head: size))
        HeadRow("limit", head, .headTooLarge).check(.request, limits: limits(head: size - 1))
        #expect(WireError.headTooLarge.status == 431)
    }

    @Test(
        "a limit that was lowered below what was searched already is simply met",
        arguments: HeadKind.allCases
    )
    func loweredLimit(_ kind: HeadKind) {
        var reader = HeadReader(kind, limits: limits(head: 1000))
        let start = kind == .response ? "HTTP/1.1 200 OK\r\n" : kind == .request ? "GET / HTTP/1.1\r\n" : ""
        let unfinished = wire(start + "A: " + String(repeating: "a", count: 500))
        #expect(reader.read(unfinished) == .incomplete)
        reader.limits = limits(head: 100)
        #expect(reader.read(unfinished) == .failed(kind == .trailers ? .trailersTooLarge : .headTooLarge))
    }

    @Test("empty lines before the request count as head")
    func emptyLines() {
        let size = head.utf8.count
        HeadRow("limit", "\r\n" + head, .headTooLarge).check(.request, limits: limits(head: size + 1))
        HeadRow("limit", "\r\n" + head).check(.request, limits: limits(head: size + 2))
        HeadRow("limit", "\r\n", .headTooLarge).check(.request, limits: limits(head: 2))
    }

    @Test("a target of exactly the limit passes and one byte more is 414")
    func uriSize() {
        HeadRow("limit", head).check(.request, limits: limits(uri: 4))
        HeadRow("limit", head, .targetTooLong).check(.request, limits: limits(uri: 3))
        #expect(WireError.targetTooLong.status == 414)
    }

    @Test("a head that fills the limit is 414 when its request line does not end, else 431")
    func whichLimit() {
        let endlessTarget = "GET /" + String(repeating: "a", count: 200)
        let endlessField = "GET / HTTP/1.1\r\nA: " + String(repeating: "a", count: 200)
        let endlessMethod = String(repeating: "A", count: 200)
        HeadRow("limit", endlessTarget, .targetTooLong).check(.request, limits: limits(head: 100))
        HeadRow("limit", endlessField, .headTooLarge).check(.request, limits: limits(head: 100))
        HeadRow("limit", endlessMethod, .headTooLarge).check(.request, limits: limits(head: 100))
        let longTarget = "GET /abcdefgh HTTP/1.1\r\nA: " + String(repeating: "a", count: 200)
        HeadRow("limit", longTarget, .targetTooLong).check(.request, limits: limits(head: 100, uri: 8))
    }

    @Test("as many fields as the limit pass and one more is 431")
    func fieldCount() {
        HeadRow("limit", head).check(.request, limits: limits(fields: 2))
        HeadRow("limit", head, .tooManyFields).check(.request, limits: limits(fields: 1))
        HeadRow("limit", "HTTP/1.1 200 OK\r\nA: b\r\n\r\n", .tooManyFields)
            .check(.response, limits: limits(fields: 0))
        #expect(WireError.tooManyFields.status == 431)
    }

    @Test("response heads and trailer sections have the same size limit")
    func otherHeads() {
        let response = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n"
        HeadRow("limit", response).check(.response, limits: limits(head: response.utf8.count))
        HeadRow("limit", response, .headTooLarge).check(
            .response,
            limits: limits(head: response.utf8.count - 1)
        )
        HeadRow("limit", "A: b\r\n\r\n").check(.trailers, limits: limits(head: 8))
        HeadRow("limit", "A: b\r\n\r\n", .trailersTooLarge).check(.trailers, limits: limits(head: 7))
        #expect(WireError.trailersTooLarge.status == 431)
    }

    @Test("every error has a status and a distinct one-line reason")
    func errors() {
        for error in WireError.allCases {
            #expect([400, 414, 431, 501, 505].contains(error.status))
            let printable = error.reason.utf8.allSatisfy { $0 >= 32 && $0 < 127 && $0 != 34 && $0 != 92 }
            #expect(printable && !error.reason.isEmpty)
        }
        #expect(Set(WireError.allCases.map(\.reason)).count == WireError.allCases.count)
        #expect(WireError.unsupportedVersion.status == 505)
        #expect(WireError.unsupportedTransferCoding.status == 501)
    }
}
