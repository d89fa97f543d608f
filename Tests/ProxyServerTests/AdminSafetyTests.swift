import Basics
import Glibc
import HTTPWire
import Reactor
import Settings
import Testing

@testable import ProxyServer

@Suite("Admin server: whom it answers, and what it does", .serialized)
struct AdminSafetyTests {
    private func read(_ text: String, _ guardian: AdminGuard = AdminGuard()) -> AdminRequest {
        var scanned = 0
        var fields = FieldTable()
        return AdminRequest.read(text.utf8.span, guardian, scanned: &scanned, fields: &fields)
    }

    private func status(_ request: AdminRequest) -> UInt16? {
        if case .refused(let status, _, _) = request { status } else { nil }
    }

    private func order(_ path: String, _ fields: String = "", _ guardian: AdminGuard = AdminGuard())
        -> AdminRequest
    {
        read("POST \(path) HTTP/1.1\r\nHost: 127.0.0.1:9128\r\n\(fields)\r\n", guardian)
    }

    @Test(
        "it is asked under addresses, localhost, and the names that were given",
        arguments: [
            "127.0.0.1", "127.0.0.1:9128", "192.0.2.7:80", "[::1]:9128", "[2001:db8::1]", "localhost",
            "LocalHost:9128", "weir.example", "Weir.Example:9128",
        ]
    )
    func goodName(host: String) {
        let request = read(
            "GET /healthz HTTP/1.1\r\nHost: \(host)\r\n\r\n",
            AdminGuard(names: ["weir.example"])
        )
        #expect(request == .page(.health, isHead: false))
    }

    @Test(
        "under no other name, be it in Host or in the target",
        arguments: [
            ("/metrics", "evil.example"), ("/metrics", "localhost.evil.example"),
            ("/metrics", "127.0.0.1.nip.io"),
            ("/metrics", "a127.0.0.1"), ("/metrics", "127.1"), ("/metrics", "0x7f000001"), ("/metrics", ""),
            ("http://evil.example/metrics", "127.0.0.1"), ("http://127.0.0.1/metrics", "evil.example"),
            ("/page.js", "localhost."),
        ]
    )
    func badName(target: String, host: String) {
        #expect(status(read("GET \(target) HTTP/1.1\r\nHost: \(host)\r\n\r\n")) == 421)
        #expect(status(read("POST /drain HTTP/1.1\r\nHost: evil.example\r\n\r\n")) == 421)
    }

    @Test("a Unix socket has no name that a page could take, and HTTP/1.0 may come without")
    func noName() {
        let unix = AdminGuard(isUnixSocket: true)
        #expect(read("GET / HTTP/1.1\r\nHost: weir\r\n\r\n", unix) == .page(.page, isHead: false))
        #expect(read("GET /leaks HTTP/1.0\r\n\r\n") == .page(.leaks, isHead: false))
    }

    @Test("each order is read with its parameters")
    func orders() {
        #expect(order("/drain") == .order(.drain))
        #expect(order("/resume") == .order(.resume))
        #expect(order("/log-level?level=debug") == .order(.logLevel(.debug)))
        let origin = AdminRequest.order(.closeIdle(host: "api.example", port: 443))
        #expect(order("/origins/close-idle?origin=api.example:443") == origin)
        #expect(order("/origins/close-idle?origin=api.example%3A443") == origin)
        let literal = AdminRequest.order(.closeIdle(host: "2001:db8::1", port: 80))
        #expect(order("/origins/close-idle?origin=%5B2001:db8::1%5D:80") == literal)
        #expect(order("/origins/close-idle?origin=[2001:db8::1]:80") == literal)
    }

    @Test(
        "what an order does not understand, it refuses",
        arguments: [
            "/drain?now", "/resume?x=1", "/log-level", "/log-level?level=", "/log-level?level=loud",
            "/log-level?level=debug&level=info", "/log-level?level=debug&x=1", "/origins/close-idle",
            "/origins/close-idle?origin=api.example", "/origins/close-idle?origin=a:0",
            "/origins/close-idle?origin=a:99999", "/origins/close-idle?host=a:80",
        ]
    )
    func badOrder(path: String) {
        #expect(status(order(path)) == 400)
    }

