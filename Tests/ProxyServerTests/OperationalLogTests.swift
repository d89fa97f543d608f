import Basics
import Glibc
import Logging
import Reactor
import Telemetry
import Testing

@testable import ProxyServer
@testable import Settings

@Suite("Operational log", .serialized)
struct OperationalLogTests {
    private struct Trouble: Error, CustomStringConvertible {
        let description: String
    }

    private let time = WallTime(seconds: 1_795_381_314, nanoseconds: 123_000_000)

    private func settings(_ level: Settings.LogLevel, _ format: Settings.LogFormat) -> Settings.Log {
        var log = Settings.Log()
        log.level = level
        log.format = format
        return log
    }

    /// What one event becomes.
    private func line(
        _ format: Settings.LogFormat,
        isJournal: Bool = false,
        level: Logger.Level = .warning,
        _ message: Logger.Message,
        _ metadata: Logger.Metadata = [:],
        own: Logger.Metadata = [:],
        error: (any Error)? = nil
    ) throws -> String {
        let writer = try LogWriter(descriptor: STDERR_FILENO)
        var log = OperationalLog(writer, LogStyle(settings(.info, format), isJournal: isJournal))
        log.metadata = own
        let event = LogEvent(
            level: level,
            message: message,
            error: error,
            metadata: metadata,
            source: "s",
            file: "f",
            function: "g",
            line: 1
        )
        var buffer = ByteBuffer()
        log.format(event, at: time, to: &buffer)
        writer.stop()
        return String(decoding: buffer.span.indices.map { buffer.span[$0] }, as: UTF8.self)
    }

    @Test("a text line has time, level, message and sorted metadata")
    func text() throws {
        let line = try line(
            .text,
            "cannot dial",
            ["origin": "a.example:80", "because": "no route"],
            own: ["empty": ""]
        )
        #expect(
            line == """
                2026-11-22T21:01:54.123Z warning cannot dial because="no route" empty="" origin=a.example:80

                """
        )
    }

    @Test("a JSON line is one object")
    func json() throws {
        let line = try line(.json, level: .error, "cannot \"dial\"", ["n": "\(5)"])
        #expect(
            line == """
                {"time":"2026-11-22T21:01:54.123Z","level":"error","message":"cannot \\"dial\\"",\
                "metadata":{"n":"5"}}

                """
        )
    }

    @Test(
        "for the journal a line begins with its priority and has no time",
        arguments: [
            (Logger.Level.debug, "<7>debug m\n"), (.info, "<6>info m\n"), (.notice, "<5>notice m\n"),
            (.warning, "<4>warning m\n"), (.error, "<3>error m\n"), (.critical, "<2>critical m\n"),
        ]
    )
    func journal(level: Logger.Level, expected: String) throws {
        #expect(try line(.text, isJournal: true, level: level, "m") == expected)
    }

    @Test("JSON for the journal has its priority in front too")
    func journalJSON() throws {
        #expect(try line(.json, isJournal: true, "m") == "<4>{\"level\":\"warning\",\"message\":\"m\"}\n")
    }

    @Test("nothing in a message or its metadata breaks the line")
    func hostile() throws {
        let hostile = "a\nb\u{1B}[31m\u{85}\"\\ é"
        for format in Settings.LogFormat.allCases {
            let line = try line(
                format,
                "\(hostile)",
                ["k\n": "\(hostile)"],
                error: Trouble(description: hostile)
            )
            #expect(line.utf8.filter { $0 < 0x20 }.count == 1 && line.hasSuffix("\n"))
            #expect(!line.unicodeScalars.contains("\u{85}"))
        }
        let text = try line(.text, "\(hostile)", ["k": "\(hostile)"])
        #expect(
            text.hasSuffix(#" warning a\x0ab\x1b[31m\xc2\x85"\\ é k="a\x0ab\x1b[31m\xc2\x85\"\\ é""# + "\n")
        )
    }

    @Test("an error that comes with an event is written")
    func errorOfAnEvent() throws {
        let line = try line(.text, "failed", error: Trouble(description: "no route"))
        #expect(line.hasSuffix("failed error=\"no route\"\n"))
    }

    @Test("a reload changes level and format of every logger, and a logger's own level stays its own")
    func reload() throws {
        let pipe = try LogPipe()
        defer { pipe.closeReader() }
        let writer = try LogWriter(descriptor: pipe.writer)
        let style = LogStyle(settings(.info, .text), isJournal: true)
        let logger = OperationalLog.logger(writer, style)
        var silent = logger
        silent.logLevel = .critical
        logger.debug("unseen")
        logger.info("first")
        style.reconfigure(settings(.debug, .json))
        logger.debug("second")
        silent.error("unseen")
        style.reconfigure(settings(.error, .text))
        logger.warning("unseen")
        #expect(writer.stop())
        pipe.closeWriter()
        #expect(pipe.readAll() == "<6>info first\n<7>{\"level\":\"debug\",\"message\":\"second\"}\n")
    }

    @Test("the journal is recognised by device and inode of its stream only")
    func journalStream() throws {
        let pipe = try LogPipe()
        defer {
            unsetenv("JOURNAL_STREAM")
            pipe.closeReader()
            pipe.closeWriter()
        }
        unsetenv("JOURNAL_STREAM")
        #expect(!JournalStream.isConnected(to: pipe.writer))
        var status = stat()
        #expect(fstat(pipe.writer, &status) == 0)
        setenv("JOURNAL_STREAM", "\(status.st_dev):\(status.st_ino)", 1)
        #expect(JournalStream.isConnected(to: pipe.writer))
        setenv("JOURNAL_STREAM", "\(status.st_dev):\(status.st_ino + 1)", 1)
        #expect(!JournalStream.isConnected(to: pipe.writer), "inherited from elsewhere")
    }
}
