import Reactor

/// The versions of the system libraries in use.
public enum LibraryVersions {
    /// Each with its name as the label of a metric.
    static var all: [(name: String, value: String)] {
        [("libevent", EventLoop.libraryVersion), ("c_ares", Resolver.libraryVersion)]
    }

    /// "libevent 2.1.12-stable, c-ares 1.18.1".
    public static var text: String {
        "libevent \(EventLoop.libraryVersion), c-ares \(Resolver.libraryVersion)"
    }
}
