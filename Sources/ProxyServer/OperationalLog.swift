import Basics
import Logging
import Settings
import Telemetry

/// Writes weir's own log: one line per event, as text (`time level message key=value`) or as JSON. For the
/// journal a line begins with `<priority>` in place of the time.
struct OperationalLog: LogHandler {
    private let writer: LogWriter
    private let style: LogStyle
    private var ownLevel: Logger.Level?
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    /// The style's level unless this logger was given another.
    var logLevel: Logger.Level {
        get { ownLevel ?? style.level }
        set { ownLevel = newValue }
    }

    init(_ writer: LogWriter, _ style: LogStyle) {
        self.writer = writer
        self.style = style
    }

    /// A logger that needs no bootstrap of the process.
    static func logger(_ writer: LogWriter, _ style: LogStyle) -> Logger {
        Logger(label: "weir") { _ in OperationalLog(writer, style) }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var line = ByteBuffer()
        format(event, at: WallClock.now, to: &line)
        writer.write(line)
    }

    /// Appends the line with its line feed.
    func format(_ event: LogEvent, at time: WallTime, to line: inout ByteBuffer) {
        if style.isJournal {
            line.append("<")
            line.append(event.level.priority)
            line.append(">")
        }
        switch style.format {
        case .text: formatText(event, time, &line)
        case .json: formatJSON(event, time, &line)
        }
        line.append("\n")
    }

    private func formatText(_ event: LogEvent, _ time: WallTime, _ line: inout ByteBuffer) {
        if !style.isJournal {
            time.appendTimestamp(to: &line)
            line.append(" ")
        }
        line.append(event.level.rawValue)
        line.append(" ")
        line.appendEscaped(event.message.description.utf8.span, .unicode, quotes: false)
        for (key, value) in pairs(of: event) {
            line.append(" ")
            line.appendEscaped(key.utf8.span, .unicode)
            line.append("=")
            let isPlain = !value.isEmpty && value.utf8.allSatisfy { $0 > 32 && $0 != 34 && $0 != 61 }
            if isPlain {
                line.appendEscaped(value.utf8.span, .unicode)
            } else {
                line.appendQuoted(value.utf8.span, .unicode)
            }
        }
    }

    private func formatJSON(_ event: LogEvent, _ time: WallTime, _ line: inout ByteBuffer) {
        line.beginObject()
        if !style.isJournal { line.member("time", time) }
        line.member("level", event.level.rawValue)
        line.member("message", event.message.description)
        let pairs = pairs(of: event)
        if !pairs.isEmpty {
            line.beginObject("metadata")
            for (key, value) in pairs { line.member(key, value) }
            line.endObject()
        }
        line.endObject()
    }

    /// Metadata of logger, provider and event, the later ones winning, in alphabetical order.
    private func pairs(of event: LogEvent) -> [(String, String)] {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let own = event.metadata { all.merge(own) { $1 } }
        if let error = event.error { all["error"] = "\(error)" }
        return all.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
    }
}

extension Logger.Level {
    /// The severity of RFC 5424 as the journal reads it.
    fileprivate var priority: String {
        switch self {
        case .trace, .debug: "7"
        case .info: "6"
        case .notice: "5"
        case .warning: "4"
        case .error: "3"
        case .critical: "2"
        }
    }
}
