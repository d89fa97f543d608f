import Access
import Basics
import ProxyCore
import Testing
import UpstreamPool

/// What the client is told for one cause.
struct AnswerRow: CustomTestStringConvertible, Sendable {
    let cause: Cause
    let status: String
    let token: String
    /// The client's connection is parked behind the answer.
    let keepsClient: Bool
    var phase = Phase.connect

    init(
        _ cause: Cause,
        _ status: String,
        _ token: String,
        keepsClient: Bool = true,
        in phase: Phase = .connect
    ) {
        self.cause = cause
        self.status = status
        self.token = token
        self.keepsClient = keepsClient
        self.phase = phase
    }

    var testDescription: String { "\(cause)" }
}

@Suite("Answers that weir makes itself")
struct AnswerTests {
    private static let rows = [
        AnswerRow(.badRequest, "400 Bad Request", "http_request_error", keepsClient: false, in: .requestHead),
        AnswerRow(
            .notAbsolute,
            "400 Bad Request",
            "http_request_error",
            keepsClient: false,
            in: .requestHead
        ),
        AnswerRow(
            .schemeUnsupported,
            "501 Not Implemented",
            "proxy_internal_response",
            keepsClient: false,
            in: .requestHead
        ),
        AnswerRow(
            .loopDetected,
            "508 Loop Detected",
            "proxy_loop_detected",
            keepsClient: false,
            in: .requestHead
        ),
        AnswerRow(
            .clientTimeout,
            "408 Request Timeout",
            "http_request_error",
            keepsClient: false,
            in: .requestHead
        ),
        AnswerRow(.denied, "403 Forbidden", "http_request_denied"),
        AnswerRow(.clientDenied, "403 Forbidden", "http_request_denied", keepsClient: false),
        AnswerRow(.hostDenied, "403 Forbidden", "http_request_denied"),
        AnswerRow(.addressDenied, "403 Forbidden", "destination_ip_prohibited"),
        AnswerRow(
            .unauthenticated,
            "407 Proxy Authentication Required",
            "http_request_denied",
            in: .requestHead
        ),
        AnswerRow(.logInsBusy, "503 Service Unavailable", "connection_limit_reached", in: .requestHead),
        AnswerRow(.nameNotFound, "502 Bad Gateway", "dns_error"),
        AnswerRow(.nameTimeout, "504 Gateway Timeout", "dns_timeout"),
        AnswerRow(.nameError, "502 Bad Gateway", "dns_error"),
        AnswerRow(.connectRefused, "502 Bad Gateway", "connection_refused"),
        AnswerRow(.connectUnreachable, "502 Bad Gateway", "destination_ip_unroutable"),
        AnswerRow(.connectTimeout, "504 Gateway Timeout", "connection_timeout"),
        AnswerRow(.portsExhausted, "503 Service Unavailable", "connection_limit_reached"),
        AnswerRow(.descriptorsExhausted, "503 Service Unavailable", "connection_limit_reached"),
        AnswerRow(.connectFailed, "502 Bad Gateway", "destination_unavailable"),
        AnswerRow(.queueFull, "503 Service Unavailable", "connection_limit_reached"),
        AnswerRow(.queueTimeout, "503 Service Unavailable", "connection_limit_reached"),
        AnswerRow(.tooManyTunnels, "503 Service Unavailable", "connection_limit_reached"),
        AnswerRow(.upstreamGone, "502 Bad Gateway", "connection_terminated", in: .response),
        AnswerRow(.responseIncomplete, "502 Bad Gateway", "http_response_incomplete", in: .response),
        AnswerRow(.upstreamSilent, "504 Gateway Timeout", "connection_write_timeout", in: .response),
        AnswerRow(.upstreamTimeout, "504 Gateway Timeout", "http_response_timeout", in: .response),
        AnswerRow(.badResponse, "502 Bad Gateway", "http_protocol_error", in: .response),
        AnswerRow(.parentRefused, "502 Bad Gateway", "destination_unavailable"),
        AnswerRow(.parentUnauthorized, "502 Bad Gateway", "proxy_configuration_error"),
    ]

