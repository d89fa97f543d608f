import Basics
import Dialling
import HTTPWire

/// Whom the admin server answers. It knows no passwords: who may connect is decided by its address or its file's
/// permissions. What is left is the browser of somebody who may connect, led here by another's page.
struct AdminGuard: Equatable {
    /// Names under which it may be asked beside `localhost` and IP addresses, in lower case.
    var names: Set<String> = []
    /// Whether orders are taken at all.
    var takesOrders = true
    /// Whether it is reached by the path of a Unix socket, as no browser does; the name asked for then says nothing.
    var isUnixSocket = false

    /// Why a request under this name is not answered; nil where it is. By DNS rebinding a page of another origin
    /// comes under its own name, which leads to an address of ours; it cannot come under an address.
    ///
    /// - Parameter host: Without brackets and port.
    func objection(toName host: Span<UInt8>, isIPv6Literal: Bool) -> String? {
        if isUnixSocket || isIPv6Literal || AddressText.ipv4(host) != nil { return nil }
        let name = String(decoding: host).lowercased()
        if name == "localhost" || names.contains(name) { return nil }
        return "asked under the name \(name); use an address or localhost, or add it to admin_hosts"
    }

    /// Why an order is not taken; nil where it is. A page of another origin can send a POST without asking; its
    /// browser says so in Sec-Fetch-Site, an older one in Origin, and neither is for scripts to set.
    func objection(toOrder bytes: Span<UInt8>, _ fields: FieldTable) -> (status: UInt16, reason: String)? {
        if !takesOrders { return (403, "no orders are taken here: admin_orders is off") }
        // Whoever makes weir itself, or another proxy, carry a request here was not let in by address or file.
        if fields.first(.via) != nil { return (403, "orders are not taken through a proxy") }
        let length = fields.first(.contentLength).map { String(decoding: bytes.extracting($0.value.range)) }
        if fields.first(.transferEncoding) != nil || (length ?? "0") != "0" {
            return (413, "an order has no content; its parameters are in the query")
        }
        if let site = Self.value(of: "sec-fetch-site", bytes, fields) {
            return site == "same-origin" ? nil : (403, "a page of another origin gives no orders here")
        }
        guard let origin = Self.value(of: "origin", bytes, fields) else { return nil }
        let host = fields.first(.host).map { String(decoding: bytes.extracting($0.value.range)) } ?? ""
        let isOwn = ["http://", "https://"].contains { origin.lowercased() == $0 + host.lowercased() }
        return isOwn ? nil : (403, "a page of another origin gives no orders here")
    }

    /// The value of a field, whose name is given in lower case.
    private static func value(of name: String, _ bytes: Span<UInt8>, _ fields: FieldTable) -> String? {
        for index in 0..<fields.count
        where ASCII.equalsIgnoringCase(bytes.extracting(fields[index].name.range), name) {
            return String(decoding: bytes.extracting(fields[index].value.range))
        }
        return nil
    }
}
