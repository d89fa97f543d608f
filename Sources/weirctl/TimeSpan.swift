import ArgumentParser
import Basics

/// A length of time as it is typed: `60`, `60s`, `500ms`, `1.5m`, `2h`; without a unit in seconds.
struct TimeSpan: ExpressibleByArgument, CustomStringConvertible, Equatable {
    let description: String
    let interval: Interval

    /// More than a year is a mistake.
    private static let longest = 366.0 * 86_400

    init(seconds: Int) {
        description = "\(seconds)s"
        interval = .seconds(seconds)
    }

    init?(argument: String) {
        let digits = argument.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let units = ["": 1.0, "ms": 0.001, "s": 1, "m": 60, "h": 3600]
        guard let number = Double(digits), let unit = units[String(argument.dropFirst(digits.count))],
            number * unit <= TimeSpan.longest
        else { return nil }
        description = argument
        interval = Interval(nanoseconds: Int64(number * unit * 1e9))
    }
}
