internal import CAres
internal import CLibevent

extension EventLoop {
    /// The version of libevent in use, such as "2.1.12-stable".
    public static var libraryVersion: String { String(cString: event_get_version()) }
}

extension Resolver {
    /// The version of c-ares in use.
    public static var libraryVersion: String { String(cString: ares_version(nil)) }
}
