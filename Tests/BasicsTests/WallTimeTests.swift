import Basics
import Testing

@Suite("Civil time")
struct WallTimeTests {
    @Test(
        "an instant is written as RFC 3339 in UTC, truncated to milliseconds",
        arguments: [
            (0, 0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, 999_999_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400, 1_000_000, "2000-02-29T00:00:00.001Z"),
            (951_868_800, 0, "2000-03-01T00:00:00.000Z"),
            (1_704_067_199, 0, "2023-12-31T23:59:59.000Z"),
            (1_709_164_800, 500_000_000, "2024-02-29T00:00:00.500Z"),
            (1_795_381_314, 123_999_999, "2026-11-22T21:01:54.123Z"),
            (4_107_542_400, 0, "2100-03-01T00:00:00.000Z"),
            (4_107_542_399, 0, "2100-02-28T23:59:59.000Z"),
            (253_402_300_799, 0, "9999-12-31T23:59:59.000Z"),
            (-1, 0, "1969-12-31T23:59:59.000Z"),
        ] as [(Int64, Int32, String)]
    )
    func timestamp(seconds: Int64, nanoseconds: Int32, expected: String) {
        let time = WallTime(seconds: seconds, nanoseconds: nanoseconds)
        #expect(text { time.appendTimestamp(to: &$0) } == expected)
    }

    @Test(
        "a Date field has the fixed form of RFC 9110",
        arguments: [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (1_795_381_314, "Sun, 22 Nov 2026 21:01:54 GMT"), (-86_400, "Wed, 31 Dec 1969 00:00:00 GMT"),
        ] as [(Int64, String)]
    )
    func httpDate(seconds: Int64, expected: String) {
        let time = WallTime(seconds: seconds, nanoseconds: 0)
        #expect(text { time.appendHTTPDate(to: &$0) } == expected)
    }

    private func text(_ write: (inout ByteBuffer) -> Void) -> String {
        var buffer = ByteBuffer()
        write(&buffer)
        return String(decoding: buffer.span.indices.map { buffer.span[$0] }, as: UTF8.self)
    }
}
