import Basics
import ProxyCore
import Testing
import UpstreamPool

/// One way in which an origin frames content, and how a client of either version gets it.
struct FramingRow: CustomTestStringConvertible, Sendable {
    let testDescription: String
    /// What the origin sends behind its status line.
    let sent: String
    /// The origin closes behind it.
    var closes = false
    let expected: String
    var isHTTP10 = false
}

@Suite("Framing")
struct FramingConversionTests {
    private static let rows = [
        FramingRow(
            testDescription: "chunk extensions are dropped",
            sent: message(
                "Transfer-Encoding: chunked",
                content: "5 ; a=b\r\nhello\r\n3;c\r\nyou\r\n0;d\r\n\r\n"
            ),
            expected: "5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n"
        ),
        FramingRow(
            testDescription: "chunk sizes pass as they were spelled",
            sent: message("Transfer-Encoding: chunked", content: "00A\r\n0123456789\r\n000\r\n\r\n"),
            expected: "00A\r\n0123456789\r\n000\r\n\r\n"
        ),
        FramingRow(
            testDescription: "trailers pass, but for those that must not be trailers",
            sent: message(
                "Transfer-Encoding: chunked",
                "Trailer: X-Sum",
                content:
                    "2\r\nhi\r\n0\r\nX-Sum: 9\r\nSet-Cookie: a=b\r\nTransfer-Encoding: x\r\nX-Too: 1\r\n\r\n"
            ),
            expected: "2\r\nhi\r\n0\r\nX-Sum: 9\r\nX-Too: 1\r\n\r\n"
        ),
        FramingRow(
            testDescription: "trailers that Connection nominates go",
            sent: message(
                "Transfer-Encoding: chunked",
                "Connection: X-Hop",
                content: "2\r\nhi\r\n0\r\nX-Sum: 9\r\nx-hop: 1\r\n\r\n"
            ),
            expected: "2\r\nhi\r\n0\r\nX-Sum: 9\r\n\r\n"
        ),
        FramingRow(
            testDescription: "an HTTP/1.0 client gets chunked content without frames and trailers",
            sent: message(
                "Transfer-Encoding: chunked",
                content: "5;x\r\nhello\r\n1\r\n \r\n3\r\nyou\r\n0\r\nX-Sum: 1\r\n\r\n"
            ),
            expected: "hello you",
            isHTTP10: true
        ),
        FramingRow(
            testDescription: "an HTTP/1.0 client gets empty chunked content",
            sent: message("Transfer-Encoding: chunked", content: "0\r\n\r\n"),
            expected: "",
            isHTTP10: true
        ),
        FramingRow(
            testDescription: "an HTTP/1.0 client gets content that ends with the connection as it is",
            sent: message("X-A: 1", content: "hello"),
            closes: true,
            expected: "hello",
            isHTTP10: true
        ),
        FramingRow(
            testDescription: "content with a length passes as it is",
            sent: message("Content-Length: 5", content: "hello"),
            expected: "hello"
        ),
    ]

