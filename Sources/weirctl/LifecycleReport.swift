/// What `/status` says of reloads and upgrades.
struct LifecycleReport: Decodable, Equatable {
    struct Process: Decodable, Equatable {
        var reloads: Int
        var reloadsRefused: Int
    }

    struct Lifecycle: Decodable, Equatable {
        var generation: Int
        var reloadError: String?
        var settingsChanged: Int
        var needsRestart: [String]
        var upgradesFailed: Int
        var upgradeError: String?
    }

    var pid: Int
    var state: String
    var process: Process
    var lifecycle: Lifecycle

    /// Reads the JSON of `/status`.
    static func read(_ content: [UInt8]) throws(AdminError) -> LifecycleReport {
        try AdminJSON.read(content, as: "a status")
    }

    /// How the reload ended that was asked for after `former` was read; nil while it has not.
    func reload(since former: LifecycleReport) -> LifecycleOutcome? {
        if pid != former.pid {
            return .failed("another process serves by now; it has read the settings at its start")
        }
        if process.reloadsRefused > former.process.reloadsRefused {
            return .failed(lifecycle.reloadError ?? "the settings were refused")
        }
        guard process.reloads > former.process.reloads else { return nil }
        let changed = lifecycle.settingsChanged
        var text = "settings reloaded: \(changed == 1 ? "1 change" : "\(changed) changes")"
        if !lifecycle.needsRestart.isEmpty {
            text += "; needs a restart or an upgrade: \(lifecycle.needsRestart.joined(separator: ", "))"
        }
        return .done(text)
    }

    /// How the upgrade ended that was asked for after `former` was read; nil while it has not.
    func upgrade(since former: LifecycleReport) -> LifecycleOutcome? {
        if lifecycle.generation > former.lifecycle.generation {
            return .done(
                "upgraded: process \(pid) serves (generation \(lifecycle.generation)), process \(former.pid) finishes"
            )
        }
        if pid != former.pid { return .failed("process \(former.pid) ended, and another one was started") }
        guard lifecycle.upgradesFailed > former.lifecycle.upgradesFailed else { return nil }
        return .failed(lifecycle.upgradeError ?? "the new process did not take over")
    }
}

/// How what was asked for ended, in words for people.
enum LifecycleOutcome: Equatable {
    case done(String)
    case failed(String)
}
