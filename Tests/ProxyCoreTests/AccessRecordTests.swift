import Basics
import ProxyCore
import Testing

@Suite("Access records and counters")
struct AccessRecordTests {
    @Test("an exchange says who, what, how much and how long")
    func exchange() throws {
        try withProxy { shell in
            let client = try shell.client(post("hello"))
            shell.advance(.milliseconds(30))
            let origin = try shell.dialled()
            shell.advance(.milliseconds(200))
            shell.send(origin, message("HTTP/1.1 201 Created", "Content-Length: 2"))
            shell.advance(.milliseconds(70))
            #expect(shell.notes.isEmpty)
            shell.send(origin, "ok")
            #expect(shell.notes.count == 1)
            let note = try #require(shell.lastNote)
            #expect(note.text == "POST http://origin.test/")
            let record = note.record
            #expect(record.client == client.id.id && record.status == 201 && !record.isTunnel)
            #expect(record.cause == .completed && record.phase == .content)
            #expect(record.hasUpstream && !record.isReused && !record.isRetried)
            #expect(record.waited == .milliseconds(30) && record.firstByte == .milliseconds(200))
            #expect(record.duration == .milliseconds(300))
            #expect(record.bytesUp == UInt64(post("hello").utf8.count))
            #expect(
                record.bytesDown
                    == UInt64(message("HTTP/1.1 201 Created", "Content-Length: 2").utf8.count + 2)
            )
        }
    }

    @Test("the next exchange of a connection starts from nothing")
    func second() throws {
        try withProxy { shell in
            let (client, origin) = try shell.parkedPair()
            shell.advance(.seconds(20))
            shell.send(client, get("http://origin.test/two"))
            shell.send(origin, ok())
            let note = try #require(shell.lastNote)
            #expect(note.text == "GET http://origin.test/two" && shell.notes.count == 2)
            #expect(note.record.isReused && note.record.waited == .zero && note.record.duration == .zero)
            #expect(note.record.bytesUp == UInt64(get("http://origin.test/two").utf8.count))
        }
    }

    @Test("a tunnel leaves one record, when it ends")
    func tunnel() throws {
        try withProxy { shell in
            let (client, origin) = try shell.tunnel()
            shell.send(client, "12345")
            shell.send(origin, "123")
            shell.advance(.seconds(7))
            #expect(shell.notes.isEmpty)
            shell.finish(client)
            shell.finish(origin)
            let note = try #require(shell.lastNote)
            #expect(
                note.text == "CONNECT tunnel.test:443" && note.record.isTunnel && note.record.status == 200
            )
            #expect(note.record.bytesUp == UInt64(connectRequest().utf8.count + 5))
            #expect(note.record.bytesDown >= 3 && note.record.duration == .seconds(7))
        }
    }

    @Test("a request that cannot be read leaves a record without a text")
    func unreadable() throws {
        try withProxy { shell in
            _ = try shell.client("bad\r\n\r\n")
            let note = try #require(shell.lastNote)
            #expect(note.text.isEmpty && note.record.status == 400)
            #expect(note.record.cause == .badRequest && note.record.phase == .requestHead)
            #expect(!note.record.hasUpstream)
        }
    }

    @Test("without the access log nothing is recorded, and everything counted")
    func off() throws {
        var configuration = EngineConfiguration()
        configuration.accessLog = false
        let shell = EngineHarness(configuration)
        let (client, _) = try shell.parkedPair()
        shell.send(client, "bad\r\n\r\n")
        #expect(shell.notes.isEmpty)
        #expect(shell.outcomes(.completed) == 1 && shell.outcomes(.badRequest) == 1)
    }

    @Test("counters count requests, answers by class, waits and bytes")
    func counters() throws {
        try withProxy { shell in
            let (client, origin) = try shell.exchange()
            shell.advance(.milliseconds(3))
            shell.send(origin, message("HTTP/1.1 404 Not Found", "Content-Length: 0"))
            let other = try shell.client(get("http://far.test/"))
            shell.advance(.milliseconds(5))
            try shell.dialFails(.nameNotFound)
            let statistics = shell.statistics
            #expect(
                statistics.clientsAccepted == 2 && statistics.requests == 2 && statistics.ownResponses == 1
            )
            #expect(statistics.responses == [0, 0, 0, 0, 1, 1])
            #expect(statistics.durations.counts[4] == 1 && statistics.durations.counts[5] == 1)
            // 3 ms are in the bucket up to 4, the refused dial's 5 in the one up to 8; only one had an answer.
            #expect(statistics.durations.count == 2 && statistics.firstBytes.counts[4] == 1)
            #expect(statistics.firstBytes.count == 1 && statistics.tunnelDurations.count == 0)
            #expect(statistics.bytesUp == UInt64(get().utf8.count + get("http://far.test/").utf8.count))
            #expect(client.isOpen && other.isOpen)
        }
    }
}
