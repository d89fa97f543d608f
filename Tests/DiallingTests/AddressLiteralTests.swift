import Dialling
import Testing

@Suite("Address literals")
struct AddressLiteralTests {
    @Test(
        "IPv4 literals are four decimal parts",
        arguments: [
            ("127.0.0.1", 0x7F00_0001), ("0.0.0.0", 0), ("255.255.255.255", 0xFFFF_FFFF),
            ("10.1.2.3", 0x0A01_0203),
        ] as [(String, UInt32)]
    )
    func parsesIPv4(text: String, bits: UInt32) {
        #expect(Endpoint.Address(literal: text) == .v4(bits))
    }

    @Test(
        "what other programs may read differently is no literal",
        arguments: [
            "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.04", "0x7f.0.0.1", "2130706433",
            "127.1",
            "1.2.3.4.", ".1.2.3.4", "1..2.3", "1.2.3.4 ", "1.2.3.-4", "[1.2.3.4]", "١.٢.٣.٤", "example.com",
            ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8:9", ":1::2",
            "1::2:",
            "12345::", "g::1", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3", "::1.2.3.4:5", "[::1", "::1]", "[]",
            "::1%",
            "::1%nowhere", "1:2:3:4::5:6:7:8", "::%-1", "fe80::1%+1",
        ]
    )
    func refuses(text: String) {
        #expect(Endpoint.Address(literal: text) == nil)
    }

    @Test(
        "IPv6 literals are read in every form of RFC 4291",
        arguments: [
            ("::", 0, 0), ("::1", 0, 1), ("1::", 1 << 48, 0), ("[::1]", 0, 1),
            ("2001:db8:0:0:8:800:200C:417A", 0x2001_0db8_0000_0000, 0x0008_0800_200c_417a),
            ("2001:DB8::8:800:200c:417a", 0x2001_0db8_0000_0000, 0x0008_0800_200c_417a),
            ("::ffff:129.144.52.38", 0, 0xffff_8190_3426),
            ("1:2:3:4:5:6:1.2.3.4", 0x1_0002_0003_0004, 0x5_0006_0102_0304),
            ("1:2:3:4:5:6:7::", 0x1_0002_0003_0004, 0x5_0006_0007_0000),
            ("::2:3:4:5:6:7:8", 0x2_0003_0004, 0x5_0006_0007_0008),
        ] as [(String, UInt64, UInt64)]
    )
    func parsesIPv6(text: String, high: UInt64, low: UInt64) {
        #expect(Endpoint.Address(literal: text) == .v6(high: high, low: low, scope: 0))
    }

    @Test("a zone is a number or an interface's name, and follows %25 in a URI")
    func parsesZones() {
        let zones: (String) -> UInt32? = { $0 == "eth0" ? 7 : nil }
        let linkLocal = { (scope: UInt32) in Endpoint.Address.v6(high: 0xfe80 << 48, low: 1, scope: scope) }
        #expect(Endpoint.Address(literal: "fe80::1%3", zoneIndex: zones) == linkLocal(3))
        #expect(Endpoint.Address(literal: "fe80::1%eth0", zoneIndex: zones) == linkLocal(7))
        #expect(Endpoint.Address(literal: "[fe80::1%25eth0]", zoneIndex: zones) == linkLocal(7))
        #expect(Endpoint.Address(literal: "[fe80::1%254]", zoneIndex: zones) == linkLocal(4))
        #expect(Endpoint.Address(literal: "fe80::1%eth9", zoneIndex: zones) == nil)
    }

    @Test("what an address is printed as is read back as the same address")
    func roundTrips() {
        let words: [UInt64] = [0, 1, 0xffff, 0x1_0000_0000, 0xfe80 << 48, 0x0102_0304_0506_0708, .max]
        for high in words {
            for low in words {
                let address = Endpoint.Address.v6(high: high, low: low, scope: 0)
                #expect(Endpoint.Address(literal: address.description) == address)
            }
        }
    }
}
