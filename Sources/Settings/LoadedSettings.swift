/// Settings in force, with where each came from.
public struct LoadedSettings: Sendable, Equatable {
    /// The settings, fitted to the host.
    public let settings: Settings
    private let origins: [String: Provenance]

    init(settings: Settings, origins: [String: Provenance]) {
        self.settings = settings
        self.origins = origins
    }

    /// Reads and judges everything: flag beats environment beats file beats default.
    ///
    /// - Parameters:
    ///   - path: the settings file, or nil for none (then `WEIR_CONFIG` names it, if set).
    ///   - environment: variables; those that do not begin with `WEIR_` are ignored.
    ///   - overrides: what the command line gives, in its order.
    ///   - facts: what the host allows.
    /// - Throws: `SettingsError` with all that is wrong.
    public static func load(
        path: String?,
        environment: [EnvironmentVariable],
        overrides: [SettingOverride],
        facts: HostFacts
    ) throws(SettingsError) -> LoadedSettings {
        let path = path ?? environment.first { $0.name == SettingTable.configVariable }?.value
        guard let path else {
            return try load(file: nil, environment: environment, overrides: overrides, facts: facts)
        }
        switch SettingsFile.read(path) {
        case .success(let file):
            return try load(file: file, environment: environment, overrides: overrides, facts: facts)
        case .failure(let error):
            throw error
        }
    }

    /// The same with the file read already.
    static func load(
        file: SettingsFile?,
        environment: [EnvironmentVariable] = [],
        overrides: [SettingOverride] = [],
        facts: HostFacts
    ) throws(SettingsError) -> LoadedSettings {
        let sources = SettingsSources(file: file, environment: environment, overrides: overrides)
        var complaints = sources.complaints
        var settings = SettingTable.statedDefaults
        var origins: [String: Provenance] = [:]
        var refused: Set<String> = []
        // Weakest first, so the last one stands. A value that a stronger source hides is judged all the same:
        // it is wrong, and would surface on the day the stronger one is removed.
        for (key, value) in sources.values {
            guard let row = SettingTable.byKey[key] else { continue }
            do throws(ValueProblem) {
                try row.assign(value, &settings)
                origins[key] = value.provenance
            } catch {
                refused.insert(key)
                complaints.append(
                    SettingComplaint(at: error.provenance ?? value.provenance, key: key, error.problem)
                )
            }
        }
        var fitting = Fitting(settings: settings, origins: origins, facts: facts, refused: refused)
        fitting.fit()
        complaints += fitting.complaints
        if let path = fitting.settings.access.usersFile {
            let file = UsersFile.read(path, named: origins["access.users_file"])
            fitting.settings.access.users = file.hashes
            complaints += file.complaints
        }
        guard complaints.isEmpty else { throw SettingsError(complaints: inOrder(complaints)) }
        return LoadedSettings(settings: fitting.settings, origins: fitting.origins)
    }

    /// File complaints by line, then the others as they came.
    private static func inOrder(_ complaints: [SettingComplaint]) -> [SettingComplaint] {
        let placed = complaints.enumerated().map { index, complaint in
            if case .file(_, let line, let column) = complaint.provenance {
                return (rank: (line, column, index), complaint: complaint)
            }
            return (rank: (Int.max, 0, index), complaint: complaint)
        }
        return placed.sorted { $0.rank < $1.rank }.map(\.complaint)
    }

    /// Where the value of a setting came from.
    public func provenance(of key: String) -> Provenance {
        origins[key] ?? .defaultValue
    }

    /// The value of a setting in canonical text, or nil where there is no such key.
    public func text(of key: String) -> String? {
        SettingTable.byKey[key]?.text(settings)
    }

    /// Every setting with value and source, one a line: `upstream.idle_timeout = 60s  # default`.
    public func describeAll() -> String {
        let lines = SettingTable.rows.map { row in
            (text: "\(row.key) = \(shownValue(row))", source: provenance(of: row.key).description)
        }
        let width = lines.map(\.text.count).max() ?? 0
        return lines.map { line in
            let padding = String(repeating: " ", count: width - line.text.count)
            return "\(line.text)\(padding)  # \(line.source)\n"
        }.joined()
    }

    /// The canonical text, and for `auto` what it came to.
    private func shownValue(_ row: Setting) -> String {
        let text = row.text(settings)
        guard text == "auto" else { return text }
        let counts = [
            "client.max_connections": settings.client.maxConnections.count,
            "upstream.max_connections": settings.upstream.maxConnections.count,
            "redirect.mark": settings.redirect.mark.count,
        ]
        return counts[row.key].map { "auto (\($0))" } ?? text
    }

    /// What changed since `earlier`, in the order of the table.
    public func changes(since earlier: LoadedSettings) -> [SettingChange] {
        SettingTable.rows.compactMap { row in
            let (before, after) = (earlier.shownValue(row), shownValue(row))
            guard before != after else { return nil }
            return SettingChange(key: row.key, before: before, after: after, reloadable: row.reloadable)
        }
    }
}

/// A setting that differs between two readings of the settings.
public struct SettingChange: Sendable, Equatable {
    /// The key.
    public let key: String
    /// The canonical text of the former value.
    public let before: String
    /// The canonical text of the new value.
    public let after: String
    /// Whether SIGHUP applies the change; otherwise it takes a restart or an upgrade.
    public let reloadable: Bool
}

extension Settings {
    /// The defaults, fitted to a host.
    ///
    /// - Throws: `SettingsError` where the host allows too few descriptors to run at all.
    public static func defaults(for facts: HostFacts) throws(SettingsError) -> Settings {
        try LoadedSettings.load(file: nil, facts: facts).settings
    }
}
