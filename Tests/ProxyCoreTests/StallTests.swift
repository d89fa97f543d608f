import Basics
import ProxyCore
import Testing

@Suite("Peers that do not read or write")
struct StallTests {
    private static let upload = message(
        "POST http://origin.test/ HTTP/1.1",
        "Host: x",
        "Content-Length: 9",
        content: "abc"
    )

    @Test("a client that does not read pauses the origin, and nothing is lost")
    func slowClient() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            shell.send(origin, message("HTTP/1.1 200 OK", "Content-Length: 9"))
            _ = client.take()
            shell.stall(client)
            shell.send(origin, "abc")
            #expect(origin.isPaused)
            shell.send(origin, "def")
            #expect(!origin.unconsumed.isEmpty)
            shell.advance(.seconds(299))
            shell.drainPending(client)
            #expect(client.take() == "abcdef" && !origin.isPaused)
            shell.advance(.seconds(200))
            shell.send(origin, "ghi")
            #expect(client.take() == "ghi" && shell.idleUpstreams == 1)
        }
    }

    @Test("a client that does not read for write_timeout is cut, with the origin's connection")
    func deafClient() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            shell.stall(client)
            shell.send(origin, message("HTTP/1.1 200 OK", "Content-Length: 9", content: "abc"))
            shell.advance(.milliseconds(299_999))
            #expect(client.isOpen)
            shell.advance(.milliseconds(1))
            #expect(client.closed == .reset && origin.closed == .reset)
            #expect(shell.lastNote?.record.cause == .clientTimeout)
            #expect(shell.lastNote?.record.phase == .content)
        }
    }

    @Test("an origin that does not read pauses the client, and nothing is lost")
    func slowOrigin() throws {
        try withProxy { shell in
            let client = try shell.client(StallTests.upload)
            let origin = try shell.dialled()
            _ = origin.take()
            shell.stall(origin)
            shell.send(client, "de")
            #expect(client.isPaused)
            shell.send(client, "f")
            shell.advance(.seconds(299))
            shell.drainPending(origin)
            #expect(origin.take() == "def" && !client.isPaused)
            shell.send(client, "ghi")
            shell.send(origin, ok())
            #expect(client.take() == okAtClient() && shell.idleUpstreams == 1)
        }
    }

    @Test("an origin that does not read for write_timeout is answered for")
    func deafOrigin() throws {
        try withProxy { shell in
            let client = try shell.client(StallTests.upload)
            let origin = try shell.dialled()
            shell.stall(origin)
            shell.send(client, "de")
            shell.advance(.milliseconds(299_999))
            #expect(client.take().isEmpty)
            shell.advance(.milliseconds(1))
            #expect(client.take().hasPrefix("HTTP/1.1 504 Gateway Timeout\r\n"))
            #expect(origin.closed == .reset && shell.outcomes(.upstreamTimeout) == 1)
        }
    }

    @Test("an answer that overtakes a stalled upload is passed on, and the connection is not reused")
    func answerBeforeTaken() throws {
        try withProxy { shell in
            let client = try shell.client(post("hello"))
            let origin = try shell.dialled()
            shell.fail(origin)
            _ = client.take()
            shell.send(client, post("hello"))
            let second = try shell.dialled()
            shell.stall(second)
            shell.send(second, message("HTTP/1.1 403 Forbidden", "Content-Length: 0"))
            #expect(client.take().hasPrefix("HTTP/1.1 403 "))
        }
    }

    @Test("a client whose content does not come for write_timeout is told so", arguments: [true, false])
    func silentUpload(hasResponse: Bool) throws {
        try withProxy({ $0.minProgress = 1 }) { shell in
            let client = try shell.client(StallTests.upload)
            let origin = try shell.dialled()
            shell.advance(.seconds(299))
            shell.send(client, "d")
            if hasResponse { shell.send(origin, message("HTTP/1.1 200 OK", "Content-Length: 9")) }
            _ = client.take()
            shell.advance(.milliseconds(299_999))
            #expect(client.isOpen)
            shell.advance(.milliseconds(1))
            #expect(origin.closed == .reset && shell.outcomes(.clientTimeout) == 1)
            if hasResponse {
                #expect(client.closed == .reset)
            } else {
                #expect(client.take().hasPrefix("HTTP/1.1 408 ") && client.hasSeenFIN)
            }
        }
    }

    @Test("response_timeout counts from the last byte of the request, and interim responses do not stop it")
    func responseTimeout() throws {
        try withProxy({ $0.responseTimeout = .seconds(20) }) { shell in
            let client = try shell.client(StallTests.upload)
            let origin = try shell.dialled()
            shell.advance(.seconds(100))
            shell.send(client, "defghi")
            shell.advance(.seconds(15))
            shell.send(origin, message("HTTP/1.1 102 Processing"))
            _ = client.take()
            shell.advance(.milliseconds(4999))
            #expect(client.take().isEmpty)
            shell.advance(.milliseconds(1))
            #expect(client.take().hasPrefix("HTTP/1.1 504 "))
            #expect(shell.lastNote?.record.phase == .response)
        }
    }

    @Test("content may take as long as it likes")
    func slowContent() throws {
        try withProxy({ $0.responseTimeout = .seconds(20) }) { shell in
            let (client, origin) = try shell.exchange()
            shell.send(origin, message("HTTP/1.1 200 OK", "Content-Length: 3"))
            for byte in ["a", "b", "c"] {
                shell.advance(.seconds(3600))
                shell.send(origin, byte)
            }
            #expect(client.take().hasSuffix("abc"))
        }
    }

    @Test("without write_timeout nobody is cut for reading slowly")
    func unlimited() throws {
        try withProxy({ $0.writeTimeout = .unlimited }) { shell in
            let (client, origin) = try shell.exchange()
            shell.stall(client)
            shell.send(origin, message("HTTP/1.1 200 OK", "Content-Length: 9", content: "abc"))
            shell.advance(.seconds(1_000_000))
            shell.drainPending(client)
            shell.send(origin, "defghi")
            #expect(client.take().hasSuffix("abcdefghi"))
        }
    }
}
