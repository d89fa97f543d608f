import Access
import Testing

@Suite("parent proxies")
struct ParentProxyTests {
    @Test(
        "URIs are read",
        arguments: [
            ("http://proxy.test:3128", "proxy.test:3128", ""), ("http://proxy.test", "proxy.test:80", ""),
            ("HTTP://Proxy.Test:3128/", "proxy.test:3128", ""),
            ("http://192.0.2.1:8080", "192.0.2.1:8080", ""),
            ("http://[2001:DB8::1]:8080", "[2001:db8::1]:8080", ""), ("http://[::1]", "[::1]:80", ""),
            ("http://Aladdin:open%20sesame@p.test:1", "p.test:1", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ("http://a:b:c%40d@p.test:1", "p.test:1", "Basic YTpiOmNAZA=="),
            ("http://a@p.test:1", "p.test:1", "Basic YTo="),
        ]
    )
    func uris(text: String, place: String, authorization: String) throws {
        let parent = try ParentProxy(text)
        #expect(parent.text == place && parent.authorization == authorization)
    }

    @Test(
        "what is none is refused, and no complaint holds a secret",
        arguments: [
            "", "proxy.test:3128", "https://s3cret:s3cret@p.test:1", "socks5://p.test", "http://",
            "http://:3128",
            "http://p.test:0", "http://p.test:x", "http://s3cret:%zz@p.test", "http://:s3cret@p.test",
            "http://::1:80", "http://p.test/path", "http://a%3as3cret:x@p.test", "http://300.1.1.1:80",
        ]
    )
    func refused(text: String) {
        #expect {
            try ParentProxy(text)
        } throws: { error in
            !"\(error)".contains("s3cret") && "\(error)".count > 10
        }
    }

    @Test("exemptions are those of Go's and curl's NO_PROXY")
    func exemptions() throws {
        var parent = try ParentProxy("http://proxy.test:3128")
        #expect(parent.leads(to: "a.test", 80))
        let items = [
            "localhost", "127.0.0.0/8", "::1", "in.test", ".below.test", "port.test:8443", "10.1.2.3:80",
        ]
        parent.exempt = DestinationList(try items.map { try DestinationPattern($0) })
        let direct: [(String, UInt16)] = [
            ("localhost", 80), ("127.0.0.9", 80), ("::1", 80), ("::ffff:127.0.0.1", 80), ("in.test", 80),
            ("A.IN.TEST.", 443), ("a.below.test", 1), ("port.test", 8443), ("10.1.2.3", 80),
        ]
        for (host, port) in direct { #expect(!parent.leads(to: host, port), "\(host)") }
        let through: [(String, UInt16)] = [
            ("below.test", 1), ("port.test", 443), ("10.1.2.3", 81), ("xin.test", 80), ("a.test", 80),
            ("128.0.0.1", 80),
        ]
        for (host, port) in through { #expect(parent.leads(to: host, port), "\(host)") }
        parent.exempt = .everything
        #expect(!parent.leads(to: "a.test", 80))
    }
}
