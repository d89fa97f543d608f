import FoundationEssentials

/// Reads the JSON pages of the admin server into reports whose members are named in Swift's way.
enum AdminJSON {
    /// Reads a page. `kind` says in an error what was expected (`a status`); `names` are the members whose
    /// keys are names to show, not members of a type.
    static func read<Report: Decodable>(
        _ content: [UInt8],
        as kind: String,
        names: Set<String> = []
    ) throws(AdminError) -> Report {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .custom { path in
            let key = path[path.count - 1]
            let isName = path.dropLast().last.map { names.contains($0.stringValue) } ?? false
            return isName ? key : CamelKey(key)
        }
        do {
            return try decoder.decode(Report.self, from: Data(content))
        } catch {
            let reason = (error as? DecodingError).map(reason) ?? "it cannot be read"
            throw AdminError("the answer is not \(kind) that this weirctl understands: \(reason)")
        }
    }

    /// What is wrong, and where: weirctl and weir are to come from one release; this tells if they do not.
    private static func reason(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, let context): "\(place(context.codingPath + [key])) is missing"
        case .valueNotFound(_, let context): "\(place(context.codingPath)) is null"
        case .typeMismatch(_, let context): "\(place(context.codingPath)) is of another type"
        case .dataCorrupted(let context) where context.codingPath.isEmpty: "it is not JSON"
        case .dataCorrupted(let context): "\(place(context.codingPath)) has an unknown value"
        @unknown default: "it cannot be read"
        }
    }

    /// A member as it is called in the JSON: `owners[0].since_seconds`.
    private static func place(_ path: [any CodingKey]) -> String {
        var text = ""
        for key in path {
            if let index = key.intValue {
                text += "[\(index)]"
            } else {
                text += text.isEmpty ? "" : "."
                for character in key.stringValue.prefix(80) {
                    text += character.isUppercase ? "_\(character.lowercased())" : "\(character)"
                }
            }
        }
        return text.isEmpty ? "it" : Printable.text(text)
    }
}

/// A key with `_x` turned into `X`.
private struct CamelKey: CodingKey {
    let stringValue: String
    var intValue: Int?

    init(_ key: any CodingKey) {
        intValue = key.intValue
        let words = key.stringValue.split(separator: "_")
        let rest = words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }
        stringValue = (words.first ?? "") + rest.joined()
    }

    init?(stringValue: String) { self.stringValue = stringValue }

    init?(intValue: Int) {
        self.intValue = intValue
        stringValue = "\(intValue)"
    }
}