    /// Causes after which nobody is there to be answered, or the answer was another's.
    private static let unanswered: Set<Cause> = [
        .completed, .clientGone, .tunnelQuiet, .tunnelLeaked, .tooManyStalled, .halfClosed, .stopped,
    ]

    @Test("every cause is either answered or has nobody to answer")
    func everyCause() {
        #expect(Set(AnswerTests.rows.map(\.cause)).union(AnswerTests.unanswered) == Set(Cause.allCases))
        #expect(AnswerTests.rows.count + AnswerTests.unanswered.count == Cause.allCases.count)
    }

    @Test("status, Proxy-Status and one readable line", arguments: rows)
    func answer(row: AnswerRow) throws {
        try withProxy({ AnswerTests.prepare(&$0, for: row.cause) }) { shell in
            shell.readClock(seconds: 86_400)
            let client = try AnswerTests.provoke(row.cause, shell)
            let text = client.take()
            let expectedHead =
                "HTTP/1.1 \(row.status)\r\nDate: Fri, 02 Jan 1970 00:00:"
            #expect(text.hasPrefix(expectedHead), "\(text)")
            #expect(text.contains("\r\nProxy-Status: weir; error=\(row.token)"), "\(text)")
            #expect(text.contains("\r\nContent-Type: text/plain; charset=utf-8\r\n"))
            #expect(text.contains("\r\nRetry-After: 1\r\n") == row.status.hasPrefix("503"))
            let content = AnswerTests.content(text)
            #expect(text.contains("\r\nContent-Length: \(content.utf8.count)\r\n"))
            #expect(content.hasPrefix("weir: ") && content.hasSuffix("\n"))
            #expect(content.utf8.filter { $0 == ASCII.lineFeed }.count == 1)
            #expect(text.contains("\r\nConnection: close\r\n") == !row.keepsClient)
            #expect(text.contains("\r\nConnection: keep-alive\r\n") == row.keepsClient)
            #expect(client.hasSeenFIN == !row.keepsClient && client.isOpen)
            #expect(shell.outcomes(row.cause) == 1)
            let note = try #require(shell.lastNote)
            #expect(note.record.cause == row.cause)
            #expect(note.record.phase == row.phase)
            #expect("\(note.record.status)" == row.status.prefix(3))
            if row.keepsClient {
                shell.send(client, "GET / HTTP/1.1\r\n\r\n")
                #expect(client.take().hasPrefix("HTTP/1.1 400 "), "the connection goes on")
            }
        }
    }

    private static var deniesOrigin: AccessPolicy {
        var rules = AccessPolicy.Rules()
        rules.denied = DestinationList([DestinationPattern(.name("origin.test", itself: true))])
        return AccessPolicy(rules)
    }

    private static func prepare(_ configuration: inout EngineConfiguration, for cause: Cause) {
        switch cause {
        case .denied: configuration.allowedTunnelPorts = [443, 8443]
        case .unauthenticated, .logInsBusy: configuration.authenticates = true
        case .hostDenied: configuration.access = AnswerTests.deniesOrigin
        case .queueFull: configuration.pool.maxQueue = 0
        case .queueTimeout: configuration.pool.maxConnections = 1
        case .tooManyTunnels: configuration.maxTunnels = 0
        case .upstreamTimeout: configuration.responseTimeout = .seconds(7)
        default: break
        }
    }

