/// More connections, fields or requests than any host could hold: beyond this a number is a slip of the pen.
private let most = 100_000_000

extension ValueGrammar where Value == Int {
    /// A whole number, at least 1.
    static func count(from least: Int = 1, to most: Int = most, unlimited: Bool = false) -> ValueGrammar {
        let form = "number from \(least) to \(most)" + (unlimited ? ", or unlimited" : "")
        return .scalar(form, format: { $0 == .max ? "unlimited" : String($0) }) { text throws(ValueProblem) in
            if text == "unlimited" {
                if unlimited { return .max }
                throw ValueProblem("must be bounded; write a \(form)")
            }
            return try parseCount(text, least...most, form: form, unlimited: unlimited)
        }
    }

    /// A number of bytes such as `64KiB`.
    static func size(from least: Int, to most: Int) -> ValueGrammar {
        let form = "size from \(sizeText(least)) to \(sizeText(most))"
        return .scalar(form, format: sizeText) { text throws(ValueProblem) in
            let value = try parseSize(text, form: form)
            guard value >= least && value <= most else {
                throw ValueProblem("\(quoted(text)) is out of range; write a \(form)")
            }
            return value
        }
    }
}

extension ValueGrammar where Value == Settings.AutomaticCount {
    /// A whole number, or `auto`.
    static func automaticCount(from least: Int = 1) -> ValueGrammar {
        let form = "number from \(least) to \(most), or auto"
        return .scalar(form, format: { $0.isAutomatic ? "auto" : String($0.count) }) {
            text throws(ValueProblem) in
            if text == "auto" { return Settings.AutomaticCount() }
            if text == "unlimited" {
                throw ValueProblem("must fit the descriptor limit; write auto to use what the host allows")
            }
            let count = try parseCount(text, least...most, form: form, unlimited: false)
            return Settings.AutomaticCount(count: count, isAutomatic: false)
        }
    }
}

private func parseCount(
    _ text: String,
    _ range: ClosedRange<Int>,
    form: String,
    unlimited: Bool
) throws(ValueProblem) -> Int {
    guard !text.isEmpty else { throw ValueProblem("has no value; write a \(form)") }
    guard text.allSatisfy({ $0.isASCII && $0.isNumber }) else {
        throw ValueProblem("\(quoted(text)) is not a plain number; write a \(form)")
    }
    let value = Int(text) ?? .max
    guard range.contains(value) else {
        let zero = value == 0 && unlimited ? "; where no limit is meant, write unlimited" : ""
        throw ValueProblem("\(quoted(text)) is out of range; write a \(form)\(zero)")
    }
    return value
}

/// Units of a size, largest first.
private let units: [(name: String, bytes: Int)] = [
    ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
]

private func parseSize(_ text: String, form: String) throws(ValueProblem) -> Int {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let unit = text[digits.endIndex...]
    guard !digits.isEmpty else {
        throw ValueProblem(
            text.isEmpty
                ? "has no value; write a \(form)"
                : "\(quoted(text)) is not a size; write something like 64KiB"
        )
    }
    if unit.isEmpty { throw ValueProblem("\(quoted(text)) has no unit; write \(digits)B or \(digits)KiB") }
    guard let scale = units.first(where: { $0.name == unit })?.bytes else {
        if unit.hasPrefix(".") { throw ValueProblem("\(quoted(text)) has a fraction; use a smaller unit") }
        let letter = trimmed(unit).first?.uppercased() ?? ""
        let meant = units.first { $0.name.hasPrefix(letter) }?.name
        let right = meant.map { "write \(digits)\($0) (1 KiB is 1024 bytes)" } ?? "use B, KiB, MiB or GiB"
        throw ValueProblem("\(quoted(text)) has the unknown unit \(quoted(trimmed(unit))); \(right)")
    }
    let (bytes, tooMuch) = (Int(digits) ?? .max).multipliedReportingOverflow(by: scale)
    return tooMuch ? .max : bytes
}

/// The canonical text: the largest unit that divides the size.
func sizeText(_ bytes: Int) -> String {
    let unit = units.first { bytes >= $0.bytes && bytes % $0.bytes == 0 } ?? ("B", 1)
    return "\(bytes / unit.bytes)\(unit.name)"
}
