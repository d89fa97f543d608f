/// Where the value of a setting came from.
public enum Provenance: Sendable, Equatable, CustomStringConvertible {
    /// Nobody gave it.
    case defaultValue
    /// Nobody gave it, and the default was lowered to fit what was given or what the host can carry.
    case adapted(default: String, to: String)
    /// The settings file; line and column count from 1.
    case file(path: String, line: Int, column: Int)
    /// An environment variable.
    case environment(String)
    /// A flag of the command line, such as `--set`.
    case flag(String)

    /// Whether an operator gave the value.
    public var isExplicit: Bool {
        switch self {
        case .defaultValue, .adapted: false
        case .file, .environment, .flag: true
        }
    }

    /// For people: `default`, `file weir.yaml:12:5`, `environment WEIR_LISTEN`, `flag --listen`.
    public var description: String {
        switch self {
        case .defaultValue: "default"
        case .adapted(let text, let reason): "default \(text), adapted to \(reason)"
        case .file: "file \(place)"
        case .environment: "environment \(place)"
        case .flag: "flag \(place)"
        }
    }

    /// What an error message begins with: `weir.yaml:12:5`, `WEIR_LISTEN`, `--listen`.
    var place: String {
        switch self {
        case .defaultValue, .adapted: "default"
        case .file(let path, let line, let column): "\(path):\(line):\(column)"
        case .environment(let name): name
        case .flag(let name): name
        }
    }
}
