internal import Glibc

/// The system's log (syslog(3), and so the journal), for a process that has no terminal and no service manager.
public enum SystemLog {
    /// Writes a line, as a notice of a daemon's with this program's name.
    public static func write(_ line: String) {
        line.withCString { text in
            withVaList([text]) { vsyslog(LOG_DAEMON | LOG_NOTICE, "%s", $0) }
        }
    }
}
