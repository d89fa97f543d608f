import ArgumentParser
import Testing

@testable import weirctl

@Suite("Leaks command")
struct LeaksCommandTests {
    private func command(_ arguments: String...) throws -> LeaksCommand {
        try LeaksCommand.parse(arguments)
    }

    @Test("watching takes a number of seconds, or two")
    func watch() throws {
        #expect(try command().watch == nil)
        #expect(try command("--watch").watch?.duration == .seconds(2))
        #expect(try command("--watch", "0.5").watch?.duration == .milliseconds(500))
        #expect(try command("--watch=10", "--json").watch?.duration == .seconds(10))
        #expect(try command("--watch", "10", "--json").watch?.duration == .seconds(10))
        let both = try command("--watch", "--all")
        #expect(both.watch?.duration == .seconds(2) && both.all)
        #expect(try command("--admin", "[::1]:9").weir.admin == "[::1]:9")
    }

    @Test(
        "arguments that make no sense are refused with status 64",
        arguments: [
            ["--watch", "0"], ["--watch=-1"], ["--watch", "nan"], ["--watch", "inf"], ["--watch", "1e9"],
            ["--watch", "often"], ["--watch=often"], ["--watch", "-5"],
            ["--admin", "localhost"], ["payments"],
        ]
    )
    func refused(arguments: [String]) {
        #expect {
            try LeaksCommand.parse(arguments)
        } throws: { error in
            LeaksCommand.exitCode(for: error).rawValue == 64
        }
    }

    @Test("the help names the exit statuses")
    func help() {
        let text = LeaksCommand.helpMessage(columns: 200)
        #expect(
            text.contains("0 when nothing leaks") && text.contains("3 when") && text.contains("1 when weir")
        )
    }

    /// Answers from a list, the last one for ever, and counts.
    private struct Script {
        var answers: [String]
        var asked = 0
        var waited: [Duration] = []

        mutating func next() -> [UInt8] {
            asked += 1
            return Array(answers[min(asked, answers.count) - 1].utf8)
        }

        mutating func inquire() throws -> LeaksInquiry {
            var copy = self
            defer { self = copy }
            var waits: [Duration] = []
            let inquiry = try LeaksInquiry(get: { copy.next() }, wait: { waits.append($0) })
            copy.waited = waits
            return inquiry
        }
    }

    private static let pending = LeaksFixture.answer([], pending: true)
    private static let known = LeaksFixture.answer([LeaksFixture.owner("leaking")])

    @Test("weir is asked again while it looks for processes")
    func asksAgain() throws {
        var script = Script(answers: [Self.pending, Self.pending, Self.known])
        let inquiry = try script.inquire()
        #expect(script.asked == 3)
        #expect(script.waited == [.milliseconds(200), .milliseconds(200)])
        #expect(inquiry.content == Array(Self.known.utf8))
        #expect(inquiry.report.hasLeak)
    }

    @Test("weir is asked once if it knows the processes, and six times at most")
    func asksInBounds() throws {
        var script = Script(answers: [Self.known])
        _ = try script.inquire()
        #expect(script.asked == 1)
        script = Script(answers: [Self.pending])
        let inquiry = try script.inquire()
        #expect(script.asked == 6)
        #expect(inquiry.report.processesPending && !inquiry.report.hasLeak)
    }

    @Test("a failure in between is a failure")
    func fails() {
        var script = Script(answers: [Self.pending, "nothing"])
        #expect(throws: AdminError.self) { try script.inquire() }
    }
}

@Suite("Screen")
struct ScreenTests {
    private static let page = (1...5).map { "line \($0)\n" }.joined()

    @Test(
        "a page that has room in the window is shown whole, as is one whose window is unknown",
        arguments: [(6, 6), (0, 0), (1, 80), (24, 80)]
    )
    func whole(rows: Int, columns: Int) {
        #expect(Screen.fitted(Self.page, to: (rows, columns)) == Self.page)
        #expect(Screen.fitted(Self.page, to: nil) == Self.page)
    }

    @Test("of a page that has none, the beginning is shown")
    func cut() {
        #expect(Screen.fitted(Self.page, to: (5, 80)) == "line 1\nline 2\nline 3\n… 2 more lines\n")
        #expect(Screen.fitted(Self.page, to: (2, 80)) == "… 5 more lines\n")
    }

    @Test("a line that is wider than the window takes several rows of it")
    func wrapped() {
        #expect(Screen.fitted(Self.page, to: (6, 5)) == "line 1\nline 2\n… 3 more lines\n")
    }
}
