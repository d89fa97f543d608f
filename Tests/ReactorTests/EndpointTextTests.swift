import Basics
import Dialling
import Glibc
import Reactor
import Testing

@Suite("endpoints as text")
struct EndpointTextTests {
    static let readable: [(String, Endpoint)] = [
        ("127.0.0.1:0", Endpoint(address: .v4(0x7f00_0001), port: 0)),
        ("255.255.255.255:65535", Endpoint(address: .v4(.max), port: 65535)),
        ("[::1]:3128", Endpoint(address: .v6(high: 0, low: 1, scope: 0), port: 3128)),
        (
            "[2001:db8::a:0:0:1]:443",
            Endpoint(address: .v6(high: 0x2001_0db8 << 32, low: 0xa << 48 | 1, scope: 0), port: 443)
        ),
        ("[::ffff:192.0.2.1]:1", Endpoint(address: .v6(high: 0, low: 0xffff_c000_0201, scope: 0), port: 1)),
        ("[fe80::1%1]:80", Endpoint(address: .v6(high: 0xfe80 << 48, low: 1, scope: 1), port: 80)),
    ]

    @Test("an address with port is read, and written the same way", arguments: readable)
    func readAndWritten(text: String, endpoint: Endpoint) {
        #expect(Sockets.parse(text) == endpoint)
        #expect(endpoint.description == text)
    }

    @Test("the name of an interface is read as its number")
    func interfaceName() {
        #expect(
            Sockets.parseAddress("fe80::1%lo") == .v6(high: 0xfe80 << 48, low: 1, scope: if_nametoindex("lo"))
        )
        #expect(Sockets.parseAddress("fe80::1%no-such-interface") == nil)
    }

    @Test(
        "what is no numeric address with a decimal port is refused",
        arguments: [
            "", ":", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:+1", "127.0.0.1:-1",
            "127.0.0.1:000080", "127.0.0.1:8o", "127.0.0.1: 80", "127.1:80", "0x7f.0.0.1:80", "1.2.3.4.5:80",
            "256.0.0.1:80", "localhost:80", "::1:80", "[::1]", "[::1]80", "[::1:80", "[127.0.0.1]:80",
            "127.0.0.1\0:80", "[::1\0]:80", "[1::2::3]:80", "[fe80::1%]:80", "[]:80",
        ]
    )
    func refused(text: String) {
        #expect(Sockets.parse(text) == nil)
    }

    @Test("random IPv6 addresses are written as the C library writes them")
    func sameAsTheLibrary() {
        var random = RandomSource(seed: 5)
        for _ in 0..<2000 {
            // Mostly zero groups, or there would be nothing to compress.
            var halves: [UInt64] = [0, 0]
            for group in 0..<8 where random.oneIn(3) {
                halves[group / 4] |= UInt64(random.below(0x10000)) << UInt64(48 - 16 * (group & 3))
            }
            // The library also writes the obsolete IPv4-compatible form; RFC 5952 does not.
            if halves[0] == 0 && halves[1] >> 32 == 0 { continue }
            let address = Endpoint.Address.v6(high: halves[0], low: halves[1], scope: 0)
            #expect(address.description == Self.libraryText(halves[0], halves[1]))
            #expect(Sockets.parseAddress(address.description) == address)
        }
    }

    private static func libraryText(_ high: UInt64, _ low: UInt64) -> String {
        var halves = [high.bigEndian, low.bigEndian]
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(AF_INET6, &halves, &text, socklen_t(text.count)) != nil else { return "" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
