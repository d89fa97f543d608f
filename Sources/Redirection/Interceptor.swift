public import Dialling

/// The weir that redirected connections are led to, and what its own connections are known by.
public struct Interceptor: Hashable, Sendable {
    /// Where it listens for redirected connections.
    public var listen: [Endpoint]
    /// The mark of its sockets; nil where it may not set one.
    public var mark: UInt32?
    /// The user it runs as; nil where nobody said.
    public var uid: UInt32?
    /// Its control group, from the root of the tree; nil where it has none or nobody said.
    public var group: String?
    /// Everything that it listens on: connections to these are meant for weir and stay as they are.
    public var ownListeners: [Endpoint]

    /// Puts together what weir says of itself.
    public init(
        listen: [Endpoint],
        mark: UInt32? = nil,
        uid: UInt32? = nil,
        group: String? = nil,
        ownListeners: [Endpoint] = []
    ) {
        self.listen = listen
        self.mark = mark
        self.uid = uid
        self.group = group
        self.ownListeners = ownListeners
    }

    /// Where connections of a family go; nil where nobody listens for them, and they are not redirected.
    ///
    /// The loopback address is preferred: it is there whatever becomes of the interfaces.
    public func target(ipv4: Bool) -> Endpoint? {
        let own = listen.filter { $0.address.isIPv6 != ipv4 && $0.port != 0 }
        guard
            let chosen = own.first(where: { $0.address.isLoopback }) ?? own.first(where: {
                $0.address.isUnspecified
            })
                ?? own.first
        else { return nil }
        return Interceptor.reachable(chosen)
    }

    /// Where a listener is reached from this host: what listens everywhere does so on the loopback, too.
    public static func reachable(_ listener: Endpoint) -> Endpoint {
        Endpoint(address: listener.address.reachedLocally, port: listener.port)
    }
}

/// How weir's own connections are kept out of its own hands; without that each would come back for ever.
///
/// A mark tells them alone. A control group does unless the selected apps are in it too. The user is the last
/// resort: an app may run as the same one, and then would be left alone as well.
struct Exemptions: Hashable {
    var mark: UInt32?
    /// Before everything else.
    var group: String?
    /// Before control groups and users are looked at.
    var uidFirst: UInt32?
    /// Only before those are that everybody might be in.
    var uidLast: UInt32?

    init(of weir: Interceptor, from selectors: [Selector]) throws(RedirectionError) {
        mark = weir.mark
        let groups = selectors.compactMap { if case .group(let group) = $0 { group } else { nil } }
        let uids = selectors.compactMap { if case .uid(let uid) = $0 { uid } else { nil } }
        if let own = weir.group, own != "/",
            !groups.contains(where: { $0.path == own || $0.path.hasPrefix(own + "/") })
        {
            group = own
        }
        if mark == nil, group == nil {
            let mayBeSelected = groups.contains { group in weir.group.map(group.holds) ?? true }
            if mayBeSelected { uidFirst = weir.uid }
        }
        let isTold = mark != nil || group != nil
        if selectors.contains(where: \.mayBeAnybody), weir.uid != 0 || !isTold { uidLast = weir.uid }
        if let uid = weir.uid, uids.contains(uid) {
            guard isTold else {
                throw RedirectionError(
                    "weir itself runs as uid \(uid) and may not mark its sockets, so its own connections would come "
                        + "back to it: run weir as a user of its own, or select by control group"
                )
            }
            // Selected in so many words.
            (uidFirst, uidLast) = (nil, nil)
        }
        if !isTold, weir.uid == nil, !selectors.allSatisfy(\.isUser) {
            throw RedirectionError(
                "nothing tells weir's own connections, which would come back to it: say which uid or mark it has"
            )
        }
    }
}

extension Selector {
    /// Whether any user's process may be meant.
    fileprivate var mayBeAnybody: Bool {
        switch self {
        case .gid, .all: true
        case .group, .uid: false
        }
    }

    /// Whether it names a user, which is not weir's or weir's would have been found.
    fileprivate var isUser: Bool { if case .uid = self { true } else { false } }
}
