import Testing

@testable import Dialling

@Suite("Host names")
struct HostNameTests {
    @Test(
        "a name is lower-cased and kept otherwise",
        arguments: [
            ("Example.COM", "example.com"), ("example.com.", "example.com."),
            ("_dmarc.a-b.c", "_dmarc.a-b.c"),
            ("a", "a"), ("1.2.3.4.example", "1.2.3.4.example"), ("3com", "3com"),
        ]
    )
    func normalises(host: String, name: String) {
        #expect(HostName.normalised(host) == name)
    }

    @Test(
        "what cannot be a name is not asked for",
        arguments: [
            "", ".", "..", "a..b", ".a", "a b", "a\0.b", "a\\.b", "b\u{fc}cher.example", "a/b", "a%b",
            "127.1", "1.2.3.256",
            "2130706433", "example.1", "a:b", String(repeating: "a", count: 64),
            Array(repeating: String(repeating: "a", count: 62), count: 5).joined(separator: "."),
        ]
    )
    func refuses(host: String) {
        #expect(HostName.normalised(host) == nil)
    }

    @Test("a name of 253 bytes is the longest")
    func longest() {
        let label = String(repeating: "a", count: 61)
        let name = [label, label, label, label].joined(separator: ".") + ".bcdef"
        #expect(name.utf8.count == 253)
        #expect(HostName.normalised(name) != nil)
        #expect(HostName.normalised(name + ".") != nil)
        #expect(HostName.normalised(name + "g") == nil)
    }

    @Test("localhost and what lies below it is loopback")
    func loopback() {
        for name in ["localhost", "localhost.", "app.localhost", "a.b.localhost."] {
            #expect(HostName.isLoopback(name))
        }
        for name in ["notlocalhost", "localhost.example", "local"] { #expect(!HostName.isLoopback(name)) }
    }
}
