import Basics
import ClientPolicy
import HTTPWire
import ProxyCore
import UpstreamPool

/// An input of the engine's target, read as a script: two bytes of settings, then one event after another.
struct EngineScript {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position >= bytes.count }

    /// The next byte; 0 behind the end.
    mutating func next() -> Int {
        guard position < bytes.count else { return 0 }
        position += 1
        return Int(bytes[position - 1])
    }

    /// So many of the next bytes, or all that are left.
    mutating func take(_ count: Int) -> [UInt8] {
        let end = min(bytes.count, position + count)
        defer { position = end }
        return Array(bytes[position..<end])
    }

    /// Settings in which the bounds that matter are within reach of a short script.
    mutating func configuration() -> EngineConfiguration {
        let bits = next()
        var settings = EngineConfiguration()
        settings.accessLog = true
        settings.clients.maxConnections = 4
        settings.clients.maxParkedPerOwner = 2
        // No setting changes it, so it must not change with a reload.
        settings.clients.maxAbsentOwners = 1
        settings.pool.maxConnections = 4
        settings.pool.maxQueue = 3
        settings.requestTimeout = .seconds(2)
        settings.headerTimeout = .seconds(1)
        settings.clientIdleTimeout = .seconds(5)
        settings.closeGrace = .milliseconds(500)
        settings.writeTimeout = .seconds(4)
        settings.tunnelIdleTimeout = .seconds(6)
        settings.halfCloseTimeout = .seconds(3)
        settings.connectTimeout = .seconds(2)
        settings.responseTimeout = .seconds(8)
        settings.queueTimeout = .seconds(1)
        settings.pool.idleTimeout = .seconds(5)
        if bits & 1 != 0 { settings.clients.keepAlive = false }
        if bits & 2 != 0 {
            settings.pool.maxConnections = 1
            settings.pool.maxPerDestination = 1
        }
        if bits & 4 != 0 {
            settings.heads.headSize = 200
            settings.heads.fields = 5
            settings.heads.uriSize = 40
            settings.chunkExtensions = 6
        }
        if bits & 8 != 0 {
            settings.pool.dialPatience = .milliseconds(50)
            settings.pool.ports = 3
            settings.pool.surplusTimeout = .milliseconds(400)
        }
        if bits & 16 != 0 {
            settings.maxTunnels = 1
            settings.allowedTunnelPorts = [443]
        }
        if bits & 32 != 0 {
            settings.maxQuietPerDestination = 1
            settings.minimumQuiet = .zero
            settings.minimumQuietOfLeak = .zero
            settings.maxStalledPerOwner = 1
        }
        if bits & 64 != 0 {
            settings.clients.maxRequests = 2
            settings.pool.maxRequests = 2
            settings.leakIdleTimeout = .milliseconds(300)
        }
        if bits & 128 != 0 {
            settings.pool.maxIdle = 1
            settings.pool.maxIdlePerDestination = 1
            settings.pool.unsafeReuseWindow = .seconds(20)
        }
        return settings
    }
}

/// What clients and origins say when the script names a message instead of spelling one. `#` stands for a
/// number of its own, so that every exchange can be told from the others.
enum CannedMessages {
    static let requests: [[UInt8]] = [
        "GET http://a.test/# HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "POST http://a.test/# HTTP/1.1\r\nHost: a.test\r\nContent-Length: 6\r\n\r\nup-#-u",
        "POST http://a.test/# HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "4;x=y\r\nu-#-\r\n2\r\nzz\r\n0\r\nX-T: 1\r\n\r\n",
        "HEAD http://a.test/# HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "CONNECT t.test:443 HTTP/1.1\r\nHost: t.test:443\r\n\r\n",
        "GET http://b.test:81/#?q HTTP/1.1\r\nHost: b.test\r\nConnection: close\r\n\r\n",
        "GET http://a.test/# HTTP/1.0\r\n\r\n",
        "PUT http://a.test/# HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
        "GET http://a.test/# HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        "POST http://a.test/# HTTP/1.0\r\nContent-Length: 5\r\n\r\nten-#",
        "GET http://a.test/# HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        "OPTIONS http://a.test HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 2\r\n\r\n",
        "GET http://a.test/# HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nConnection: te, x-a\r\nX-A: 1\r\n\r\n",
        "GET /# HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "CONNECT t.test:80 HTTP/1.1\r\nHost: t.test:80\r\n\r\ntunnel-#",
        "abc",
    ].map { Array($0.utf8) }

    static let responses: [[UInt8]] = [
        "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\ndown-#-d",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;e\r\nd-#-d\r\n1\r\nx\r\n0\r\nX-T: #\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nuntil-#-close",
        "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nup",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nclose-#-c",
        "HTTP/1.0 200 OK\r\nContent-Length: 4\r\nConnection: keep-alive\r\n\r\nk-#-",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\nETag: \"#\"\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 20\r\nKeep-Alive: timeout=2\r\n\r\nshort-#",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na-#",
        "HTTP/1.1 103 Early Hints\r\nLink: <#>\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n-#-xHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 426 Upgrade Required\r\nUpgrade: h3\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n",
        "bytes-#",
    ].map { Array($0.utf8) }

    /// The message with its number as one character, so that lengths stay right.
    static func message(_ template: [UInt8], number: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(template.count)
        for byte in template {
            bytes.append(byte == UInt8(ascii: "#") ? UInt8(65 + number % 58) : byte)
        }
        return bytes
    }
}
