/// One row of the table of settings: everything weir knows about one key.
struct Setting: Sendable {
    /// The key in files, flags and messages, such as `upstream.idle_timeout`.
    let key: String
    /// What may be written, for people.
    let form: String
    /// Whether a list may be written, so that a flag can be repeated and a file can hold a sequence.
    let takesList: Bool
    /// The default, in canonical form.
    let defaultText: String
    /// What the setting does, for people; the first sentence stands alone.
    let help: String
    /// Whether SIGHUP applies a change to the running process.
    let reloadable: Bool
    /// Parses a value and stores it; stores nothing where it is refused.
    let assign: @Sendable (RawValue, inout Settings) throws(ValueProblem) -> Void
    /// The canonical text of the value in force.
    let text: @Sendable (Settings) -> String

    init<Value>(
        _ key: String,
        _ grammar: ValueGrammar<Value>,
        _ field: any WritableKeyPath<Settings, Value> & Sendable,
        default defaultText: String,
        reloadable: Bool = true,
        _ help: String
    ) {
        self.key = key
        form = grammar.form
        takesList = grammar.takesList
        self.defaultText = defaultText
        self.help = help
        self.reloadable = reloadable
        assign = { raw, settings throws(ValueProblem) in settings[keyPath: field] = try grammar.parse(raw) }
        text = { settings in grammar.format(settings[keyPath: field]) }
    }

    /// The section, or nil for a setting of the top level.
    var section: String? {
        key.firstIndex(of: ".").map { String(key[..<$0]) }
    }

    /// The key within its section.
    var name: String {
        key.firstIndex(of: ".").map { String(key[key.index(after: $0)...]) } ?? key
    }

    /// The environment variable, such as `WEIR_UPSTREAM_IDLE_TIMEOUT`.
    var environmentName: String {
        SettingTable.environmentPrefix + key.uppercased().split(separator: ".").joined(separator: "_")
    }
}

/// A setting as documentation and help show it.
public struct SettingDescription: Sendable, Equatable {
    /// The key, such as `upstream.idle_timeout`.
    public let key: String
    /// The environment variable.
    public let environmentName: String
    /// What may be written.
    public let form: String
    /// The default.
    public let defaultText: String
    /// What it does.
    public let help: String
    /// Whether SIGHUP applies a change.
    public let reloadable: Bool
}