    private static func provoke(_ cause: Cause, _ shell: EngineHarness) throws -> HarnessPeer {
        switch cause {
        case .badRequest: return try shell.client("GET http://a/ b HTTP/1.1\r\n\r\n")
        case .notAbsolute: return try shell.client(message("GET / HTTP/1.1", "Host: origin.test"))
        case .loopDetected:
            return try shell.client(message("GET http://origin.test/ HTTP/1.1", "Host: x", "Via: 1.1 weir"))
        case .schemeUnsupported: return try shell.client(get("https://origin.test/"))
        case .clientTimeout:
            let client = try shell.client("GET http://origin")
            shell.advance(.milliseconds(9999))
            #expect(client.take().isEmpty)
            // Bytes that dribble in do not prolong it.
            shell.send(client, ".test")
            shell.advance(.milliseconds(1))
            return client
        case .denied: return try shell.client(connectRequest("tunnel.test:22"))
        case .clientDenied:
            let client = try shell.client()
            shell.event { $0.engine.clientJudged(client.id, isDenied: true, now: $0.now) }
            shell.send(client, get())
            return client
        case .hostDenied, .unauthenticated: return try shell.client(get())
        case .logInsBusy:
            let client = try shell.client(
                message("GET http://a/ HTTP/1.1", "Host: a", "Proxy-Authorization: Basic YTpi")
            )
            try shell.logIn(.busy)
            return client
        case .tooManyTunnels: return try shell.client(connectRequest())
        case .queueFull: return try shell.client(get())
        case .queueTimeout:
            _ = try shell.exchange(get("http://other.test/"))
            let client = try shell.client(get())
            shell.advance(.seconds(10))
            return client
        case .connectTimeout:
            let client = try shell.client(get())
            shell.advance(.seconds(30))
            #expect(shell.cancelledDials == 1 && shell.dials.isEmpty)
            return client
        case .portsExhausted, .descriptorsExhausted: return try exhausted(cause, shell)
        case .upstreamGone, .responseIncomplete, .upstreamSilent, .upstreamTimeout, .badResponse:
            return try failing(cause, shell)
        default:
            let client = try shell.client(get())
            try shell.dialFails(cause)
            return client
        }
    }

    /// Lack of ports or descriptors is waited out until `queue_timeout`.
    private static func exhausted(_ cause: Cause, _ shell: EngineHarness) throws -> HarnessPeer {
        let client = try shell.client(get())
        var attempts = 0
        while client.isOpen, shell.outcomes(cause) == 0, attempts < 1000 {
            attempts += 1
            if !shell.dials.isEmpty { try shell.dialFails(cause) }
            shell.advance(.milliseconds(50))
        }
        // It backs off for 100 ms each time: no spinning.
        #expect(attempts <= 202 && shell.destinations.count <= 101)
        return client
    }

    private static func failing(_ cause: Cause, _ shell: EngineHarness) throws -> HarnessPeer {
        if cause == .upstreamSilent {
            let (client, _) = try shell.parkedPair()
            shell.send(client, post("x"))
            shell.silence = .seconds(5)
            shell.advance(.seconds(5))
            // The exchange that filled the pool was another.
            #expect(shell.outcomes(.completed) == 1)
            return client
        }
        let (client, origin) = try shell.exchange()
        switch cause {
        case .upstreamGone: shell.finish(origin)
        case .responseIncomplete:
            shell.send(origin, "HTTP/1.1 200 OK\r\nContent-Le")
            shell.finish(origin)
        case .badResponse: shell.send(origin, "SSH-2.0-OpenSSH\r\n\r\n")
        default: shell.advance(.seconds(7))
        }
        #expect(!origin.isOpen)
        return client
    }

    private static func content(_ text: String) -> String {
        let bytes = Array(text.utf8)
        let end = Array("\r\n\r\n".utf8)
        let cut = bytes.indices.first { bytes[$0...].starts(with: end) } ?? bytes.endIndex - 4
        return String(decoding: bytes[(cut + 4)...], as: UTF8.self)
    }

