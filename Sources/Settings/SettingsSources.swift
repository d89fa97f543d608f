/// One setting given on the command line.
public struct SettingOverride: Sendable, Equatable {
    /// The key, such as `upstream.idle_timeout`.
    public var key: String
    /// The value as written.
    public var value: String
    /// The flag that gave it, for messages: `--set`, `--listen`, `--admin`.
    public var flag: String

    /// States all three.
    public init(key: String, value: String, flag: String) {
        self.key = key
        self.value = value
        self.flag = flag
    }
}

/// Values from everywhere, weakest source first, not yet judged; and complaints about names.
struct SettingsSources {
    private(set) var values: [(key: String, value: RawValue)] = []
    private(set) var complaints: [SettingComplaint] = []

    init(file: SettingsFile?, environment: [EnvironmentVariable], overrides: [SettingOverride]) {
        if let file {
            values += file.values
            complaints += file.complaints
        }
        addEnvironment(environment)
        addOverrides(overrides)
    }

    private mutating func addEnvironment(_ variables: [EnvironmentVariable]) {
        let rows = Dictionary(uniqueKeysWithValues: SettingTable.rows.map { ($0.environmentName, $0) })
        // The order of an environment means nothing; messages should come out the same every time.
        for variable in variables.sorted(by: { $0.name < $1.name }) {
            guard variable.name.hasPrefix(SettingTable.environmentPrefix),
                variable.name != SettingTable.configVariable, !isServiceLink(variable.name)
            else { continue }
            let provenance = Provenance.environment(printable(variable.name))
            guard let row = rows[variable.name] else {
                let known = SettingTable.rows.map(\.environmentName) + [SettingTable.configVariable]
                let guess = didYouMean(nearest(to: variable.name.uppercased(), among: known))
                complaints.append(SettingComplaint(at: provenance, "no setting has this variable\(guess)"))
                continue
            }
            add(row, RawValue(variable.value, at: provenance))
        }
    }

    private mutating func addOverrides(_ overrides: [SettingOverride]) {
        var given: [String: [SettingOverride]] = [:]
        var order: [String] = []
        for override in overrides {
            if given[override.key] == nil { order.append(override.key) }
            given[override.key, default: []].append(override)
        }
        for key in order {
            let uses = given[key] ?? []
            guard let first = uses.first else { continue }
            let provenance = Provenance.flag(first.flag)
            guard let row = SettingTable.byKey[key] else {
                let guess = didYouMean(suggestedKeys(for: key, among: SettingTable.keys))
                complaints.append(
                    SettingComplaint(at: provenance, key: printable(key), "unknown setting\(guess)")
                )
                continue
            }
            if uses.count == 1 {
                add(row, RawValue(first.value, at: provenance))
            } else if row.takesList {
                let items = uses.flatMap { RawValue($0.value, at: .flag($0.flag)).listed }
                add(row, RawValue(sequence: items, at: provenance))
            } else {
                let values = listing(uses.map { quoted($0.value) }, last: "and")
                complaints.append(
                    SettingComplaint(at: provenance, key: key, "given more than once: \(values)")
                )
            }
        }
    }

    private mutating func add(_ row: Setting, _ value: RawValue) {
        if !value.isSequence, trimmed(value.items.first?.text ?? "").isEmpty {
            let problem = "has no value; write \(row.defaultText) (the default) or leave it out"
            complaints.append(SettingComplaint(at: value.provenance, key: row.key, problem))
        } else {
            values.append((row.key, value))
        }
    }
}

/// Whether Kubernetes or Docker set the variable for a service that happens to be called weir or
/// weir-something.
///
/// They give each container variables such as `WEIR_SERVICE_HOST`, `WEIR_SERVICE_PORT_PROXY`, `WEIR_PORT` and
/// `WEIR_PORT_3128_TCP_ADDR`. To refuse them would keep weir from starting in such a cluster.
private func isServiceLink(_ name: String) -> Bool {
    let parts = name.split(separator: "_").dropFirst()
    if parts.last == "PORT" || parts.suffix(2) == ["SERVICE", "HOST"] { return true }
    return zip(parts, parts.dropFirst()).contains { first, second in
        (first == "SERVICE" && second == "PORT") || (first == "PORT" && UInt16(second) != nil)
    }
}

/// A name from outside, safe to print on one line.
func printable(_ name: String) -> String {
    String(quoted(name).dropFirst().dropLast())
}
