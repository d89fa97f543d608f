import Glibc

/// Shows one page after the other on standard output: in place on a terminal, else divided by empty lines.
struct Screen {
    private var isFirst = true

    /// Whether the page was taken; if not, nobody reads any more.
    mutating func show(_ page: String) -> Bool {
        let divider = isFirst ? "" : "\n"
        isFirst = false
        guard isatty(StandardStream.output.rawValue) == 1 else {
            return StandardStream.output.write(divider + page)
        }
        return StandardStream.output.write("\u{1B}[H\u{1B}[2J" + Self.fitted(page, to: Self.size()))
    }

    /// The lines of a page that a window has room for, so that its beginning stays in sight; the last one
    /// says how many are left out. Lines that are longer than the window is wide take several of its rows.
    static func fitted(_ page: String, to size: (rows: Int, columns: Int)?) -> String {
        guard let size, size.rows > 1, size.columns > 0 else { return page }
        let lines = page.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        let heights = lines.map { max(1, ($0.count + size.columns - 1) / size.columns) }
        // The cursor stands in the row below the last line.
        if heights.reduce(0, +) < size.rows { return page }
        var room = size.rows - 2
        let shown = zip(lines, heights).prefix { _, height in
            room -= height
            return room >= 0
        }
        let rest = "… \(lines.count - shown.count) more lines\n"
        return shown.map { "\($0.0)\n" }.joined() + rest
    }

    /// The size of the terminal's window, where it is known.
    static func size() -> (rows: Int, columns: Int)? {
        // The members of struct winsize: Swift finds that one in a module of its own or in the C library's,
        // by what else is imported.
        var window: (rows: UInt16, columns: UInt16, width: UInt16, height: UInt16) = (0, 0, 0, 0)
        guard ioctl(StandardStream.output.rawValue, UInt(TIOCGWINSZ), &window) == 0 else { return nil }
        return (Int(window.rows), Int(window.columns))
    }
}

/// Lets the process do nothing for a while.
enum Pause {
    static func wait(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        var wanted = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
        var left = timespec()
        while nanosleep(&wanted, &left) != 0 && errno == EINTR { wanted = left }
    }
}

/// What Ctrl-C does.
enum Interrupt {
    /// From now on it ends the process with status 0: for a command that goes on until somebody ends it.
    static func endsQuietly() {
        signal(SIGINT) { _ in _exit(0) }
    }
}
