/// A length of time as it is typed: `60s`, `5m`, `1h`.
public enum ShortTime {
    /// In seconds, 1 to 86,400.
    public static func seconds(_ text: String) throws(RedirectionError) -> Int {
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600]
        guard let unit = text.last.flatMap({ units[$0] }), let number = Int(text.dropLast()),
            text.dropLast().utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), number <= 86_400,
            (1...86_400).contains(number * unit)
        else { throw RedirectionError("'\(text)' is not a time from 1s to 24h such as 60s or 5m") }
        return number * unit
    }
}
