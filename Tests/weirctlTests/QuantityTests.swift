import Testing

@testable import weirctl

@Suite("Quantities")
struct QuantityTests {
    @Test(
        "durations have their two largest units",
        arguments: [
            (0.4, "0s"), (59, "59s"), (61.5, "1m 1s"), (7380, "2h 3m"), (86_400, "1d 0h"), (-1, "0s"),
        ] as [(Double, String)]
    )
    func durations(seconds: Double, expected: String) {
        #expect(Quantity.duration(seconds) == expected)
    }

    @Test(
        "sizes have a unit that leaves few digits",
        arguments: [
            (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (10_240, "10 KiB"), (20 << 20, "20 MiB"),
            (1 << 40, "1.0 TiB"), (.max, "8.0 EiB"),
        ]
    )
    func sizes(count: Int, expected: String) {
        #expect(Quantity.bytes(count) == expected)
    }
}
