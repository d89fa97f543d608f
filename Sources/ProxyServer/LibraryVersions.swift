import Reactor

/// The versions of the system libraries in use.
public enum LibraryVersions {
    /// "libevent 2.1.12-stable, c-ares 1.18.1".
    public static var text: String {
        "libevent \(EventLoop.libraryVersion), c-ares \(Resolver.libraryVersion)"
    }
}