    @Test("content on its way to the client, however it is cut", arguments: rows)
    func content(row: FramingRow) throws {
        for pieces in [Int.max, 1, 2, 3, 11] {
            try withProxy { shell in
                let request = row.isHTTP10 ? message("GET http://origin.test/ HTTP/1.0") : get()
                let (client, origin) = try shell.exchange(request)
                shell.send(origin, "HTTP/1.1 200 OK\r\n" + row.sent, in: pieces)
                if row.closes { shell.finish(origin) }
                let (head, content) = try parts(client.take())
                #expect(content == row.expected)
                #expect(
                    head.contains("Transfer-Encoding: chunked")
                        == (row.sent.contains("chunked") && !row.isHTTP10)
                )
                #expect(client.hasSeenFIN == row.isHTTP10)
                #expect(origin.isOpen == !row.closes)
                #expect(shell.outcomes(.completed) == 1)
            }
        }
    }

    @Test("an HTTP/1.1 client gets content that ends with the connection in chunks, and keeps its own")
    func untilClose() throws {
        for pieces in [Int.max, 1, 4] {
            try withProxy { shell in
                let (client, origin) = try shell.exchange()
                shell.send(
                    origin,
                    message("HTTP/1.1 200 OK", "Server: s", content: "hello, world"),
                    in: pieces
                )
                let (head, content) = try parts(client.take())
                #expect(
                    head.contains("Transfer-Encoding: chunked\r\n")
                        && head.contains("Connection: keep-alive\r\n")
                )
                if pieces == .max { #expect(content == "c\r\nhello, world\r\n") }
                #expect(try unchunked(content + "0\r\n\r\n") == "hello, world")
                shell.finish(origin)
                #expect(client.take() == "0\r\n\r\n")
                #expect(!origin.isOpen)
                #expect(shell.parkedClients == 1)
            }
        }
    }

    @Test("content that ends with the connection may be empty")
    func emptyUntilClose() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            shell.send(origin, message("HTTP/1.0 200 OK"))
            shell.finish(origin)
            #expect(try parts(client.take()).content == "0\r\n\r\n")
        }
    }

    @Test("a body of a thousand tiny chunks passes whole, in bounded steps")
    func manyChunks() throws {
        for version in ["1.0", "1.1"] {
            try withProxy { shell in
                let (client, origin) = try shell.exchange(
                    message("GET http://origin.test/ HTTP/\(version)", "Host: x")
                )
                let chunks = String(repeating: "1;e\r\nx\r\n", count: 1000) + "0\r\n\r\n"
                shell.send(origin, message("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", content: chunks))
                let content = try parts(client.take()).content
                let expected = String(repeating: "x", count: 1000)
                #expect(try (version == "1.0" ? content : unchunked(content)) == expected)
                #expect(shell.outcomes(.completed) == 1)
            }
        }
    }

    private static let broken = [
        "5\r\nhelloX", "Z\r\n", "5\nhello\r\n", "ffffffffffffffffff\r\n",
        "5\r\nhello\r\n0\r\nbad line\r\n\r\n",
    ]

    @Test("broken chunks of an origin end the response visibly", arguments: broken)
    func brokenResponse(content: String) throws {
        for version in ["1.0", "1.1"] {
            try withProxy { shell in
                let (client, origin) = try shell.exchange(
                    message("GET http://origin.test/ HTTP/\(version)", "Host: x")
                )
                shell.send(origin, message("HTTP/1.1 200 OK", "Transfer-Encoding: chunked"))
                _ = client.take()
                shell.send(origin, content)
                #expect(!client.take().hasSuffix("0\r\n\r\n"))
                #expect(origin.closed == .reset)
                // Only a reset shows an HTTP/1.0 client that something is missing.
                #expect(version == "1.0" ? client.closed == .reset : client.hasSeenFIN)
                #expect(shell.lastNote?.record.cause == .badResponse)
                #expect(shell.lastNote?.record.phase == .content)
            }
        }
    }

    @Test("broken chunks of a client are answered, and the origin sees no end", arguments: broken)
    func brokenRequest(content: String) throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange(
                message("POST http://origin.test/ HTTP/1.1", "Host: x", "Transfer-Encoding: chunked")
            )
            shell.send(client, content)
            #expect(client.take().hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
            #expect(origin.closed == .reset)
            #expect(!origin.take().hasSuffix("0\r\n\r\n"))
            #expect(client.hasSeenFIN)
            #expect(shell.lastNote?.record.cause == .badRequest)
        }
    }

    @Test("broken chunks behind an early answer cut it short, and free the connection for who waits")
    func brokenRequestAfterHead() throws {
        try withProxy({ $0.pool.maxPerDestination = 1 }) { shell in
            let (client, origin) = try shell.exchange(
                message("POST http://origin.test/ HTTP/1.1", "Host: x", "Transfer-Encoding: chunked")
            )
            let other = try shell.client(get())
            shell.send(origin, message("HTTP/1.1 200 OK", "Content-Length: 100", content: "part"))
            shell.send(client, "Z")
            #expect(origin.closed == .reset)
            #expect(client.hasSeenFIN)
            #expect(shell.lastNote?.record.cause == .badRequest)
            #expect(shell.lastNote?.record.phase == .content)
            // Not only with the next event.
            shell.send(try shell.dialled(), ok())
            #expect(other.take() == okAtClient())
        }
    }

    /// Splits a response into its head and what follows.
    private func parts(_ text: String) throws -> (head: String, content: String) {
        let bytes = Array(text.utf8)
        let end = Array("\r\n\r\n".utf8)
        let cut = try #require(bytes.indices.first { bytes[$0...].starts(with: end) })
        return (
            String(decoding: bytes[..<(cut + 2)], as: UTF8.self),
            String(decoding: bytes[(cut + 4)...], as: UTF8.self)
        )
    }

    /// Takes the frames off well-formed chunks without extensions and trailers.
    private func unchunked(_ text: String) throws -> String {
        var rest = Array(text.utf8)[...]
        var content: [UInt8] = []
        while true {
            let line = rest.prefix { $0 != ASCII.carriageReturn }
            let count = try #require(Int(String(decoding: line, as: UTF8.self), radix: 16))
            rest = rest.dropFirst(line.count + 2)
            content += rest.prefix(count)
            rest = rest.dropFirst(count + 2)
            if count == 0 { break }
        }
        #expect(rest.isEmpty)
        return String(decoding: content, as: UTF8.self)
    }
}
