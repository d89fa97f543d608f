import Testing

@testable import weirctl

@Suite("Outcomes of reloads and upgrades")
struct LifecycleReportTests {
    private let before = LifecycleReport(
        pid: 42,
        state: "running",
        process: LifecycleReport.Process(reloads: 3, reloadsRefused: 1),
        lifecycle: LifecycleReport.Lifecycle(
            generation: 1,
            reloadError: "an old one",
            settingsChanged: 2,
            needsRestart: [],
            upgradesFailed: 1,
            upgradeError: "an old one"
        )
    )

    @Test("the page is read")
    func page() throws {
        let json = """
            {"pid":42,"state":"running","process":{"reloads":3,"reloads_refused":1,"new":1},
            "lifecycle":{"generation":1,"reload_error":"an old one","settings_changed":2,"needs_restart":[],
            "upgrading":false,"upgrades_failed":1,"upgrade_error":"an old one"}}
            """
        #expect(try LifecycleReport.read(Array(json.utf8)) == before)
    }

    @Test("a reload is done, refused, or not over yet")
    func reload() {
        #expect(before.reload(since: before) == nil)
        var now = before
        now.process.reloads = 4
        #expect(now.reload(since: before) == .done("settings reloaded: 2 changes"))
        now.lifecycle.settingsChanged = 1
        now.lifecycle.needsRestart = ["redirect.mark"]
        #expect(
            now.reload(since: before)
                == .done("settings reloaded: 1 change; needs a restart or an upgrade: redirect.mark")
        )
        now = before
        now.process.reloadsRefused = 2
        now.lifecycle.reloadError = "bad"
        #expect(now.reload(since: before) == .failed("bad"))
    }

    @Test("an upgrade is done, failed, or not over yet; another process alone is none")
    func upgrade() {
        #expect(before.upgrade(since: before) == nil)
        var now = before
        now.pid = 43
        #expect(now.upgrade(since: before) == .failed("process 42 ended, and another one was started"))
        now.lifecycle.generation = 2
        #expect(
            now.upgrade(since: before)
                == .done("upgraded: process 43 serves (generation 2), process 42 finishes")
        )
        now = before
        now.lifecycle.upgradesFailed = 2
        now.lifecycle.upgradeError = "bad"
        #expect(now.upgrade(since: before) == .failed("bad"))
    }
}
