import Access
import Dialling
import Testing

@Suite("destinations in lists")
struct DestinationTests {
    @Test(
        "items are read and written",
        arguments: [
            ("any", "any"), ("*", "any"), ("any:25", "any:25"), ("example.org", "example.org"),
            ("Example.ORG.", "example.org"), (".example.org", ".example.org"),
            ("*.example.org", ".example.org"),
            ("example.org:8443", "example.org:8443"), ("localhost", "localhost"), ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:80", "192.0.2.1:80"), ("10.0.0.0/8", "10.0.0.0/8"), ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"), ("[2001:db8::1]:443", "[2001:db8::1]:443"),
            ("2001:db8::/32", "2001:db8::/32"), ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ]
    )
    func items(text: String, written: String) throws {
        let pattern = try DestinationPattern(text)
        #expect(pattern.description == written)
        #expect(try DestinationPattern(written) == pattern)
    }

    @Test(
        "what is no item is refused, with what would be right",
        arguments: [
            ("", "write example.org"), ("http://example.org/", "write the host"),
            ("a b", "write example.org"),
            ("example..org", "write example.org"), ("example.org:", "no port from 1"),
            ("a:0", "no port from 1"),
            ("a:65536", "no port from 1"), ("a:+1", "no port from 1"), ("10.1.2.3/8", "write 10.0.0.0/8"),
            ("300.1.1.1", "write example.org"), ("::ffff:10.0.0.1", "write it as IPv4"),
            ("0x7f.0x1", "write"),
            ("ex*mple.org", "write example.org"), ("10.0.0.0/8:80", "from 0 to 32"),
        ]
    )
    func refused(text: String, complaint: String) {
        #expect {
            try DestinationPattern(text)
        } throws: { error in
            "\(error)".contains(complaint) && "\(error)".contains(text)
        }
    }

    @Test("a name is found with all that is below it, as Go and curl do")
    func names() throws {
        let list = DestinationList(
            try ["example.org", ".below.test", "here.test:8443", "any:25"].map { try DestinationPattern($0) }
        )
        for name in ["example.org", "a.example.org", "b.a.example.org", "x.below.test"] {
            #expect(list.names(name, at: 80), "\(name)")
        }
        for name in ["badexample.org", "org", "example.org.evil.test", "below.test", "", "example"] {
            #expect(!list.names(name, at: 80), "\(name)")
        }
        #expect(list.names("here.test", at: 8443) && list.names("a.here.test", at: 8443))
        #expect(!list.names("here.test", at: 443))
        #expect(list.containsAll(at: 25) && !list.containsAll(at: 26) && !list.isEverything)
        #expect(!list.hasAddresses && !list.isEmpty && DestinationList().isEmpty)
    }

    @Test("an address is found in its block, at its port")
    func blocks() throws {
        let list = DestinationList(
            try ["10.0.0.0/8", "[2001:db8::1]:443"].map { try DestinationPattern($0) }
        )
        let inside = try address("10.9.8.7")
        let outside = try address("11.0.0.0")
        let six = try address("2001:db8::1")
        // Unwrapping is the policy's business.
        let mapped = try address("::ffff:10.0.0.1")
        #expect(list.covers(inside, at: 1) && !list.covers(outside, at: 1) && !list.covers(mapped, at: 1))
        #expect(list.covers(six, at: 443) && !list.covers(six, at: 80))
    }
}

/// An address that is certainly one.
func address(_ text: String) throws -> Endpoint.Address { try #require(Endpoint.Address(literal: text)) }
