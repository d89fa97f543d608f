/// Amounts as a person reads them: few digits and a unit.
enum Quantity {
    /// `42s`, `2h 3m`, `5d 1h`: the two largest units.
    static func duration(_ seconds: Double) -> String {
        // A length of time beyond any process would not fit a whole number.
        let whole = Int(min(max(0, seconds), 1e15))
        let parts = [
            (whole / 86_400, "d"), (whole / 3600 % 24, "h"), (whole / 60 % 60, "m"), (whole % 60, "s"),
        ]
        let first = parts.firstIndex { $0.0 > 0 } ?? 3
        return parts[first...].prefix(2).map { "\($0.0)\($0.1)" }.joined(separator: " ")
    }

    /// `999 B`, `1.5 KiB`, `20 MiB`.
    static func bytes(_ count: Int) -> String {
        if count < 1024 { return "\(count) B" }
        var value = Double(count)
        var unit = ""
        for next in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] where value >= 1024 {
            value /= 1024
            unit = next
        }
        let tenths = Int(value * 10)
        return value < 10 ? "\(tenths / 10).\(tenths % 10) \(unit)" : "\(Int(value)) \(unit)"
    }
}
