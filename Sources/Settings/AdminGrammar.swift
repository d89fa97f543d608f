extension ValueGrammar where Value == ListenAddress? {
    /// One `address:port` or `unix:/path`, or `off`.
    static var adminAddress: ValueGrammar {
        .scalar("address:port, unix:/path, or off", format: { $0?.description ?? "off" }) {
            text throws(ValueProblem) in
            text == "off" ? nil : try parseListenAddress(text)
        }
    }
}

extension ValueGrammar where Value == [String] {
    /// Host names in lower case; the word `none` stands for none.
    static var hostNames: ValueGrammar {
        ValueGrammar(
            form: "none, or a list of host names",
            takesList: true,
            parse: { raw throws(ValueProblem) in
                if raw.isSequence && raw.items.isEmpty { return [] }
                if !raw.isSequence && raw.items.first?.text == "none" { return [] }
                return try parseList(raw, emptyMeans: "write none or a name") { text throws(ValueProblem) in
                    let isName =
                        (1...253).contains(text.utf8.count) && text.utf8.allSatisfy(isNameByte)
                        && text.first != "." && text.first != "-"
                    guard isName else {
                        throw ValueProblem(
                            "\(quoted(text)) is no host name; write weir.example, without port or scheme"
                        )
                    }
                    return text.lowercased()
                }
            },
            format: { $0.isEmpty ? "none" : $0.joined(separator: ",") }
        )
    }
}

/// A letter, a digit, a hyphen, an underscore or a dot.
private func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
        true
    default: false
    }
}

extension ListenAddress {
    /// Whether only processes of this host can reach it.
    var isOfThisHostAlone: Bool {
        switch self {
        case .unix: true
        case .network(let endpoint): endpoint.address.isLoopback
        }
    }
}