    @Test("the destination is named where it is known")
    func namesDestination() throws {
        try withProxy { shell in
            let client = try shell.client(get("http://origin.test:81/secret?x"))
            try shell.dialFails(.connectRefused)
            let text = client.take()
            #expect(
                text.hasSuffix(
                    "\r\n\r\nweir: the connection was refused: origin.test:81 (is the service listening there?)\n"
                )
            )
            #expect(
                text.contains(
                    "\r\nProxy-Status: weir; error=connection_refused; next-hop=\"origin.test:81\"\r\n"
                )
            )
        }
    }

    @Test("an answer to HEAD has no content")
    func head() throws {
        try withProxy { shell in
            let client = try shell.client(message("HEAD http://origin.test/ HTTP/1.1", "Host: x"))
            try shell.dialFails(.connectRefused)
            let text = client.take()
            #expect(text.hasSuffix("\r\n\r\n") && text.contains("\r\nContent-Length: 83\r\n"))
        }
    }

    @Test("the connection is not kept where the request's content is still to come")
    func unreadContent() throws {
        try withProxy { shell in
            let client = try shell.client(
                message("PUT http://origin.test/ HTTP/1.1", "Host: x", "Content-Length: 9", content: "half")
            )
            try shell.dialFails(.connectRefused)
            #expect(client.take().contains("\r\nConnection: close\r\n"))
            #expect(client.hasSeenFIN && client.isOpen)
            shell.send(client, "other")
            #expect(client.unconsumed.isEmpty, "read and discarded")
            shell.finish(client)
            #expect(client.closed == .normal)
        }
    }

    private static let faults: [(status: Int, request: String)] = [
        (400, "GET http://origin.test/\r\n\r\n"),
        (400, message("GET http://user@origin.test/ HTTP/1.1", "Host: x")),
        (400, message("GET http:///path HTTP/1.1", "Host: x")),
        (400, message("GET http://origin.test:0/ HTTP/1.1", "Host: x")),
        (400, message("GET http://origin.test/ HTTP/1.1")),
        (400, message("GET http://origin.test/ HTTP/1.1", "Host: x", "Host: y")),
        (400, message("GET http://origin.test/ HTTP/1.1", "Host: x", "Bad Name: y")),
        (400, message("GET http://origin.test/ HTTP/1.1", "Host: x", "A: b", " folded")),
        (
            400,
            message(
                "POST http://origin.test/ HTTP/1.1",
                "Host: x",
                "Content-Length: 1",
                "Transfer-Encoding: chunked"
            )
        ),
        (
            400,
            message("POST http://origin.test/ HTTP/1.1", "Host: x", "Content-Length: 1", "Content-Length: 1")
        ),
        (400, message("POST http://origin.test/ HTTP/1.0", "Transfer-Encoding: chunked")),
        (400, message("CONNECT tunnel.test HTTP/1.1", "Host: x")),
        (400, message("CONNECT tunnel.test:443 HTTP/1.1", "Host: x", "Content-Length: 3", content: "abc")),
        (414, message("GET http://origin.test/\(String(repeating: "x", count: 20_000)) HTTP/1.1", "Host: x")),
        (
            431,
            message(
                "GET http://origin.test/ HTTP/1.1",
                "Host: x",
                "A: \(String(repeating: "x", count: 70_000))"
            )
        ),
        (501, message("POST http://origin.test/ HTTP/1.1", "Host: x", "Transfer-Encoding: gzip, chunked")),
        (505, message("GET http://origin.test/ HTTP/2.0", "Host: x")),
    ]

    @Test(
        "a malformed request is answered, nothing of it is forwarded, and the connection ends",
        arguments: faults
    )
    func fault(status: Int, request: String) throws {
        try withProxy { shell in
            let client = try shell.client(request + get())
            let text = client.take()
            #expect(text.hasPrefix("HTTP/1.1 \(status) "))
            #expect(text.contains("; details=\""))
            #expect(text.contains("\r\nConnection: close\r\n"))
            #expect(client.hasSeenFIN && shell.destinations.isEmpty)
            #expect(shell.outcomes(.badRequest) == 1 && shell.statistics.requests == 1)
        }
    }
}
