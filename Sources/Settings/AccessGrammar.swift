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
                return try parseList(raw, emptyMeans: "write \(word) or a host") {
                    text throws(ValueProblem) in
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
                return try parseList(raw, emptyMeans: "write \(word) or a block") {
                    text throws(ValueProblem) in
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

extension ValueGrammar where Value == ParentProxy? {
    /// A URI of a proxy, or `none`. Its user and password are shown to nobody.
    static var parentProxy: ValueGrammar {
        let form = "http://host:port, with user:password@ before the host if need be, or none"
        let format: @Sendable (ParentProxy?) -> String = { parent in
            guard let parent else { return "none" }
            return "http://\(parent.authorization.isEmpty ? "" : "***@")\(parent.text)"
        }
        return .scalar(form, format: format) { text throws(ValueProblem) in
            if text == "none" { return nil }
            guard !text.isEmpty else { throw ValueProblem("has no value; write \(form)") }
            do throws(ParentProxyError) {
                return try ParentProxy(text)
            } catch {
                throw ValueProblem("this is no proxy: \(error)")
            }
        }
    }
}

extension ValueGrammar where Value == String? {
    /// The absolute path of a file, or `none`.
    static var file: ValueGrammar {
        let form = "absolute path, or none"
        return .scalar(form, format: { $0 ?? "none" }) { text throws(ValueProblem) in
            if text == "none" { return nil }
            guard !text.isEmpty else { throw ValueProblem("has no value; write an \(form)") }
            guard text.hasPrefix("/"), !text.contains("\0") else {
                throw ValueProblem("\(quoted(text)) is no absolute path; write an \(form)")
            }
            return text
        }
    }
}
