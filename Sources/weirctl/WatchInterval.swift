import ArgumentParser

/// How long `--watch` waits between two looks, as it was typed.
///
/// Every text makes one, and whether it is good is asked afterwards: where the conversion fails,
/// ArgumentParser would take `--watch=often` for `--watch`.
struct WatchInterval: ExpressibleByArgument, CustomStringConvertible {
    /// Without a number.
    static let standard = WatchInterval(argument: "2")
    /// Less would be a load on weir, more is a mistake.
    private static let bounds = 0.1...86_400

    let description: String

    init(argument: String) { description = argument }

    /// Nil for what is not a number of seconds within bounds.
    var duration: Duration? {
        guard let seconds = Double(description), Self.bounds.contains(seconds) else { return nil }
        return .seconds(seconds)
    }
}
