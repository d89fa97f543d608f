import Basics
import ProxyCore
import Reactor
import Settings
import Telemetry

/// Writes one line per ended exchange or tunnel.
final class AccessLog {
    private let writer: LogWriter
    private var line = ByteBuffer(capacity: 512)
    /// Text or JSON.
    var format: Settings.LogFormat

    init(_ writer: LogWriter, _ format: Settings.LogFormat) {
        self.writer = writer
        self.format = format
    }

    /// Writes the line of a record whose text lies in `outbox`.
    func write(_ record: AccessRecord, _ outbox: ByteBuffer, client: Peer) {
        line.removeAll()
        let text = outbox.span.extracting(record.textOffset..<record.textOffset + record.textCount)
        let end = record.textOffset + record.textCount
        let original = outbox.span.extracting(end..<end + record.originalCount)
        let time = WallClock.now
        switch format {
        case .text:
            AccessRecordFormat.appendText(
                record,
                text: text,
                client: client.description,
                original: original,
                at: time,
                to: &line
            )
        case .json:
            AccessRecordFormat.appendJSON(
                record,
                text: text,
                client: client.description,
                original: original,
                at: time,
                to: &line
            )
        }
        writer.write(line)
    }
}
