import Testing

@testable import Settings

/// A host with room for every default.
let roomyHost = HostFacts(descriptorLimit: 20_000, ephemeralPorts: 32768...60999)

/// Loads from texts, as `weir run` does from files and flags.
func load(
    yaml: String? = nil,
    environment: [(String, String)] = [],
    set overrides: [(String, String)] = [],
    on facts: HostFacts = roomyHost
) throws(SettingsError) -> LoadedSettings {
    try LoadedSettings.load(
        file: yaml.map { SettingsFile(path: "weir.yaml", text: Array($0.utf8)) },
        environment: environment.map { EnvironmentVariable($0.0, $0.1) },
        overrides: overrides.map { SettingOverride(key: $0.0, value: $0.1, flag: "--set") },
        facts: facts
    )
}

/// The lines of the refusal; empty, and a failed test, where the settings are accepted.
func refusal(
    yaml: String? = nil,
    environment: [(String, String)] = [],
    set overrides: [(String, String)] = [],
    on facts: HostFacts = roomyHost
) -> [String] {
    do {
        _ = try load(yaml: yaml, environment: environment, set: overrides, on: facts)
        Issue.record("accepted")
        return []
    } catch {
        return error.complaints.map(\.description)
    }
}

/// A file that holds one setting.
func fileText(_ key: String, _ value: String) -> String {
    guard let dot = key.firstIndex(of: ".") else { return "\(key): \(value)\n" }
    return "\(key[..<dot]):\n  \(key[key.index(after: dot)...]): \(value)\n"
}
