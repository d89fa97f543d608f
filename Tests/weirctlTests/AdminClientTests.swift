import Testing

@testable import weirctl

@Suite("Admin client")
struct AdminClientTests {
    @Test(
        "an address is host and port",
        arguments: [
            ("127.0.0.1:9128", "127.0.0.1", 9128), ("localhost:1", "localhost", 1),
            ("[::1]:65535", "::1", 65535),
        ] as [(String, String, UInt16)]
    )
    func goodAddress(text: String, host: String, port: UInt16) throws {
        let address = try #require(AdminAddress(text))
        #expect(address.host == host && address.port == port)
        #expect(address.description == text)
    }

    @Test(
        "anything else is no address",
        arguments: [
            "", "9128", ":9128", "localhost", "localhost:", "localhost:0", "localhost:65536", "localhost:+80",
            "::1:9128", "[::1]", "[localhost]:80", "http://localhost:9128", "a:b:80", "localhost:9128/status",
        ]
    )
    func badAddress(text: String) {
        #expect(AdminAddress(text) == nil)
    }

    @Test("a path is a place, too")
    func place() throws {
        let place = try #require(AdminPlace("unix:/run/weir/admin.sock"))
        #expect(place == .unix(path: "/run/weir/admin.sock") && place.host == "localhost")
        #expect(AdminPlace("unix:relative") == nil && AdminPlace("[::1]:9128")?.host == "[::1]:9128")
        #expect(throws: AdminError("nobody listens there; is weir running?")) {
            try AdminClient(.unix(path: "/nowhere/admin.sock")).get("/status")
        }
    }

    @Test("an origin is fit for a query")
    func encoded() {
        #expect(CloseIdleCommand.encoded("[::1]:80") == "%5B::1%5D:80")
        #expect(CloseIdleCommand.encoded("a&b=c:1\u{7}") == "a%26b%3Dc:1%07")
    }

    @Test("the content of a whole response is taken out")
    func reply() throws {
        let bytes = Array("HTTP/1.1 200 OK\r\nX: y\r\ncontent-LENGTH:  3\r\n\r\n{}\n".utf8)
        #expect(try AdminReply.content(of: bytes) == Array("{}\n".utf8))
    }

    @Test(
        "what is no whole response with status 200 is an error of one line",
        arguments: [
            ("", "closed the connection without an answer"), ("SSH-2.0-x\r\n", "the answer is not HTTP"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "the answer was cut off"),
            ("HTTP/1.1 200 OK\r\n\r\nab", "the answer was cut off"),
            ("HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nno\u{1B} such\n", "answered 404: no? such"),
            ("HTTP/1.1 abc\r\n\r\n", "the answer is not HTTP"), ("\r\n\r\n", "the answer is not HTTP"),
        ]
    )
    func badReply(text: String, expected: String) {
        #expect(throws: AdminError(expected)) { try AdminReply.content(of: Array(text.utf8)) }
    }

    @Test("an address where nobody listens is an error that says so")
    func nobodyListens() throws {
        // The port of tcpmux: nobody serves it, and it is no ephemeral one.
        let address = try #require(AdminPlace("127.0.0.1:1"))
        #expect(throws: AdminError("nobody listens there; is weir running?")) {
            try AdminClient(address).get("/status")
        }
    }
}
