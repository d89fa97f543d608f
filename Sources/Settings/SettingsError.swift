/// One thing that is wrong with the settings.
public struct SettingComplaint: Sendable, Equatable, CustomStringConvertible {
    /// Where it is wrong; nil where nobody gave it (a host too small for weir).
    public let provenance: Provenance?
    /// The setting concerned, or nil where the trouble is not about one.
    public let key: String?
    /// What is wrong and what would be right.
    public let problem: String

    init(at provenance: Provenance?, key: String? = nil, _ problem: String) {
        self.provenance = provenance
        self.key = key
        self.problem = problem
    }

    /// `weir.yaml:12:5: upstream.idle_timeout: '30' has no unit; write 30s or 500ms`.
    public var description: String {
        [provenance?.place, key, problem].compactMap { $0 }.joined(separator: ": ")
    }
}

/// Why settings were refused: everything that is wrong, not only the first.
public struct SettingsError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Never empty; file first, then environment, flags and combinations.
    public let complaints: [SettingComplaint]

    /// One complaint a line.
    public var description: String {
        complaints.map(\.description).joined(separator: "\n")
    }
}
