import ArgumentParser
import Basics
import Glibc
import Reactor

/// `weirctl top`: what a running weir is doing, live.
struct TopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Shows what a running weir is doing, live.",
        discussion: "Keys are shown at the bottom, h explains the columns. NO_COLOR is heeded."
    )

    @OptionGroup var weir: AdminOptions

    func run() throws {
        guard let terminal = TerminalMode() else {
            StandardStream.error.write("weirctl: top needs a terminal; weir status and weir leaks do not\n")
            throw ExitCode.failure
        }
        // One answer before the screen is taken, so that a wrong address is told as one line.
        let (first, place) = try weir.ask { place throws(AdminError) in
            (try TopReport.read(AdminClient(place).get("/overview")), place)
        }
        let session: TopSession
        do {
            session = try TopSession(terminal, place, first)
        } catch {
            StandardStream.error.write("weirctl: \(error)\n")
            throw ExitCode.failure
        }
        session.run()
    }
}

/// The life of `weirctl top` on a terminal: keys, signals and the clock come in, pictures go out.
private final class TopSession {
    private let loop: EventLoop
    private let terminal: TerminalMode
    private let place: AdminPlace
    private var view = TopView()
    private var report: TopReport
    private var former: TopReport?
    private var problem: String?
    private var keys: DescriptorWatch?
    private var timer: LoopTimer?
    private var signals: [SignalWatch] = []
    private let usesColor = getenv("NO_COLOR") == nil

    init(_ terminal: TerminalMode, _ place: AdminPlace, _ first: TopReport) throws(SystemError) {
        loop = try EventLoop()
        self.terminal = terminal
        self.place = place
        report = first
        timer = LoopTimer(loop: loop) { [unowned self] in tick() }
        keys = DescriptorWatch(loop: loop, descriptor: STDIN_FILENO) { [unowned self] _, _ in pressed() }
        SignalWatch.ignore(SIGPIPE)
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            signals.append(SignalWatch(loop: loop, signal: number) { [unowned self] in loop.stop() })
        }
        signals.append(SignalWatch(loop: loop, signal: SIGWINCH) { [unowned self] in draw() })
        signals.append(SignalWatch(loop: loop, signal: SIGTSTP) { [unowned self] in suspend() })
    }

    func run() {
        terminal.enter()
        keys?.setReading(true)
        // The first rates come soon.
        timer?.arm(at: loop.now + .seconds(1))
        draw()
        loop.run()
        keys?.invalidate()
        terminal.leave()
    }

    private func tick() {
        if !view.isPaused { ask() }
        timer?.arm(at: loop.now + Interval(nanoseconds: Int64(view.period * 1e9)))
        draw()
    }

    private func ask() {
        do throws(AdminError) {
            let next = try TopReport.read(AdminClient(place).get("/overview"))
            former = report
            report = next
            problem = nil
        } catch {
            problem = error.description
        }
    }

    private func pressed() {
        guard let pressed = terminal.keys() else { return loop.stop() }
        for key in pressed {
            switch view.press(key) {
            case .none: break
            case .redraw: draw()
            case .ask:
                ask()
                draw()
            case .quit: return loop.stop()
            }
        }
    }

    /// Ctrl-Z: the shell gets its terminal as it was; `fg` brings the picture back.
    private func suspend() {
        terminal.leave()
        raise(SIGSTOP)
        terminal.enter()
        draw()
    }

    private func draw() {
        let page = TopPage(
            report: report,
            rates: TopRates(from: former, to: report),
            view: view,
            problem: problem,
            usesColor: usesColor
        )
        let size = terminal.size
        if !terminal.draw(page.lines(rows: size.rows, columns: size.columns)) { loop.stop() }
    }
}
