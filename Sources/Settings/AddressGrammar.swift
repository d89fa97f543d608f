extension ValueGrammar where Value == [NetworkEndpoint] {
    /// Addresses of name servers, port 53 unless given; the word `system` stands for none.
    static var nameServers: ValueGrammar {
        ValueGrammar(
            form: "system, or a list of address or address:port",
            takesList: true,
            parse: { raw throws(ValueProblem) in
                if raw.isSequence && raw.items.isEmpty { return [] }
                if !raw.isSequence && raw.items.first?.text == "system" { return [] }
                return try parseList(raw, emptyMeans: "write system or an address") {
                    text throws(ValueProblem) in
                    if let address = NumericAddress(withoutBrackets(text)) {
                        return NetworkEndpoint(address: address, port: 53)
                    }
                    do throws(ValueProblem) {
                        let endpoint = try parseEndpoint(text)
                        if endpoint.port != 0 { return endpoint }
                    } catch {
                        // What an endpoint lacks is not what is wrong here: the port may be left out.
                    }
                    throw ValueProblem(
                        "\(quoted(text)) is no server; write 192.0.2.53, 192.0.2.53:53 or system"
                    )
                }
            },
            format: { $0.isEmpty ? "system" : $0.map(\.description).joined(separator: ",") }
        )
    }
}

extension ValueGrammar where Value == [NumericAddress] {
    /// Addresses without port; the word `any` stands for none.
    static var sourceAddresses: ValueGrammar {
        ValueGrammar(
            form: "any, or a list of addresses",
            takesList: true,
            parse: { raw throws(ValueProblem) in
                if raw.isSequence && raw.items.isEmpty { return [] }
                if !raw.isSequence && raw.items.first?.text == "any" { return [] }
                return try parseList(raw, emptyMeans: "write any or an address") {
                    text throws(ValueProblem) in
                    if let address = NumericAddress(withoutBrackets(text)) { return address }
                    throw ValueProblem(
                        "\(quoted(text)) is not an IPv4 or IPv6 address (no port belongs here)"
                    )
                }
            },
            format: { $0.isEmpty ? "any" : $0.map(\.description).joined(separator: ",") }
        )
    }
}

extension ValueGrammar where Value == Settings.PortSet {
    /// `any`, or ports.
    static var ports: ValueGrammar {
        ValueGrammar(
            form: "any, or a list of ports",
            takesList: true,
            parse: { raw throws(ValueProblem) in
                if !raw.isSequence && raw.items.first?.text == "any" { return .any }
                let ports = try parseList(raw, emptyMeans: "write any or a port") {
                    text throws(ValueProblem) in
                    guard text.allSatisfy({ $0.isASCII && $0.isNumber }), let port = UInt16(text), port > 0
                    else {
                        throw ValueProblem(
                            "\(quoted(text)) is not a port from 1 to 65535; write any or 443,8443"
                        )
                    }
                    return port
                }
                return .only(ports)
            },
            format: { set in
                switch set {
                case .any: "any"
                case .only(let ports): ports.map(String.init).joined(separator: ",")
                }
            }
        )
    }
}

extension ValueGrammar where Value == ClosedRange<UInt16>? {
    /// `20000-29999`, or `auto` for nil.
    static var portRange: ValueGrammar {
        let form = "range of ports such as 20000-29999, or auto"
        return .scalar(form, format: { $0.map { "\($0.lowerBound)-\($0.upperBound)" } ?? "auto" }) {
            text throws(ValueProblem) in
            if text == "auto" { return nil }
            guard !text.isEmpty else { throw ValueProblem("has no value; write a \(form)") }
            let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { end in
                end.utf8.allSatisfy { (48...57).contains($0) } ? UInt16(end) : nil
            }
            guard ends.count == 2, let first = ends[0], let last = ends[1], first > 0, first <= last else {
                throw ValueProblem("\(quoted(text)) is no range of ports; write a \(form)")
            }
            return first...last
        }
    }
}

/// Parses every item, refuses an empty list and anything given twice.
func parseList<Item: Hashable>(
    _ raw: RawValue,
    emptyMeans right: String,
    _ parse: (String) throws(ValueProblem) -> Item
) throws(ValueProblem) -> [Item] {
    guard !raw.listed.isEmpty else { throw ValueProblem("the list is empty; \(right)") }
    var items: [Item] = []
    var seen: Set<Item> = []
    for item in raw.listed {
        let value: Item
        do throws(ValueProblem) {
            guard !item.text.isEmpty else { throw ValueProblem("an item of the list is empty; \(right)") }
            value = try parse(item.text)
        } catch {
            throw ValueProblem(error.problem, at: item.provenance)
        }
        guard seen.insert(value).inserted else {
            throw ValueProblem("\(quoted(item.text)) is in the list twice", at: item.provenance)
        }
        items.append(value)
    }
    return items
}

/// Parses `192.0.2.1:3128` or `[2001:db8::1]:3128`.
func parseEndpoint(_ text: String) throws(ValueProblem) -> NetworkEndpoint {
    guard !text.isEmpty else { throw ValueProblem("has no value; write something like 127.0.0.1:3128") }
    if let address = NumericAddress(withoutBrackets(text)) {
        let example = NetworkEndpoint(address: address, port: 3128)
        throw ValueProblem("\(quoted(text)) has no port; write something like \(example)")
    }
    guard let colon = text.lastIndex(of: ":") else {
        if text.allSatisfy({ $0.isASCII && $0.isNumber }) {
            throw ValueProblem("\(quoted(text)) has no address; write 127.0.0.1:\(text) or 0.0.0.0:\(text)")
        }
        throw ValueProblem("\(quoted(text)) is not address:port; write something like 127.0.0.1:3128")
    }
    let host = text[..<colon]
    let digits = text[text.index(after: colon)...]
    guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }), let port = UInt16(digits) else {
        throw ValueProblem("\(quoted(text)) has no port from 0 to 65535 behind its last colon")
    }
    if let address = NumericAddress(withoutBrackets(host)), address.isIPv6 == host.hasPrefix("[") {
        return NetworkEndpoint(address: address, port: port)
    }
    throw ValueProblem(hostProblem(host, port: port, in: text))
}

private func hostProblem(_ host: Substring, port: UInt16, in text: String) -> String {
    switch host {
    case "": "\(quoted(text)) has no address; write 127.0.0.1:\(port) or 0.0.0.0:\(port)"
    case "localhost": "\(quoted(text)) is a name; write the address, 127.0.0.1:\(port)"
    case "*": "\(quoted(text)) is not an address; write 0.0.0.0:\(port) or [::]:\(port)"
    default:
        NumericAddress(String(host)) != nil
            ? "\(quoted(text)) needs brackets; write [\(host)]:\(port)"
            : "\(quoted(host)) is not an IPv4 or IPv6 address; names are not looked up here"
    }
}

/// `2001:db8::1` for `[2001:db8::1]`; every other text as it is.
private func withoutBrackets(_ text: some StringProtocol) -> String {
    text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : String(text)
}
