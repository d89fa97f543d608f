internal import CBuildStamp

/// Which program this is: what `--version` says of the build. The libraries it runs on are in `LibraryVersions`.
public enum BuildStamp {
    /// The released version, after semver.org. This is the one place: the package and the manual read it here.
    public static let version = "0.1.0"

    /// The commit it was built from, with `-dirty` where files had changed since; nil where nobody told the build.
    public static var commit: String? { told(weir_build_commit) }

    /// The version of the Swift compiler and of the runtime linked in; nil where nobody told the build.
    public static var swift: String? { told(weir_build_swift) }

    /// "0.1.0 (commit 0123456789ab, Swift 6.3.1)": the version, and what else is known in brackets.
    ///
    /// - Parameter libraries: what to add, such as "libevent 2.1.12-stable".
    public static func text(_ libraries: String...) -> String {
        let compiler = swift.map { ["Swift \($0)"] } ?? []
        let known = ["commit \(commit ?? "unknown")"] + compiler + libraries
        return "\(version) (\(known.joined(separator: ", ")))"
    }

    private static func told(_ text: UnsafePointer<CChar>?) -> String? {
        let text = text.map { String(cString: $0) } ?? ""
        return text.isEmpty ? nil : text
    }
}
