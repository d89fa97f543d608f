import Basics

/// Units of a duration, longest first, which is also the order in which a combination names them.
private let units: [(name: String, nanoseconds: Int64)] = [
    ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000),
]

/// A year: longer than any timeout that means anything short of `unlimited`.
private let longest = Interval.seconds(365 * 24 * 3600)

extension ValueGrammar where Value == Interval {
    /// A duration such as `30s`, `500ms` or `1m30s`.
    ///
    /// - Parameters:
    ///   - unlimited: whether the word `unlimited` is taken too.
    ///   - wholeSeconds: for what the kernel counts in seconds.
    static func duration(
        from least: Interval = .milliseconds(1),
        to most: Interval = longest,
        unlimited: Bool = false,
        wholeSeconds: Bool = false
    ) -> ValueGrammar {
        let form =
            "duration from \(durationText(least)) to \(durationText(most))"
            + (wholeSeconds ? " in whole seconds" : "") + (unlimited ? ", or unlimited" : "")
        return .scalar(form, format: durationText) { text throws(ValueProblem) in
            if text.lowercased() == "unlimited" {
                if unlimited && text == "unlimited" { return .unlimited }
                throw ValueProblem(
                    unlimited ? "write unlimited, in lower case" : "must be bounded; write a \(form)"
                )
            }
            let value = try parseDuration(text)
            if value < least || value > most {
                let zero = value == .zero && unlimited ? "; where no limit is meant, write unlimited" : ""
                throw ValueProblem("\(quoted(text)) is out of range; write a \(form)\(zero)")
            }
            if wholeSeconds && value.nanoseconds % 1_000_000_000 != 0 {
                throw ValueProblem(
                    "\(quoted(text)) is not a whole number of seconds, which is what the kernel counts"
                )
            }
            return value
        }
    }
}

/// Parses parts of number and unit, longest unit first, each unit once.
private func parseDuration(_ text: String) throws(ValueProblem) -> Interval {
    var rest = Substring(text)
    var total: Int64 = 0
    var coarser = units.startIndex
    guard !rest.isEmpty else { throw ValueProblem("has no value; write a duration such as 30s") }
    while !rest.isEmpty {
        let digits = rest.prefix { $0.isASCII && $0.isNumber }
        rest = rest[digits.endIndex...]
        let unit = rest.prefix { !($0.isASCII && $0.isNumber) }
        rest = rest[unit.endIndex...]
        if digits.isEmpty { throw notADuration(text) }
        guard !unit.isEmpty else {
            throw total == 0 && digits.count == text.count
                ? ValueProblem("\(quoted(text)) has no unit; write \(digits)s or \(digits)ms")
                : ValueProblem("\(quoted(text)) lacks a unit at its end; write something like 1m30s")
        }
        if unit == "." {
            throw ValueProblem("\(quoted(text)) has a fraction; use a smaller unit, such as 1500ms")
        }
        guard let index = units.firstIndex(where: { $0.name == unit }) else {
            throw unknownUnit(unit, after: digits, in: text)
        }
        guard index >= coarser else {
            throw ValueProblem(
                "\(quoted(text)) names its units out of order or twice; write something like 1m30s"
            )
        }
        coarser = index + 1
        let (part, tooLong) = (Int64(digits) ?? .max).multipliedReportingOverflow(
            by: units[index].nanoseconds
        )
        let (sum, tooMuch) = total.addingReportingOverflow(part)
        total = tooLong || tooMuch ? .max - 1 : sum
    }
    return Interval(nanoseconds: total)
}

private func notADuration(_ text: String) -> ValueProblem {
    ValueProblem("\(quoted(text)) is not a duration; write something like 30s, 500ms or 1m30s")
}

/// What people write elsewhere for weir's units.
private let otherNames: [(unit: String, names: [String])] = [
    ("h", ["h", "hr", "hour", "hours"]),
    ("m", ["m", "min", "mins", "minute", "minutes"]),
    ("s", ["s", "sec", "secs", "second", "seconds"]),
    ("ms", ["ms", "msec", "millis", "milliseconds"]),
]

private func unknownUnit(_ unit: Substring, after digits: Substring, in text: String) -> ValueProblem {
    let word = trimmed(unit).lowercased()
    if let meant = otherNames.first(where: { $0.names.contains(word) })?.unit {
        let whole = digits.count + unit.count == text.count
        let right = whole ? "write \(digits)\(meant)" : "the unit is written \(meant)"
        return ValueProblem("\(quoted(text)) is not how weir writes a duration; \(right)")
    }
    if word == "d" || word.hasPrefix("day") {
        return ValueProblem("\(quoted(text)) counts in days; the largest unit is h, and a day is 24h")
    }
    return ValueProblem("\(quoted(text)) has the unknown unit \(quoted(word)); use ms, s, m or h")
}

/// The canonical text: whole seconds below ten minutes (`90s`, `300s`), else the parts that are not zero
/// (`1h30m`).
func durationText(_ value: Interval) -> String {
    if value.isUnlimited { return "unlimited" }
    if value < .seconds(600) && value.nanoseconds % 1_000_000_000 == 0 {
        return "\(value.nanoseconds / 1_000_000_000)s"
    }
    if value < .seconds(10) { return "\(value.inMilliseconds)ms" }
    var rest = value.nanoseconds
    var text = ""
    for unit in units where rest >= unit.nanoseconds {
        text += "\(rest / unit.nanoseconds)\(unit.name)"
        rest %= unit.nanoseconds
    }
    return text
}
