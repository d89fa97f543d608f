import ProxyServer
import Reactor

/// What `--version` says.
enum BuildInformation {
    /// The released version, after semver.org.
    static var version: String { BuildStamp.version }

    /// One line: version, commit, compiler and the libraries it runs on.
    static var text: String { "weir \(BuildStamp.text(LibraryVersions.text))" }
}
