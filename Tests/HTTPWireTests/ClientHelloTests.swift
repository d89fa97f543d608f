import Basics
import Testing

@testable import HTTPWire

/// A ClientHello put together by hand (RFC 8446 §4.1.2, RFC 6066 §3).
struct HelloText {
    var sessionID = 32
    var cipherSuites = 16
    var compressions = 1
    /// Type and content of each extension, in order; nil: the hello ends before them.
    var extensions: [(type: Int, content: [UInt8])]? = []

    static func number(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).reversed().map { UInt8(value >> (8 * $0) & 255) }
    }

    static func serverName(_ name: String, type: Int = 0) -> [UInt8] {
        let name = Array(name.utf8)
        let entry = number(type, 1) + number(name.count, 2) + name
        return number(entry.count, 2) + entry
    }

    /// The hello with a server name behind another extension.
    static func named(_ name: String) -> HelloText {
        HelloText(extensions: [(23, []), (0, serverName(name)), (43, [2, 3, 4])])
    }

    /// The message without records.
    var message: [UInt8] {
        var body: [UInt8] = [3, 3] + (0..<32).map { UInt8($0) }
        body += HelloText.number(sessionID, 1) + [UInt8](repeating: 7, count: sessionID)
        body += HelloText.number(cipherSuites, 2) + [UInt8](repeating: 19, count: cipherSuites)
        body += HelloText.number(compressions, 1) + [UInt8](repeating: 0, count: compressions)
        if let extensions {
            let list = extensions.flatMap { part in
                HelloText.number(part.type, 2) + HelloText.number(part.content.count, 2) + part.content
            }
            body += HelloText.number(list.count, 2) + list
        }
        return [1] + HelloText.number(body.count, 3) + body
    }

    /// In records of at most so many bytes.
    func records(of size: Int = 16384) -> [UInt8] {
        var rest = message[...]
        var bytes: [UInt8] = []
        while !rest.isEmpty {
            let part = rest.prefix(size)
            bytes += [22, 3, 1] + HelloText.number(part.count, 2) + part
            rest = rest.dropFirst(size)
        }
        return bytes
    }
}

@Suite("ClientHello")
struct ClientHelloTests {
    private func name(_ bytes: [UInt8]) -> ClientHello.ServerName { ClientHello.serverName(bytes.span) }

    private func named(_ text: String) -> ClientHello.ServerName { .named(Array(text.utf8)) }

    @Test("the server name is found, whatever stands around it")
    func found() {
        #expect(name(HelloText.named("a.example").records()) == named("a.example"))
        #expect(name(HelloText.named("A.Example").records()) == named("a.example"))
        let last = HelloText(
            sessionID: 0,
            extensions: [(10, [1, 2]), (0, HelloText.serverName("b.example"))]
        )
        #expect(name(last.records()) == named("b.example"))
        // Post-quantum key shares make hellos of more than one segment.
        let large = HelloText(extensions: [
            (51, [UInt8](repeating: 1, count: 1600)), (0, HelloText.serverName("c.example")),
        ])
        #expect(name(large.records()) == named("c.example"))
        #expect(name(HelloText.named("a.example").records() + [23, 3, 3]) == named("a.example"))
    }

    @Test("wherever the bytes are split, the name is found or awaited")
    func everySplit() {
        for size in [16384, 100, 7, 1] {
            let bytes = HelloText.named("a.example").records(of: size)
            var isFound = false
            for count in 0...bytes.count {
                let part = name(Array(bytes[..<count]))
                #expect(part == .incomplete && !isFound || part == named("a.example"), "\(count) bytes")
                isFound = part != .incomplete
            }
            #expect(isFound)
        }
    }

    @Test("however the message is cut into records, the name is the same")
    func everyRecordSize() {
        let hello = HelloText.named("a.example")
        for size in 1...hello.message.count { #expect(name(hello.records(of: size)) == named("a.example")) }
    }

    @Test("a hello without a name has none, in every split")
    func without() {
        for hello in [
            HelloText(extensions: [(23, []), (43, [2, 3, 4])]), HelloText(extensions: nil), HelloText(),
        ] {
            let bytes = hello.records(of: 50)
            #expect(name(bytes) == .absent)
            for count in 0..<bytes.count {
                let part = name(Array(bytes[..<count]))
                #expect(part == .incomplete || part == .absent)
            }
        }
    }

    @Test(
        "what is no host name is none, and no byte of it gets further",
        arguments: [
            "", ".", "a..b", ".a", "a.", "192.0.2.1", "a.1", "2001:db8::1", "a b", "a\r\nb", "a\"b",
            "a\u{7f}",
            "\u{e4}.example", "a\0b", "*.example", "a/b", String(repeating: "a", count: 64) + ".example",
            String(repeating: "a.", count: 126) + "bc",
        ]
    )
    func noHostName(_ text: String) { #expect(name(HelloText.named(text).records()) == .absent) }

    @Test("long names and labels are taken as far as names may be long")
    func longest() {
        for text in [
            String(repeating: "a", count: 63) + ".example", String(repeating: "a.", count: 126) + "b",
            "a_b.x-y", "a",
            "1.a",
        ] {
            #expect(name(HelloText.named(text).records()) == named(text))
        }
    }

    @Test("lengths that do not fit into each other make it malformed, which is no name")
    func badLengths() {
        let list = HelloText.serverName("a.example")
        for content in [
            [UInt8](), [0], [0, 0], list.dropLast(), list + [0], [0, 5] + list.dropFirst(2),
            [0, 12, 1] + list.dropFirst(3), [0, 12, 0, 0, 8] + list.dropFirst(5),
            [0, 12, 0, 0, 10] + list.dropFirst(5),
            HelloText.serverName("a.example", type: 1),
        ].map(Array.init) {
            #expect(name(HelloText(extensions: [(0, content), (23, [])]).records()) == .absent)
        }
        var bytes = HelloText.named("a.example").records()
        for index in [8, 43] {
            // One byte less in the message's length, and a session id that is longer than the message.
            var copy = bytes
            copy[index] = index == 43 ? 255 : copy[index] - 1
            #expect(name(copy + [UInt8](repeating: 0, count: 600)) != .incomplete)
        }
        bytes[5] = 2
        #expect(name(bytes) == .absent)
    }

    @Test("a record in between that is no handshake ends it")
    func otherRecord() {
        let hello = HelloText.named("a.example")
        let first = [22, 3, 1, 0, 20] + hello.message.prefix(20)
        #expect(name(first + [21, 3, 1, 0, 2, 1, 0]) == .absent)
        #expect(name(first + [22, 2, 1, 0, 2, 1, 0]) == .absent)
        #expect(name(first + [22, 3, 1, 0, 0]) == .absent)
        #expect(name(first + [22, 3, 1, 0x40, 1]) == .absent)
    }

    @Test(
        "random changes of a good hello never trap, and a longer text never takes a name back",
        arguments: UInt64(0)..<40
    )
    func random(_ seed: UInt64) {
        var random = RandomSource(seed: seed)
        let good = HelloText.named("a.example").records(of: 1 + random.below(200))
        for _ in 0..<200 {
            var bytes = good
            for _ in 0...random.below(3) { bytes[random.below(bytes.count)] = UInt8(random.below(256)) }
            var found = ClientHello.ServerName.incomplete
            for count in 0...bytes.count {
                let part = name(Array(bytes[..<count]))
                if found != .incomplete { #expect(part == found) }
                found = part
            }
        }
    }
}
