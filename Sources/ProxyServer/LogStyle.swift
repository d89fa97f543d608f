import Logging
import Settings
import Synchronization

/// How operational lines are written, shared by every logger, so that a reload reaches them all.
final class LogStyle: Sendable {
    private struct Choice {
        var level: Logger.Level
        var format: Settings.LogFormat
    }

    private let choice: Mutex<Choice>
    /// Whether the lines go to the journal, which adds the time itself and wants to be told the priority.
    let isJournal: Bool

    /// The style that the settings ask for, on a descriptor that may belong to the journal.
    init(_ settings: Settings.Log, isJournal: Bool) {
        choice = Mutex(Choice(level: settings.level.loggerLevel, format: settings.format))
        self.isJournal = isJournal
    }

    /// Least severe level that is written.
    var level: Logger.Level {
        get { choice.withLock { $0.level } }
        set { choice.withLock { $0.level = newValue } }
    }
    /// Text or JSON.
    var format: Settings.LogFormat { choice.withLock { $0.format } }

    /// Takes over other settings.
    func reconfigure(_ settings: Settings.Log) {
        choice.withLock { $0 = Choice(level: settings.level.loggerLevel, format: settings.format) }
    }
}

extension Settings.LogLevel {
    /// The same level in the words of swift-log.
    var loggerLevel: Logger.Level {
        switch self {
        case .debug: .debug
        case .info: .info
        case .warning: .warning
        case .error: .error
        }
    }
}
