import Basics
import HTTPWire
import Testing

/// A request line's method and target, and the parts or the error expected.
struct TargetRow: Sendable, CustomTestStringConvertible {
    let method: String
    let target: String
    /// `form scheme host v6|name port path`, or nil for an error.
    let parts: String?
    let error: WireError?

    init(_ method: String, _ target: String, _ parts: String) {
        (self.method, self.target, self.parts, error) = (method, target, parts, nil)
    }

    init(_ method: String, _ target: String, _ error: WireError) {
        (self.method, self.target, self.error, parts) = (method, target, error, nil)
    }

    var testDescription: String { "\(method) \(target)" }
}

@Suite struct RequestTargetTests {
    static let valid: [TargetRow] = [
        TargetRow("GET", "/a/b?c=d", "origin http  name 80 /a/b?c=d"),
        TargetRow("GET", "//a", "origin http  name 80 //a"),
        TargetRow("OPTIONS", "*", "asterisk http  name 80 *"),
        TargetRow("GET", "http://h", "absolute http h name 80 "),
        TargetRow("GET", "http://h/", "absolute http h name 80 /"),
        TargetRow("GET", "HTTP://Ex-a_m.ple:8080/p?q", "absolute http Ex-a_m.ple name 8080 /p?q"),
        TargetRow("GET", "http://h?q", "absolute http h name 80 ?q"),
        TargetRow("GET", "http://h:/x", "absolute http h name 80 /x"),
        TargetRow("GET", "http://h:65535/x", "absolute http h name 65535 /x"),
        TargetRow("GET", "http://h:00080/x", "absolute http h name 80 /x"),
        TargetRow("GET", "http://127.0.0.1:1/x", "absolute http 127.0.0.1 name 1 /x"),
        TargetRow("GET", "http://[::1]/x", "absolute http ::1 v6 80 /x"),
        TargetRow("GET", "http://[2001:DB8::192.0.2.1]:81/x", "absolute http 2001:DB8::192.0.2.1 v6 81 /x"),
        TargetRow("GET", "https://h/x", "absolute https h name 443 /x"),
        TargetRow("GET", "HTTPS://h:8443/x", "absolute https h name 8443 /x"),
        TargetRow("GET", "ftp://h/x", "absolute other h name 0 /x"),
        TargetRow("GET", "a+b-c.1://h:5", "absolute other h name 5 "),
        TargetRow("GET", "http://h/@:/?@", "absolute http h name 80 /@:/?@"),
        TargetRow("GET", "http://a%2Fb/x", "absolute http a%2Fb name 80 /x"),
        TargetRow("GET", "http://a!$&'()*+,;=~b/", "absolute http a!$&'()*+,;=~b name 80 /"),
        TargetRow("CONNECT", "h:443", "authority http h name 443 "),
        TargetRow("CONNECT", "[::1]:443", "authority http ::1 v6 443 "),
        TargetRow("BREW", "http://h/x", "absolute http h name 80 /x"),
    ]

