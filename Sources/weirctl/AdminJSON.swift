import FoundationEssentials

/// Reads the JSON pages of the admin server into reports whose members are named in Swift's way.
enum AdminJSON {
    /// Reads a page. `kind` says in an error what was expected (`a status`); `names` are the members whose keys
    /// are names to show, not members of a type.
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
            throw AdminError("the answer is not \(kind) that this weirctl understands")
        }
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
