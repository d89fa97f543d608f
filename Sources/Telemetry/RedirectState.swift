/// What rules that redirect connections to this process have to know of it, and whether it takes any.
public struct RedirectState: Sendable, Equatable {
    /// Where redirected connections are taken, as `address:port`; empty where none are.
    public var listen: [String]
    /// SO_MARK of the sockets that the process opens; 0 where they are not marked.
    public var mark: UInt32
    /// The user that it runs as.
    public var user: UInt32
    /// Its control group in the unified hierarchy, such as `/system.slice/weir.service`; nil where there is
    /// none.
    public var controlGroup: String?
    /// Connections that were refused: not redirected, meant for the process itself, or its own.
    public var refused: Int

    /// Puts it together; nothing is taken unless `listen` says so.
    public init(
        listen: [String] = [],
        mark: UInt32 = 0,
        user: UInt32 = 0,
        controlGroup: String? = nil,
        refused: Int = 0
    ) {
        self.listen = listen
        self.mark = mark
        self.user = user
        self.controlGroup = controlGroup
        self.refused = refused
    }
}