    @Test("an order is not a page, and a page no order")
    func methods() {
        for path in ["/drain", "/resume", "/log-level?level=debug", "/origins/close-idle?origin=a:80"] {
            for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post"] {
                let request = read("\(method) \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(
                    request == .refused(405, "only POST is served here", allow: "POST"),
                    "\(method) \(path)"
                )
            }
        }
        let page = read("POST /status HTTP/1.1\r\nHost: localhost\r\n\r\n")
        #expect(page == .refused(405, "only GET, HEAD is served here", allow: "GET, HEAD"))
    }

    @Test(
        "a page of another origin gives no orders",
        arguments: [
            ("Sec-Fetch-Site: cross-site\r\n", true), ("sec-fetch-site: same-site\r\n", true),
            ("Sec-Fetch-Site: none\r\n", true), ("Sec-Fetch-Site: same-origin\r\n", false),
            ("Origin: http://evil.example\r\n", true), ("Origin: null\r\n", true), ("Origin: \r\n", true),
            ("Origin: http://127.0.0.1:3000\r\n", true), ("Origin: http://127.0.0.1:9128\r\n", false),
            ("Origin: http://127.0.0.1:9128\r\nSec-Fetch-Site: cross-site\r\n", true),
            ("Via: 1.1 weir\r\n", true), ("", false),
        ]
    )
    func crossSite(fields: String, isRefused: Bool) {
        #expect(status(order("/drain", fields)) == (isRefused ? 403 : nil))
    }

    @Test("an order has no content, and none is taken where that is so set")
    func content() {
        #expect(order("/drain", "Content-Length: 0\r\n") == .order(.drain))
        #expect(status(order("/drain", "Content-Length: 5\r\n")) == 413)
        #expect(status(order("/drain", "Transfer-Encoding: chunked\r\n")) == 413)
        #expect(status(order("/drain", "", AdminGuard(takesOrders: false))) == 403)
    }

    @Test("an order is carried out once, and refusals carry out none")
    func carriedOut() throws {
        let world = try AdminWorld()
        let done = try world.ask("POST /drain HTTP/1.1\r\nHost: admin\r\n\r\n")
        #expect(done.hasPrefix("HTTP/1.1 200 ") && done.hasSuffix("\r\n\r\ndone\n"))
        #expect(try world.ask("POST /drain HTTP/1.1\r\nHost: other\r\n\r\n").hasPrefix("HTTP/1.1 421 "))
        let large = "POST /drain HTTP/1.1\r\nHost: admin\r\nContent-Length: 100\r\n\r\n"
        #expect(try world.ask(large + String(repeating: "x", count: 100)).hasPrefix("HTTP/1.1 413 "))
        #expect(world.pages.orders == [.drain])
    }

    @Test("every answer forbids what the page does not need, and allows no other origin to read it")
    func fields() throws {
        let world = try AdminWorld()
        for path in ["/", "/page.js", "/page.css", "/status", "/nothing"] {
            let answer = try world.ask("GET \(path) HTTP/1.1\r\nHost: admin\r\nOrigin: http://x\r\n\r\n")
            #expect(
                answer.contains("\r\nContent-Security-Policy: default-src 'none'; script-src 'self';"),
                "\(path)"
            )
            #expect(!answer.contains("unsafe-") && answer.contains("frame-ancestors 'none'"))
            #expect(answer.contains("\r\nX-Content-Type-Options: nosniff\r\n"))
            #expect(!answer.lowercased().contains("access-control-"))
        }
    }

    @Test("the page is served with its parts, and holds no script or style of its own")
    func page() throws {
        let world = try AdminWorld()
        let page = try world.ask("GET / HTTP/1.1\r\nHost: admin\r\n\r\n")
        #expect(page.contains("\r\nContent-Type: text/html; charset=utf-8\r\n"))
        #expect(page.contains("<script src=\"/page.js\" defer></script>") && !page.contains("style=\""))
        #expect(page.split(separator: "<script").count == 2 && !page.contains("<style"))
        let script = try world.ask("GET /page.js HTTP/1.1\r\nHost: admin\r\n\r\n")
        #expect(script.contains("\r\nContent-Type: text/javascript; charset=utf-8\r\n"))
        for sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("] {
            #expect(!script.contains(sink), "\(sink)")
        }
        let style = try world.ask("GET /page.css HTTP/1.1\r\nHost: admin\r\n\r\n")
        #expect(style.contains("\r\nContent-Type: text/css; charset=utf-8\r\n"))
        #expect(!style.contains("@import") && !style.contains("url("))
    }
}
