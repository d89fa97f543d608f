/// What one worker of the process has to do, so that it is seen how evenly they share it.
public struct WorkerLoad: Sendable, Equatable {
    /// Client connections and upstream connections now.
    public var clients = 0
    public var upstreams = 0
    /// Requests since start.
    public var requests = 0

    /// Nothing.
    public init(clients: Int = 0, upstreams: Int = 0, requests: Int = 0) {
        self.clients = clients
        self.upstreams = upstreams
        self.requests = requests
    }
}