    @Test("every form of target is taken apart", arguments: valid)
    func accepts(row: TargetRow) throws {
        let (bytes, head, _) = try validRequest("\(row.method) \(row.target) HTTP/1.1\r\n\r\n")
        let target = try RequestTarget.parse(bytes.span, head: head)
        let kind = target.hostIsIPv6Literal ? "v6" : "name"
        let host = text(bytes, target.host)
        let parts =
            "\(target.form) \(target.scheme) \(host) \(kind) \(target.port) \(text(bytes, target.path))"
        #expect(parts == row.parts)
        if target.form == .absolute { #expect(row.target.contains("//" + text(bytes, target.authority))) }
        if target.form == .authority { #expect(text(bytes, target.authority) == row.target) }
    }

    @Test("the scheme of a WebSocket is that of its handshake")
    func webSocket() throws {
        for (scheme, expected, port) in [("ws", Scheme.http, 80), ("WS", .http, 80), ("wss", .other, 0)] {
            let (bytes, head, _) = try validRequest("GET \(scheme)://h/chat HTTP/1.1\r\n\r\n")
            let target = try RequestTarget.parse(bytes.span, head: head)
            #expect(target.scheme == expected && target.port == port)
        }
    }

    static let invalid: [TargetRow] = [
        TargetRow("GET", "*", .malformedTarget),
        TargetRow("GET", "x", .malformedTarget),
        TargetRow("GET", "h:80", .malformedTarget),
        TargetRow("GET", "**", .malformedTarget),
        TargetRow("GET", "?q", .malformedTarget),
        TargetRow("GET", "http:/h/", .malformedTarget),
        TargetRow("GET", "http:h", .malformedTarget),
        TargetRow("GET", "urn:a:b", .malformedTarget),
        TargetRow("GET", "1http://h/", .malformedTarget),
        TargetRow("GET", "ht_tp://h/", .malformedTarget),
        TargetRow("GET", "http://", .emptyHost),
        TargetRow("GET", "http:///x", .emptyHost),
        TargetRow("GET", "http://:80/x", .emptyHost),
        TargetRow("GET", "http://?x", .emptyHost),
        TargetRow("GET", "http://u@h/", .userInfoInAuthority),
        TargetRow("GET", "http://u:80@h/", .userInfoInAuthority),
        TargetRow("GET", "http://@h/", .userInfoInAuthority),
        TargetRow("GET", "http://h:0/", .invalidPort),
        TargetRow("GET", "http://h:65536/", .invalidPort),
        TargetRow("GET", "http://h:99999/", .invalidPort),
        TargetRow("GET", "http://h:000080/", .invalidPort),
        TargetRow("GET", "http://h:+80/", .invalidPort),
        TargetRow("GET", "http://h:8a/", .invalidPort),
        TargetRow("GET", "http://h:80:80/", .invalidPort),
        TargetRow("GET", "http://a\\b/", .invalidHost),
        TargetRow("GET", "http://a\"b/", .invalidHost),
        TargetRow("GET", "http://a<b/", .invalidHost),
        TargetRow("GET", "http://a|b/", .invalidHost),
        TargetRow("GET", "http://a%2/", .invalidHost),
        TargetRow("GET", "http://a%zz/", .invalidHost),
        TargetRow("GET", "http://[::1/", .invalidHost),
        TargetRow("GET", "http://[]/", .invalidHost),
        TargetRow("GET", "http://[1]/", .invalidHost),
        TargetRow("GET", "http://[::1]x/", .invalidHost),
        TargetRow("GET", "http://[fe80::1%25eth0]/", .zoneInAuthority),
        TargetRow("GET", "http://[fe80::1%eth0]/", .zoneInAuthority),
        TargetRow("CONNECT", "[fe80::1%25eth0]:443", .zoneInAuthority),
        TargetRow("GET", "http://[::1::2]/", .invalidHost),
        TargetRow("GET", "http://[:::]/", .invalidHost),
        TargetRow("GET", "http://[12345::]/", .invalidHost),
        TargetRow("GET", "http://[::1.2.3]/", .invalidHost),
        TargetRow("GET", "http://[1:2:3:4:5:6:7:8:9]/", .invalidHost),
        TargetRow("GET", "http://[v1.x:y:z]/", .invalidHost),
        TargetRow("GET", "http://a[::1]/", .invalidHost),
        TargetRow("GET", "http://[" + String(repeating: "1:", count: 23) + "]/", .invalidHost),
        TargetRow("CONNECT", "h", .missingPort),
        TargetRow("CONNECT", "h:", .missingPort),
        TargetRow("CONNECT", ":443", .emptyHost),
        TargetRow("CONNECT", "h:0", .invalidPort),
        TargetRow("CONNECT", "h:443/", .invalidPort),
        TargetRow("CONNECT", "u@h:443", .userInfoInAuthority),
        TargetRow("CONNECT", "http://h:443", .invalidPort),
        TargetRow("CONNECT", "/x", .invalidHost),
        TargetRow("CONNECT", "*", .missingPort),
    ]

    @Test("a target that could be read in two ways, or in none, is refused", arguments: invalid)
    func refuses(row: TargetRow) throws {
        let (bytes, head, _) = try validRequest("\(row.method) \(row.target) HTTP/1.1\r\n\r\n")
        let error = wireError { _ = try RequestTarget.parse(bytes.span, head: head) }
        #expect(error == row.error)
    }

    static let hosts: [(String, String?, WireError?)] = [
        ("HTTP/1.1\r\nHost: h", "h", nil),
        ("HTTP/1.1\r\nhost:h:8080", "h:8080", nil),
        ("HTTP/1.1\r\nHost: [::1]:80", "[::1]:80", nil),
        ("HTTP/1.1\r\nHost:", "", nil),
        ("HTTP/1.0\r\nA: b", nil, nil),
        ("HTTP/1.1\r\nA: b", nil, .missingHost),
        ("HTTP/1.1\r\nHost: h\r\nHost: h", nil, .repeatedHost),
        ("HTTP/1.0\r\nHost: h\r\nhOST: i", nil, .repeatedHost),
        ("HTTP/1.1\r\nHost: h, i", nil, .invalidHost),
        ("HTTP/1.1\r\nHost: h/x", nil, .invalidHost),
        ("HTTP/1.1\r\nHost: u@h", nil, .userInfoInAuthority),
        ("HTTP/1.1\r\nHost: :80", nil, .emptyHost),
        ("HTTP/1.1\r\nHost: h:http", nil, .invalidPort),
        ("HTTP/1.1\r\nHost: h\u{E9}", nil, .invalidHost),
    ]

    @Test("Host is required in HTTP/1.1, single and valid (9112-3.2)", arguments: hosts)
    func checksHost(rest: String, value: String?, expected: WireError?) throws {
        let (bytes, head, fields) = try validRequest("GET http://h/ \(rest)\r\n\r\n")
        var found: ByteRange?
        let error = wireError { found = try RequestTarget.checkHost(bytes.span, head, fields) }
        #expect(error == expected)
        #expect(found.map { text(bytes, $0) } == value)
    }
}
