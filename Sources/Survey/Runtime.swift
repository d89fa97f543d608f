public import Telemetry

/// What an app is made with, as far as its program tells.
public enum Runtime: String, Sendable, CaseIterable {
    case go, python, node, java, curl, ruby, dotnet, php, other

    /// Files mapped into a process that tell it, where the program's name does not.
    public static let libraries = [
        "libjvm.so", "libpython", "libnode", "libcoreclr", "libruby", "libcurl",
    ]

    /// Recognises it.
    ///
    /// - Parameters:
    ///   - program: the path or name of the program, where that is known.
    ///   - isGo: whether its file was made by Go.
    ///   - libraries: those of ``libraries`` that are mapped.
    public static func recognise(program: String?, isGo: Bool, libraries: Set<String>) -> Runtime {
        if isGo { return .go }
        let path = program.map { $0.hasSuffix(" (deleted)") ? String($0.dropLast(10)) : $0 } ?? ""
        let name = (path.split(separator: "/").last.map(String.init) ?? "").lowercased()
        let programs: [(String, Runtime)] = [
            ("python", .python), ("pypy", .python), ("uwsgi", .python), ("gunicorn", .python),
            ("node", .node), ("java", .java), ("curl", .curl), ("ruby", .ruby), ("puma", .ruby),
            ("dotnet", .dotnet), ("php", .php),
        ]
        if let found = programs.first(where: { name.hasPrefix($0.0) }) { return found.1 }
        let marks: [(String, Runtime)] = [
            ("libjvm.so", .java), ("libpython", .python), ("libnode", .node), ("libcoreclr", .dotnet),
            ("libruby", .ruby), ("libcurl", .curl),
        ]
        return marks.first { libraries.contains($0.0) }?.1 ?? .other
    }

    /// As people write it.
    public var name: String {
        switch self {
        case .go: "Go"
        case .python: "Python"
        case .node: "Node"
        case .java: "Java"
        case .curl: "curl"
        case .ruby: "Ruby"
        case .dotnet: ".NET"
        case .php: "PHP"
        case .other: "this program"
        }
    }

    /// What its developers have to change about a leak.
    public var remedy: Remedy {
        switch self {
        case .go: .go
        case .python: .pythonOther
        case .node: .node
        case .java: .java
        case .curl: .curl
        case .ruby: .ruby
        case .dotnet: .dotnet
        case .php: .php
        case .other: .other
        }
    }
}
