import Basics
import HTTPWire
import Reactor

/// What the admin server makes of the bytes that came.
enum AdminRequest: Equatable {
    /// The head has not ended yet.
    case incomplete
    /// A page, with or without its content.
    case page(AdminPage, isHead: Bool)
    /// Something to do.
    case order(AdminOrder)
    /// Nothing that is served here, with a status and one line that says why.
    case refused(UInt16, String, allow: String? = nil)

    /// Largest head in bytes; a browser sends one of some 700.
    static let headSize = 8192
    private static let limits = HeadLimits(headSize: headSize, fields: 64, uriSize: 2048)

    /// Reads a request from all bytes that came so far.
    ///
    /// - Parameters:
    ///   - guardian: whom to answer.
    ///   - scanned: how far an earlier call has looked; 0 at first.
    ///   - fields: any table; overwritten.
    static func read(
        _ bytes: Span<UInt8>,
        _ guardian: AdminGuard,
        scanned: inout Int,
        fields: inout FieldTable
    ) -> AdminRequest {
        do throws(WireError) {
            let parsed = try HeadParser.parseRequest(
                bytes,
                scanned: &scanned,
                limits: limits,
                fields: &fields
            )
            guard let head = parsed else { return .incomplete }
            let host = try RequestTarget.checkHost(bytes, head, fields)
            let target = try RequestTarget.parse(bytes, head: head)
            guard target.form == .origin || target.form == .absolute else {
                return .refused(
                    405,
                    "this is the admin server of weir, not the proxy",
                    allow: "GET, HEAD, POST"
                )
            }
            if let reason = try objection(bytes, host, target, guardian) { return .refused(421, reason) }
            return judge(head.method, target, bytes, fields, guardian)
        } catch {
            return .refused(error.status, error.reason)
        }
    }

    /// The target's name counts as well as Host's: it is what the client meant, be it only said in one of them.
    private static func objection(
        _ bytes: Span<UInt8>,
        _ host: ByteRange?,
        _ target: RequestTarget,
        _ guardian: AdminGuard
    ) throws(WireError) -> String? {
        if target.form == .absolute,
            let reason = guardian.objection(
                toName: bytes.extracting(target.host.range),
                isIPv6Literal: target.hostIsIPv6Literal
            )
        {
            return reason
        }
        // Only HTTP/1.0 comes without, and no browser speaks it.
        guard let host else { return nil }
        if host.isEmpty { return guardian.objection(toName: Span(), isIPv6Literal: false) }
        let (name, isIPv6Literal, _) = try RequestTarget.parseAuthority(bytes, host, defaultPort: 80)
        return guardian.objection(toName: bytes.extracting(name.range), isIPv6Literal: isIPv6Literal)
    }

    private static func judge(
        _ method: Method,
        _ target: RequestTarget,
        _ bytes: Span<UInt8>,
        _ fields: FieldTable,
        _ guardian: AdminGuard
    ) -> AdminRequest {
        let whole = String(decoding: bytes.extracting(target.path.range))
        let parts = whole.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = parts[0].isEmpty ? "/" : String(parts[0])
        guard let route = AdminRoute(path) else {
            return .refused(404, "no such page; there are \(AdminRoute.list)")
        }
        switch (route, method) {
        case (.page(let page), .get): return .page(page, isHead: false)
        case (.page(let page), .head): return .page(page, isHead: true)
        case (.order(let order), .post):
            if let (status, reason) = guardian.objection(toOrder: bytes, fields) {
                return .refused(status, reason)
            }
            do throws(OrderProblem) {
                return .order(
                    try AdminOrder(order, query: AdminQuery(parts.count > 1 ? String(parts[1]) : ""))
                )
            } catch {
                return .refused(400, error.reason)
            }
        default:
            return .refused(405, "only \(route.methods) is served here", allow: route.methods)
        }
    }
}

/// Collects one request's head from a socket.
struct AdminRequestReader {
    private var bytes = [UInt8](repeating: 0, count: AdminRequest.headSize)
    private var count = 0
    private var scanned = 0

    /// Reads once, as much as a head may still have.
    mutating func receive(from descriptor: Int32) -> ReadResult {
        let start = count
        var whole = bytes.mutableSpan
        var room = whole._mutatingExtracting(start..<AdminRequest.headSize)
        let result = Sockets.receive(descriptor, into: &room)
        if case .bytes(let received) = result { count += received }
        return result
    }

    /// What has come so far. A head that fills all room is never incomplete.
    mutating func read(_ guardian: AdminGuard) -> AdminRequest {
        var looked = scanned
        var fields = FieldTable()
        defer { scanned = looked }
        return AdminRequest.read(
            bytes.span.extracting(0..<count),
            guardian,
            scanned: &looked,
            fields: &fields
        )
    }
}
