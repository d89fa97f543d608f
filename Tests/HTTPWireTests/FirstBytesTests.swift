import Basics
import Testing

@testable import HTTPWire

@Suite("First bytes")
struct FirstBytesTests {
    private static let samples: [(text: String, kind: FirstBytes)] = [
        // HTTP/1 is a whole request line that the head parser takes.
        ("GET / HTTP/1.1\r\n", .http1), ("GET /a?b=c HTTP/1.0\r\nHost: a\r\n\r\n", .http1),
        ("OPTIONS * HTTP/1.1\r\n", .http1), ("POST http://a.example/ HTTP/1.1\r\n", .http1),
        ("PROPFIND / HTTP/1.1\r\n", .http1), ("M-SEARCH * HTTP/1.1\r\n", .http1),
        ("get / HTTP/1.9\r\n", .http1),
        ("GET /" + String(repeating: "x", count: 5000) + " HTTP/1.1\r\n", .http1),
        // What is nearly HTTP is the origin's business.
        ("GET / HTTP/1.1\n", .raw), ("GET / HTTP/1.1\r\r", .raw), ("GET / HTTP/1.1 \r\n", .raw),
        ("GET /\r\n", .raw), ("GET  / HTTP/1.1\r\n", .raw), ("GET / HTTP/2.0\r\n", .raw),
        ("GET / http/1.1\r\n", .raw), ("GET / HTTP/1.x\r\n", .raw), ("GET /\u{e4} HTTP/1.1\r\n", .raw),
        ("GET /a#b HTTP/1.1\r\n", .raw), ("\r\nGET / HTTP/1.1\r\n", .raw), (" GET / HTTP/1.1\r\n", .raw),
        ("G(T / HTTP/1.1\r\n", .raw), ("GET\t/ HTTP/1.1\r\n", .raw),
        // The client speaks to another proxy.
        ("CONNECT a.example:443 HTTP/1.1\r\n", .raw),
        // Others that look like it.
        ("OPTIONS rtsp://a.example/ RTSP/1.0\r\n", .raw), ("INVITE sip:a@b.example SIP/2.0\r\n", .raw),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", .raw), ("get key\r\n", .raw), ("set k 0 0 3\r\n", .raw),
        ("USER a b c :d\r\n", .raw), ("SSH-2.0-OpenSSH_9.2\r\n", .raw), ("*1\r\n$4\r\nPING\r\n", .raw),
        ("PING\r\n", .raw), ("QUIT\r\n", .raw), ("EHLO a.example\r\n", .raw),
        ("\0\0\0\u{8}\u{4}", .raw), ("\u{10}\u{0}", .raw), ("<?xml version='1.0'?>", .raw), ("\n", .raw),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .http2), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0", .http2),
        ("PRI * HTTP/2.0\r\nHost: a\r\n", .raw), ("PRI * HTTP/2.1\r\n", .raw),
        ("PRI * HTTP/1.1\r\n", .http1),
        // TLS: type, version, length of the record, type of the message.
        ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", .tls), ("\u{16}\u{3}\u{4}\u{0}\u{1}\u{1}\u{0}", .tls),
        ("\u{16}\u{3}\u{0}\u{40}\u{0}\u{1}", .tls),
        ("\u{16}\u{3}\u{5}", .raw), ("\u{16}\u{2}", .raw), ("\u{16}\u{3}\u{1}\u{0}\u{0}", .raw),
        ("\u{16}\u{3}\u{1}\u{40}\u{1}", .raw), ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{2}", .raw),
        ("\u{15}\u{3}\u{1}\u{0}\u{2}", .raw), ("\u{17}\u{3}\u{3}\u{0}\u{2}", .raw),
        // Not enough to tell.
        ("", .undecided), ("GE", .undecided), ("GET", .undecided), ("GET ", .undecided),
        ("GET /", .undecided), ("GET / ", .undecided), ("GET / HTTP/1.1", .undecided),
        ("GET / HTTP/1.1\r", .undecided), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r", .undecided),
        ("hello", .undecided), ("CONNECT", .undecided), ("\u{16}", .undecided),
        ("\u{16}\u{3}\u{3}\u{2}\u{0}", .undecided),
    ]

    /// One byte for each character, whatever its code.
    private static func bytes(_ text: String) -> [UInt8] {
        text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
    }

    @Test("each protocol is told by its first bytes", arguments: samples)
    func kinds(_ sample: (text: String, kind: FirstBytes)) {
        #expect(FirstBytes.classify(FirstBytesTests.bytes(sample.text).span) == sample.kind)
    }

    @Test("wherever the bytes are split, nothing is decided but what the whole is", arguments: samples)
    func everySplit(_ sample: (text: String, kind: FirstBytes)) {
        let bytes = FirstBytesTests.bytes(sample.text)
        var isDecided = false
        for count in 0...bytes.count {
            let kind = FirstBytes.classify(Array(bytes[..<count]).span)
            #expect(kind == .undecided && !isDecided || kind == sample.kind, "after \(count) bytes")
            isDecided = kind != .undecided
        }
    }

    @Test("every byte that can follow a beginning decides the same for good, or leaves it open")
    func everyByte() {
        let beginnings = [
            "", "G", "GET ", "GET /", "GET / ", "GET / HTTP/1", "GET / HTTP/1.", "GET / HTTP/1.1",
            "PRI * HTTP/", "PRI * HTTP/2.0\r\n\r\n", "\u{16}", "\u{16}\u{3}", "\u{16}\u{3}\u{1}\u{0}",
        ]
        let tails = ["", "\r\n", " / HTTP/1.1\r\n", "\u{1}\u{1}"].map(FirstBytesTests.bytes)
        for beginning in beginnings.map(FirstBytesTests.bytes) {
            for byte in UInt8.min...UInt8.max {
                let kind = FirstBytes.classify((beginning + [byte]).span)
                if kind == .undecided { continue }
                for tail in tails {
                    #expect(FirstBytes.classify((beginning + [byte] + tail).span) == kind)
                }
            }
        }
    }

    @Test(
        "when time is up only what begins like HTTP and like nothing else is HTTP",
        arguments: [
            ("GET /", FirstBytes.http1), ("GET / HTTP/1.1\r", .http1), ("OPTIONS *", .http1),
            ("POST http", .http1), ("PUT HTTP://a", .http1), ("DELETE /x", .http1), ("TRACE /", .http1),
            ("HEAD /", .http1), ("PATCH /", .http1),
            ("GET ", .raw), ("GET", .raw), ("GET htt", .raw), ("GET key", .raw), ("PROPFIND /", .raw),
            ("get /", .raw), ("CONNECT a", .raw), ("PRI * HTTP/2.0\r\n", .raw), ("\u{16}\u{3}\u{1}", .raw),
            ("hello", .raw), ("", .raw), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .http2),
        ]
    )
    func settled(_ text: String, _ kind: FirstBytes) {
        #expect(FirstBytes.settle(FirstBytesTests.bytes(text).span) == kind)
    }

    @Test("what is called HTTP/1 has a request line that the head parser takes")
    func parserAgrees() throws {
        for sample in FirstBytesTests.samples where sample.kind == .http1 {
            let line = sample.text.prefix { $0 != "\r\n" }
            let head = Array("\(line)\r\nHost: a\r\n\r\n".utf8)
            var fields = FieldTable(capacity: 8)
            var scanned = 0
            let limits = HeadLimits(headSize: 1 << 16, fields: 8, uriSize: 1 << 16)
            let parsed = try HeadParser.parseRequest(
                head.span,
                scanned: &scanned,
                limits: limits,
                fields: &fields
            )
            #expect(parsed?.length == head.count, "\(sample.text)")
        }
    }
}
