extension ValueGrammar where Value == String? {
    /// A name for Via (RFC 9110 §7.6.3 has a token there), or `auto` for nil.
    static var pseudonym: ValueGrammar {
        let longest = 64
        let form = "name of letters, digits, '-', '.' and '_', at most \(longest), or auto"
        return .scalar(form, format: { $0 ?? "auto" }) { text throws(ValueProblem) in
            if text == "auto" { return nil }
            guard !text.isEmpty else { throw ValueProblem("has no value; write a \(form)") }
            let isName = text.utf8.allSatisfy { byte in
                let character = Character(UnicodeScalar(byte))
                return character.isASCII
                    && (character.isLetter || character.isNumber || "-._".contains(character))
            }
            guard isName, text.utf8.count <= longest else {
                throw ValueProblem("\(quoted(text)) cannot stand in Via; write a \(form)")
            }
            return text
        }
    }
}
