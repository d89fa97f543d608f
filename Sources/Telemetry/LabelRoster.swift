public import Basics

/// Which names that clients choose may stand in labels of metrics. Each value of a label is a time series that
/// Prometheus keeps for weeks, so both are bounded: the names shown at once, and the different ones within a
/// while. The rest is for the caller to add up under one name.
public struct LabelRoster: Sendable {
    /// Most names at once.
    public let maxShown: Int
    /// Most different names within `memory`.
    public let maxRemembered: Int
    /// For how long a name counts after it was shown last.
    public let memory: Interval
    private var lastShown: [String: MonotonicTime] = [:]

    /// Nobody has been shown yet.
    public init(maxShown: Int, maxRemembered: Int, memory: Interval = .seconds(3600)) {
        self.maxShown = maxShown
        self.maxRemembered = maxRemembered
        self.memory = memory
    }

    /// Chooses who is shown now.
    ///
    /// - Parameter ranked: Different names, those that matter most first.
    public mutating func admit(_ ranked: [String], now: MonotonicTime) -> Set<String> {
        lastShown = lastShown.filter { now.since($0.value) < memory }
        var admitted: Set<String> = []
        for name in ranked where admitted.count < maxShown {
            if lastShown[name] == nil && lastShown.count >= maxRemembered { continue }
            lastShown[name] = now
            admitted.insert(name)
        }
        return admitted
    }
}
