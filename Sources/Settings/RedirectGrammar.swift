/// Where `on` listens.
private let usualEndpoints: [NetworkEndpoint] = ["127.0.0.1", "::1"].compactMap { text in
    NumericAddress(text).map { NetworkEndpoint(address: $0, port: 3129) }
}

extension ValueGrammar where Value == [NetworkEndpoint] {
    /// `off` for none, `on` for the usual ones, or at least one `address:port`.
    static var redirectEndpoints: ValueGrammar {
        ValueGrammar(
            form: "on, off, or a list of address:port",
            takesList: true,
            parse: { raw throws(ValueProblem) in
                let word = raw.isSequence ? nil : raw.items.first?.text
                switch word {
                case "off": return []
                case "on": return usualEndpoints
                default:
                    return try parseList(raw, emptyMeans: "write on, off or an address:port") {
                        text throws(ValueProblem) in
                        try parseEndpoint(text)
                    }
                }
            },
            format: { endpoints in
                if endpoints.isEmpty { return "off" }
                return endpoints == usualEndpoints
                    ? "on" : endpoints.map(\.description).joined(separator: ",")
            }
        )
    }
}

extension ValueGrammar where Value == Settings.AutomaticCount {
    /// A mark of packets, 0 for none, or `auto`, which has to be fitted.
    static var mark: ValueGrammar {
        let form = "number from 0 to 4294967295, 0x3077 for example, or auto"
        return .scalar(form, format: { $0.isAutomatic ? "auto" : String($0.count) }) {
            text throws(ValueProblem) in
            if text == "auto" { return Settings.AutomaticCount() }
            guard !text.isEmpty else { throw ValueProblem("has no value; write a \(form)") }
            let isHexadecimal = text.hasPrefix("0x")
            let digits = isHexadecimal ? text.dropFirst(2) : text[...]
            guard digits.first != "+", digits.first != "-",
                let mark = UInt32(digits, radix: isHexadecimal ? 16 : 10)
            else {
                throw ValueProblem("\(quoted(text)) is no mark; write a \(form)")
            }
            return Settings.AutomaticCount(count: Int(mark), isAutomatic: false)
        }
    }
}
