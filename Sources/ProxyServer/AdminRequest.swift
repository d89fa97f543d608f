import Basics
import HTTPWire
import Reactor

/// A page of the admin server.
enum AdminPage: String, CaseIterable {
    case health = "/healthz"
    case metrics = "/metrics"
    case status = "/status"
    case leaks = "/leaks"

    /// The page at a path, a query left aside.
    fileprivate init?(_ path: Span<UInt8>) {
        var end = 0
        while end < path.count && path[end] != UInt8(ascii: "?") { end += 1 }
        // Paths are case-sensitive (RFC 9110 §4.2.3).
        for page in Self.allCases where Self.equal(page.rawValue.utf8.span, path.extracting(0..<end)) {
            self = page
            return
        }
        return nil
    }

    private static func equal(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
        if left.count != right.count { return false }
        for index in left.indices where left[index] != right[index] { return false }
        return true
    }
}

/// What the admin server makes of the bytes that came.
enum AdminRequest: Equatable {
    /// The head has not ended yet.
    case incomplete
    /// A page, with or without its content.
    case page(AdminPage, isHead: Bool)
    /// Nothing that is served here, with a status and one line that says why.
    case refused(UInt16, String)

    /// Largest head in bytes.
    static let headSize = 4096
    private static let limits = HeadLimits(headSize: headSize, fields: 64, uriSize: 1024)

    /// Reads a request from all bytes that came so far.
    ///
    /// - Parameters:
    ///   - scanned: how far an earlier call has looked; 0 at first.
    ///   - fields: any table; overwritten.
    static func read(_ bytes: Span<UInt8>, scanned: inout Int, fields: inout FieldTable) -> AdminRequest {
        do throws(WireError) {
            let parsed = try HeadParser.parseRequest(
                bytes,
                scanned: &scanned,
                limits: limits,
                fields: &fields
            )
            guard let head = parsed else { return .incomplete }
            _ = try RequestTarget.checkHost(bytes, head, fields)
            let target = try RequestTarget.parse(bytes, head: head)
            return judge(head.method, target, bytes)
        } catch {
            return .refused(error.status, error.reason)
        }
    }

    private static func judge(_ method: Method, _ target: RequestTarget, _ bytes: Span<UInt8>) -> AdminRequest
    {
        guard target.form == .origin || target.form == .absolute else {
            return .refused(405, "this is the admin server of weir, not the proxy")
        }
        guard let page = AdminPage(bytes.extracting(target.path.range)) else {
            let pages = AdminPage.allCases.map(\.rawValue).joined(separator: ", ")
            return .refused(404, "no such page; there are \(pages)")
        }
        switch method {
        case .get: return .page(page, isHead: false)
        case .head: return .page(page, isHead: true)
        default: return .refused(405, "only GET and HEAD are served here")
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
    mutating func read() -> AdminRequest {
        var looked = scanned
        var fields = FieldTable()
        defer { scanned = looked }
        return AdminRequest.read(bytes.span.extracting(0..<count), scanned: &looked, fields: &fields)
    }
}
