import Access
import Dialling

extension ValueGrammar where Value == [DestinationPattern] {
    /// Destinations; `any` is one of them, and the word `none` stands for an empty list where `none` may be.
    static func destinations(none: Bool) -> ValueGrammar {
        let word = none ? "none" : "any"
        return ValueGrammar(
            form: "\(word), or a list of host, .host, address or block, each with :port if need be",
            takesList: true,
            parse: { raw throws(ValueProblem) in
                if none && raw.isSequence && raw.items.isEmpty { return [] }
                if none && !raw.isSequence && raw.items.first?.text == "none" { return [] }
                return try parseList(raw, emptyMeans: "write \(word) or a host") { text throws(ValueProblem) in
                    do throws(DestinationPatternError) {
                        return try DestinationPattern(text)
                    } catch {
                        throw ValueProblem(error.description)
                    }
                }
            },
            format: { $0.isEmpty ? "none" : $0.map(\.description).joined(separator: ",") }
        )
    }
}

extension ValueGrammar where Value == [AddressRange] {
    /// Blocks of addresses; a word stands for an empty list.
    static func blocks(or word: String) -> ValueGrammar {
        ValueGrammar(
            form: "\(word), or a list of addresses or blocks such as 10.0.0.0/8",
            takesList: true,
            parse: { raw throws(ValueProblem) in
                if raw.isSequence && raw.items.isEmpty { return [] }
                if !raw.isSequence && raw.items.first?.text == word { return [] }
                return try parseList(raw, emptyMeans: "write \(word) or a block") { text throws(ValueProblem) in
                    do throws(AddressRangeError) {
                        return try AddressRange(text)
                    } catch {
                        throw ValueProblem(error.description)
                    }
                }
            },
            format: { $0.isEmpty ? word : $0.map(\.description).joined(separator: ",") }
        )
    }
}
