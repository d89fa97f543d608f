import Basics
import Foundation
import ProxyCore
import Testing

@testable import Telemetry

@Suite("History")
struct HistoryTests {
    private struct Page: Decodable {
        struct Lane: Decodable {
            var step: Int
            var entries: [[Int]]
        }

        var columns: [String]
        var fine: Lane
        var coarse: Lane
    }

    private func sample(_ clients: Int, requests: Int = 0, failures: Int = 0, _ durations: [Int] = [])
        -> HistorySample
    {
        var sample = HistorySample()
        sample.clients = clients
        sample.requests = requests
        sample.failures = failures
        sample.durations = durations
        return sample
    }

    private func read(_ history: History, at seconds: Int = 0) throws -> Page {
        let text = Fixture.text { history.write(at: .seconds(seconds), startedAt: Fixture.time, to: &$0) }
        return try JSONDecoder().decode(Page.self, from: Data(text.utf8))
    }

    private func column(_ name: String, _ page: Page, _ lane: KeyPath<Page, Page.Lane>) throws -> [Int] {
        let index = try #require(page.columns.firstIndex(of: name))
        return page[keyPath: lane].entries.map { $0[index] }
    }

    @Test("a step shows the most that there was, and how much happened in it")
    func step() throws {
        var history = History()
        history.note(sample(1, requests: 10), at: .milliseconds(100))
        history.note(sample(9, requests: 14), at: .milliseconds(900))
        history.note(sample(4, requests: 15, failures: 2), at: .milliseconds(1900))
        history.note(sample(3, requests: 20, failures: 2), at: .milliseconds(2100))
        let page = try read(history)
        #expect(page.fine.step == 2 && page.coarse.step == 120)
        #expect(try column("second", page, \.fine) == [0, 2])
        #expect(try column("clients", page, \.fine) == [9, 3])
        #expect(try column("requests", page, \.fine) == [5, 5])
        #expect(try column("failures", page, \.fine) == [2, 0])
        #expect(try column("clients", page, \.coarse) == [9])
        #expect(try column("requests", page, \.coarse) == [10])
    }

    @Test("a time in which nothing happened takes one entry, with what there was at its beginning")
    func silence() throws {
        var history = History()
        history.note(sample(100, requests: 50), at: .seconds(1))
        history.note(sample(7, requests: 60), at: .milliseconds(1500))
        history.note(sample(8, requests: 61), at: .seconds(3600))
        let page = try read(history)
        #expect(try column("second", page, \.coarse) == [0, 120, 3600])
        #expect(try column("clients", page, \.coarse) == [100, 7, 8])
        #expect(try column("requests", page, \.coarse) == [10, 0, 1])
        // Of three minutes nothing is left but what lasted.
        #expect(try column("clients", page, \.fine) == [7, 8])
    }

    @Test("durations become the bounds of half and of 99 in 100")
    func durations() throws {
        var history = History()
        history.note(sample(0, [5, 5, 5, 5]), at: .zero)
        history.note(sample(0, [5, 65, 43, 7]), at: .seconds(1))
        history.note(sample(0, [5, 65, 43, 7]), at: .seconds(2))
        let page = try read(history)
        // 60, 38 and 2 of a hundred.
        #expect(try column("median_bucket", page, \.fine) == [1, -1])
        #expect(try column("slow_bucket", page, \.fine) == [3, -1])
    }

    @Test("a day of work takes no more than its rings, and the newest stay")
    func bound() throws {
        var history = History()
        for second in stride(from: 0, to: 3 * 86_400, by: 7) {
            history.note(sample(second), at: .seconds(second))
        }
        let page = try read(history)
        #expect(page.fine.entries.count == 91 && page.coarse.entries.count == 721)
        let seconds = try column("second", page, \.coarse)
        #expect(seconds == seconds.sorted() && seconds.last == 3 * 86_400 - 120)
        #expect(try column("clients", page, \.coarse).last == 3 * 86_400 - 4)
        #expect(MemoryLayout<HistoryEntry>.stride == 44)
        #expect(history.bytes.most == 810 * 44)
        let text = Fixture.text { history.write(at: .seconds(3 * 86_400), startedAt: Fixture.time, to: &$0) }
        #expect(text.utf8.count < 100_000)
    }

    @Test("nothing is kept before something happened, and a clock that stands still does no harm")
    func empty() throws {
        var history = History()
        #expect(history.bytes.now == 0)
        #expect(try read(history).fine.entries.isEmpty)
        history.note(sample(2), at: .seconds(5))
        history.note(sample(1), at: .seconds(5))
        #expect(try column("clients", try read(history), \.fine) == [2])
    }

    @Test("what is a failure: every cause but those by which things end as they should")
    func failures() {
        var statistics = EngineStatistics()
        for cause in Cause.allCases { statistics.outcomes[Int(cause.rawValue)] = 1 }
        #expect(statistics.failures == Cause.allCases.count - 7)
        #expect(!Cause.completed.isFailure && !Cause.clientGone.isFailure && Cause.connectRefused.isFailure)
    }
}
