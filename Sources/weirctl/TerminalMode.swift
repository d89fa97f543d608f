import Glibc

/// A terminal that is drawn on as a whole and tells each key: on the alternate screen, without echo, and as it
/// was before once that is over.
final class TerminalMode {
    private var former = termios()
    private var isEntered = false

    /// Nil where standard input or output is no terminal.
    init?() {
        guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1, tcgetattr(STDIN_FILENO, &former) == 0
        else { return nil }
    }

    deinit { leave() }

    /// Takes the terminal. Ctrl-C and Ctrl-Z stay signals.
    func enter() {
        if isEntered { return }
        isEntered = true
        var mode = former
        mode.c_lflag &= ~tcflag_t(ICANON | ECHO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &mode)
        // The alternate screen, and no cursor.
        StandardStream.output.write("\u{1B}[?1049h\u{1B}[?25l")
    }

    /// Gives it back.
    func leave() {
        if !isEntered { return }
        isEntered = false
        StandardStream.output.write("\u{1B}[0m\u{1B}[?25h\u{1B}[?1049l")
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &former)
    }

    /// Keys that were pressed; nil at the end of the input.
    func keys() -> [String]? {
        var room = [UInt8](repeating: 0, count: 256)
        let count = read(STDIN_FILENO, &room, room.count)
        if count < 0 { return errno == EINTR || errno == EAGAIN ? [] : nil }
        return count == 0 ? nil : TopKeys.read(Array(room[..<count]))
    }

    /// Draws a whole picture in one write, so that nothing flickers.
    func draw(_ lines: [String]) -> Bool {
        let body = lines.map { "\($0)\u{1B}[K" }.joined(separator: "\r\n")
        return StandardStream.output.write("\u{1B}[H\(body)\u{1B}[J")
    }

    /// Rows and columns.
    var size: (rows: Int, columns: Int) {
        guard let size = Screen.size(), size.rows > 0, size.columns > 0 else { return (24, 80) }
        return size
    }
}
