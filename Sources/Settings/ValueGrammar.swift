/// One value as it was written, before anybody knows what it means.
struct RawItem: Sendable, Equatable {
    var text: String
    var provenance: Provenance
}

/// What was written for one setting: a scalar, or a sequence in YAML or by a repeated flag.
struct RawValue: Sendable, Equatable {
    var items: [RawItem]
    var isSequence: Bool
    var provenance: Provenance

    /// One scalar.
    init(_ text: String, at provenance: Provenance) {
        items = [RawItem(text: text, provenance: provenance)]
        isSequence = false
        self.provenance = provenance
    }

    /// A sequence.
    init(sequence items: [RawItem], at provenance: Provenance) {
        self.items = items
        isSequence = true
        self.provenance = provenance
    }

    /// The items of a list: those of a sequence, or a scalar's parts between commas.
    var listed: [RawItem] {
        if isSequence { return items }
        return items.flatMap { item in
            item.text.split(separator: ",", omittingEmptySubsequences: false).map {
                RawItem(text: trimmed($0), provenance: item.provenance)
            }
        }
    }
}

/// Why a value is refused, and where, if that is narrower than the whole value.
struct ValueProblem: Error {
    var problem: String
    var provenance: Provenance?

    init(_ problem: String, at provenance: Provenance? = nil) {
        self.problem = problem
        self.provenance = provenance
    }
}

/// How the values of one kind of setting are written, checked and shown.
struct ValueGrammar<Value: Equatable & Sendable>: Sendable {
    /// What may be written, for people.
    let form: String
    /// Whether several values may be given: a sequence in a file, a flag repeated.
    let takesList: Bool
    let parse: @Sendable (RawValue) throws(ValueProblem) -> Value
    /// The canonical text of a value, without its sequence brackets: parts between commas.
    let format: @Sendable (Value) -> String

    /// A kind whose value is one word.
    static func scalar(
        _ form: String,
        format: @escaping @Sendable (Value) -> String,
        parse: @escaping @Sendable (String) throws(ValueProblem) -> Value
    ) -> ValueGrammar {
        ValueGrammar(
            form: form,
            takesList: false,
            parse: { raw throws(ValueProblem) in
                guard !raw.isSequence, let item = raw.items.first else {
                    throw ValueProblem("takes one value, not a list")
                }
                return try parse(item.text)
            },
            format: format
        )
    }
}

extension ValueGrammar where Value == Bool {
    /// `on` or `off`.
    static var onOff: ValueGrammar {
        .scalar("on or off", format: { $0 ? "on" : "off" }) { text throws(ValueProblem) in
            switch text {
            case "on": return true
            case "off": return false
            default: break
            }
            let wanted = ["true", "yes", "1"].contains(text.lowercased()) || text.lowercased() == "on"
            let refused = ["false", "no", "0"].contains(text.lowercased()) || text.lowercased() == "off"
            let right = wanted ? "write on" : refused ? "write off" : "write on or off"
            throw ValueProblem("\(quoted(text)) is neither on nor off; \(right)")
        }
    }
}

extension ValueGrammar where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of the words of an enumeration.
    static var choice: ValueGrammar {
        let words = Value.allCases.map(\.rawValue)
        let form = listing(words, last: "or")
        return .scalar(form, format: \.rawValue) { text throws(ValueProblem) in
            if let value = Value(rawValue: text) { return value }
            let hint = nearest(to: text.lowercased(), among: words).first.map { "; write \($0)" } ?? ""
            throw ValueProblem("\(quoted(text)) is not one of \(form)\(hint)")
        }
    }
}

/// `a, b or c`.
func listing(_ words: [String], last: String) -> String {
    guard let end = words.last, words.count > 1 else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " \(last) \(end)"
}

/// The text in quotation marks, safe to print on one line whatever it holds.
func quoted(_ text: some StringProtocol) -> String {
    let shown = text.unicodeScalars.prefix(60).map { scalar in
        scalar.properties.generalCategory == .control ? "?" : String(scalar)
    }
    return "'\(shown.joined())\(text.unicodeScalars.count > 60 ? "…" : "")'"
}

/// The text without blanks around it.
func trimmed(_ text: some StringProtocol) -> String {
    let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
    guard let first = text.firstIndex(where: { !isBlank($0) }),
        let last = text.lastIndex(where: { !isBlank($0) })
    else { return "" }
    return String(text[first...last])
}
