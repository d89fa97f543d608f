import Basics
import Dialling
import Glibc
import Reactor
import Redirection

/// What weir says of how it takes redirected traffic.
struct InterceptorReport: Decodable, Equatable {
    struct Redirect: Decodable, Equatable {
        var listen: [String]
        var mark: UInt32
        var uid: UInt32
        var cgroup: String?
        var pid: Int32
    }

    /// Missing where weir is older than redirection.
    var redirect: Redirect?

    static func read(_ content: [UInt8]) throws(AdminError) -> InterceptorReport {
        try AdminJSON.read(content, as: "a status")
    }
}

/// A weir that takes redirected connections now.
struct FoundInterceptor: Equatable {
    var interceptor: Interceptor
    var pid: Int32
}

/// Finds out whether connections can be led to weir, and what its own are known by.
struct InterceptorInquiry {
    let admin: AdminPlace

    /// - Throws: one line, where weir does not answer, does not listen for redirected traffic, or does not
    ///   accept what it says it listens for.
    func find() throws(RedirectionError) -> FoundInterceptor {
        let report: InterceptorReport
        do throws(AdminError) {
            report = try InterceptorReport.read(AdminClient(admin).get("/status"))
        } catch {
            throw RedirectionError("weir at \(admin): \(error.description)")
        }
        guard let redirect = report.redirect, !redirect.listen.isEmpty else {
            throw RedirectionError(
                "weir at \(admin) does not listen for redirected traffic; set redirect.listen: on"
            )
        }
        var listen: [Endpoint] = []
        for text in redirect.listen {
            guard let endpoint = Self.endpoint(text) else {
                throw RedirectionError(
                    "weir at \(admin) listens at '\(Printable.text(text))', which is no address"
                )
            }
            listen.append(endpoint)
        }
        for endpoint in listen { try Self.probe(endpoint) }
        var interceptor = Interceptor(
            listen: listen,
            mark: redirect.mark == 0 ? nil : redirect.mark,
            uid: redirect.uid,
            group: redirect.cgroup
        )
        interceptor.ownListeners = ownListeners(of: redirect)
        return FoundInterceptor(interceptor: interceptor, pid: redirect.pid)
    }

    /// `127.0.0.1:3129` or `[::1]:3129`.
    static func endpoint(_ text: String) -> Endpoint? {
        guard let place = AdminAddress(text), let address = Endpoint.Address(literal: place.host) else {
            return nil
        }
        return Endpoint(address: address, port: place.port)
    }

    /// Connects, and goes away again.
    private static func probe(_ endpoint: Endpoint) throws(RedirectionError) {
        let refusal = "weir says that it listens at \(endpoint) for redirected traffic, but"
        switch Sockets.openStream(to: Interceptor.reachable(endpoint)) {
        case .failure(let error): throw RedirectionError("\(refusal) nobody can connect there: \(error)")
        case .success(let descriptor):
            // A reset leaves nothing for weir to refuse, and so nothing in its log.
            defer { Sockets.closeWithReset(descriptor) }
            var polled = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard poll(&polled, 1, 2000) > 0 else {
                throw RedirectionError("\(refusal) does not answer there")
            }
            // weir accepted and was quick to refuse what was not redirected: it is there.
            let accepted: Set<Int32> = [0, ECONNRESET, ENOTCONN, EPIPE]
            let code = Sockets.connectResult(descriptor)
            if !accepted.contains(code) {
                throw RedirectionError("\(refusal) there: \(SystemError.text(of: code))")
            }
        }
    }

    /// Everything that weir listens on: by its process where its descriptors may be read, otherwise by user and
    /// control group where these are its own.
    private func ownListeners(of weir: InterceptorReport.Redirect) -> [Endpoint] {
        var listeners: [(endpoint: Endpoint, report: SocketReport)] = []
        let filter = SocketFilter(states: [.listening])
        _ = try? SocketDiagnostics.forEachTCP(filter, limit: 10_000) { listeners.append(($0, $2)) }
        let search = ProcessTable.find(Set(listeners.map(\.report.inode)))
        if let own = search.findings.first(where: { $0.pid == weir.pid }) {
            return listeners.filter { own.inodes.contains($0.report.inode) }.map(\.endpoint)
        }
        guard let path = weir.cgroup, path != "/", let group = ControlGroups()?.id(of: path) else {
            return []
        }
        return listeners.filter { $0.report.uid == weir.uid && $0.report.cgroup == group }.map(\.endpoint)
    }
}
