import ProxyServer

/// What `--version` says.
enum BuildInformation {
    /// The released version, after semver.org.
    static let version = "0.1.0"

    /// One line: version and the libraries it runs on.
    static var text: String { "weir \(version) (\(LibraryVersions.text))" }
}
