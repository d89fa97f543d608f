public import Dialling
internal import Glibc

extension Sockets {
    /// Reads `192.0.2.1:80`, `[2001:db8::1]:80` or `[fe80::1%eth0]:80`. Names are not looked up.
    ///
    /// - Returns: nil where the text is no numeric address and decimal port of 0 to 65535.
    public static func parse(_ text: some StringProtocol) -> Endpoint? {
        guard let colon = text.lastIndex(of: ":"), let port = port(text[text.index(after: colon)...])
        else { return nil }
        let host = text[..<colon]
        if host.first == "[", host.last == "]" {
            guard let address = parseAddress(host.dropFirst().dropLast()), case .v6 = address
            else { return nil }
            return Endpoint(address: address, port: port)
        }
        guard let address = parseAddress(host), case .v4 = address else { return nil }
        return Endpoint(address: address, port: port)
    }

    /// Reads an IP address without brackets or port: `192.0.2.1`, `2001:db8::1`, `fe80::1%2`.
    public static func parseAddress(_ text: some StringProtocol) -> Endpoint.Address? {
        // inet_pton(3) reads a C string: what follows a NUL would silently be ignored.
        if text.utf8.contains(0) { return nil }
        var v4 = in_addr()
        if inet_pton(AF_INET, String(text), &v4) == 1 { return .v4(UInt32(bigEndian: v4.s_addr)) }

        let percent = text.firstIndex(of: "%")
        var v6 = in6_addr()
        guard inet_pton(AF_INET6, String(text[..<(percent ?? text.endIndex)]), &v6) == 1 else { return nil }
        guard let percent else { return v6.address(scope: 0) }
        let scope = String(text[text.index(after: percent)...])
        let index = UInt32(scope) ?? if_nametoindex(scope)
        return index == 0 ? nil : v6.address(scope: index)
    }

    private static func port(_ text: some StringProtocol) -> UInt16? {
        // UInt16(_:) would take a sign.
        let isDecimal = text.utf8.allSatisfy { $0 >= 48 && $0 <= 57 }
        return isDecimal && text.utf8.count <= 5 ? UInt16(text) : nil
    }
}
